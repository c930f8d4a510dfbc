import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// Tensors of one shape that do the same for the same input, exchanged.
  static let siblingFaults: [Fault] = [
    Fault(
      "weights.of-sibling", "the weights are those of another product of the same input", .weights,
      at: .products.filtered { $1.sibling(of: $0) != nil },
      practice: "two names are exchanged when loading: gate and up, key and value"
    ) { site in
      let other = site.graph.sibling(of: site.operation)
      let parameters = other?.parameters.compactMap { site.parameter($0.parameter) } ?? []
      return parameters.count == site.parameters.count ? site.evaluated(parameters: parameters) : nil
    }
  ]
}

extension Graph {
  /// The next product of the same input whose tensors have the same shapes and are others.
  fileprivate func sibling(of operation: Operation) -> Operation? {
    guard operation.output.block != nil else { return nil }
    let own = operation.parameters
    let alike = operations.filter {
      $0.inputs == operation.inputs && $0.kind == operation.kind
        && $0.parameters.map(\.parameter.shape) == own.map(\.parameter.shape)
        && $0.parameters.map(\.selection) == own.map(\.selection)
    }
    guard let place = alike.firstIndex(of: operation) else { return nil }
    let next = alike[(place + 1) % alike.count]
    return next.parameters.map(\.parameter) == own.map(\.parameter) ? nil : next
  }
}
