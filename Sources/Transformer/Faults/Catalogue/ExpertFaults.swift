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
      "experts.gate-and-up-exchanged", "the columns of the other of gate and up are read",
      "the order of the two is another"
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
    guard let expert = expert(of: operation) else { return nil }
    let next = parameters(ofExpert: expert + 1, like: operation) ?? parameters(ofExpert: 0, like: operation)
    return next == operation.parameters ? nil : next
  }

  /// Which expert's rows an operation makes; nil for those of no expert.
  func expert(of operation: Operation) -> Int? {
    guard case .expert(let expert, _)? = selection(of: operation.output) else { return nil }
    return expert
  }

  /// What the same operation of another expert of the block reads; nil where there is none.
  func parameters(ofExpert expert: Int, like operation: Operation) -> [ParameterView]? {
    experts(like: operation)[expert]?.parameters
  }

  /// How many experts have the same operation: numbers from 0 on.
  func expertCount(like operation: Operation) -> Int { experts(like: operation).count }

  /// The same operation of each expert of a block.
  private func experts(like operation: Operation) -> [Int: Operation] {
    guard case .expert(_, let ids)? = selection(of: operation.output),
      let name = operation.output.name.split(separator: "/").last
    else { return [:] }
    return operations.reduce(into: [:]) { found, other in
      guard other.output.block == operation.output.block, other.kind == operation.kind,
        case .expert(let expert, ids)? = selection(of: other.output),
        other.output.name.split(separator: "/").last == name
      else { return }
      found[expert] = other
    }
  }
}
