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
      guard let parameters = other?.parameters.compactMap({ site.parameter($0.parameter) }),
        parameters.count == other?.parameters.count
      else { return nil }
      // A module without a bias adds none.
      let none = site.parameters.dropFirst(parameters.count).map { Tensor(repeating: 0, shape: $0.shape) }
      return site.evaluated(parameters: Array((parameters + none).prefix(site.parameters.count)))
    },
    Fault(
      "bias.of-sibling", "the bias of another product of the same input is added", .bias,
      at: .products.filtered { $1.biasOfSibling(of: $0) != nil },
      practice: "a bias is expected where the model has none"
    ) { site in
      guard let bias = site.graph.biasOfSibling(of: site.operation).flatMap(site.parameter) else {
        return nil
      }
      return site.edited { value in
        let (rows, width) = (site.inputs.count, value.rowWidth)
        for row in 0..<value.rowCount {
          for column in 0..<width { value[row, column] += bias.values[row / rows * width + column] }
        }
      }
    },
  ]
}

extension Graph {
  /// The bias of a product of the same input and shape, for one that has none.
  fileprivate func biasOfSibling(of operation: Operation) -> Parameter? {
    guard operation.parameters.count == 1 else { return nil }
    let (own, whole) = (operation.parameters[0], ParameterView(operation.parameters[0].parameter).selection)
    return operations.first {
      $0.inputs == operation.inputs && $0.kind == operation.kind && $0.parameters.count == 2
        && $0.parameters[0].parameter.shape == own.parameter.shape
        && $0.parameters.allSatisfy { $0.selection == whole }
    }?.parameters[1].parameter
  }

  /// The next product of the same input whose matrix has the same shape and is another.
  fileprivate func sibling(of operation: Operation) -> Operation? {
    guard operation.output.block != nil else { return nil }
    let own = operation.parameters
    let alike = operations.filter {
      $0.inputs == operation.inputs && $0.kind == operation.kind
        && $0.parameters.first?.parameter.shape == own.first?.parameter.shape
        && $0.parameters.first?.selection == own.first?.selection
    }
    guard let place = alike.firstIndex(of: operation) else { return nil }
    let next = alike[(place + 1) % alike.count]
    return next.parameters.map(\.parameter) == own.map(\.parameter) ? nil : next
  }
}
