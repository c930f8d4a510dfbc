import TouchstoneGraph
import TouchstoneModel

extension Sum: Bounded {
  func clauses(of operation: Operation, in graph: Graph) -> [String] {
    let addsAttention = operation.inputs.compactMap(graph.operation(making:)).contains { addend in
      addend.inputs.contains { graph.operation(making: $0).map { $0.kind.bounded.attention != nil } ?? false }
    }
    return [
      operation.output.block == nil ? "POS-3" : addsAttention ? "RES-3" : "RES-4",
      operation.inputs.count == 2 ? "BND-4" : "BND-19",
    ]
  }

  var making: Making { .combined }
  var isByRow: Bool { true }
  var isElementwise: Bool { true }

  /// One rounding for two terms; more are added in any order.
  ///
  /// Clauses: BND-4, BND-19.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let value = value(site.operands, in: site.inputs)
    let terms = site.activations
    return Estimate(
      values: value,
      bounds: terms.count == 2
        ? rounding.ofAddition(value, terms[0], terms[1]) : rounding.ofAddition(value, terms))
  }

  var waysToRoundOnce: [Alternative] { [Alternative(policy: .roundedOnce, roundsOnce: true)] }

  /// All but one of three terms and more stored as a sum.
  func stepped(_ site: JudgedSite, to type: ScalarType) -> [Tensor<Double>] {
    let terms = site.activations.map(\.values)
    return terms.indices.map { last in
      Tensor(
        terms[0].values.indices.map { offset in
          let others = terms.indices.reduce(0.0) { $1 == last ? $0 : $0 + terms[$1].values[offset] }
          return type.rounded(others) + terms[last].values[offset]
        }, shape: terms[0].shape)
    }
  }

  func alternatives(to operation: Operation, in model: Alternatives) -> [Alternative] {
    model.ofSum(operation)
  }
}

extension Rounding {
  /// Bounds of a + b: one rounding.
  func ofAddition(_ value: Tensor<Double>, _ left: Operand, _ right: Operand) -> [Bound] {
    value.values.indices.map { offset in
      left.distance(at: offset) + right.distance(at: offset)
        + (unit * abs(value.values[offset]) + underflow)
    }
  }

  /// Bounds of x₁ + … + xₙ, added in any order; in a narrow type the sum of some of them may be stored before the rest is
  /// added.
  func ofAddition(_ value: Tensor<Double>, _ operands: [Operand]) -> [Bound] {
    value.values.indices.map { offset in
      let values = operands.map { $0.values.values[offset] }
      let terms = terms(values)
      return operands.reduce(ofSum(terms)) { $0 + $1.distance(at: offset) }
        + (ofStoredPartialSums(values) + terms.count * underflow)
    }
  }

  /// What storing each sum of some terms, but not of all, may lose: it is as great as all terms but the least at most.
  private func ofStoredPartialSums(_ values: [Double]) -> Double {
    let type = precision.type
    guard !storesExactly(as: type), values.count > 2 else { return 0 }
    let sizes = values.map(abs)
    let greatest = sizes.reduce(0, +) - (sizes.min() ?? 0)
    return greatest.isFinite ? Double(values.count - 2) * type.spacing(around: greatest) / 2 : .infinity
  }
}
