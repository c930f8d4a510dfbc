import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Fault {
  /// Mistakes of experts: of whose weights they are, and of how gate and up stand together.
  static let expertFaults: [Fault] = [
    Fault(
      "experts.weights-of-next", "an expert has the weights of the next one", .weights,
      at: Place.products.filtered { $1.nextExpert(behind: $0) != nil },
      practice: "experts are counted from 1, or a stack of matrices is read from another offset"
    ) { site in
      guard let views = site.graph.nextExpert(behind: site.operation) else { return nil }
      let parameters = views.compactMap { view in
        site.parameter(view.parameter).map { ParameterValues($0, view) }
      }
      guard parameters.count == views.count else { return nil }
      return site.operation.kind.value(Operands(site.activations, parameters: parameters), in: site.inputs)
    },
    interleaved(
      "experts.gate-and-up-exchanged", "gate and up are exchanged", "the order of the two is another"
    ) {
      ParameterView.Selection(
        groups: $0.groups, parts: 2, take: 1 - $0.take.lowerBound..<2 - $0.take.lowerBound, expert: $0.expert)
    },
    interleaved(
      "experts.halves-for-interleaved", "gate and up are read as halves where they alternate",
      "the layout of another model family is assumed"
    ) { ParameterView.Selection(parts: 2, take: $0.take, expert: $0.expert) },
  ]

  /// Another part of a matrix whose outputs alternate.
  private static func interleaved(
    _ id: String, _ name: String, _ practice: String,
    _ other: @escaping @Sendable (ParameterView.Selection) -> ParameterView.Selection
  ) -> Fault {
    let place = Place.products.filtered { operation, _ in
      (operation.parameters.first?.selection).map { $0.groups > 1 && $0.parts == 2 && $0.take.count == 1 }
        ?? false
    }
    return Fault(id, name, .weights, at: place, practice: practice) { site in
      (site.operation.parameters.first?.selection).map { site.evaluated(selecting: other($0)) }
    }
  }
}

extension Graph {
  /// What the same product of the next expert reads; nil for a product of no expert, or of the only one.
  fileprivate func nextExpert(behind operation: Operation) -> [ParameterView]? {
    guard case .expert(let expert, let ids)? = selection(of: operation.output),
      let name = operation.output.name.split(separator: "/").last
    else { return nil }
    func sibling(_ expert: Int) -> Operation? {
      operations.first { other in
        other.output.block == operation.output.block && other.kind == operation.kind
          && selection(of: other.output) == .expert(expert, of: ids)
          && other.output.name.split(separator: "/").last == name
      }
    }
    let next = sibling(expert + 1) ?? sibling(0)
    return next == operation ? nil : next?.parameters
  }
}
