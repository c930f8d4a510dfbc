import TouchstoneGraph
import TouchstoneModel

extension AttentionGradient: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] {
    switch side {
    case .probabilities: ["BWD-12", "BND-52"]
    case .values: ["BWD-13", "BND-52"]
    case .queries, .keys: ["BWD-15", "BND-52"]
    }
  }

  var isProduct: Bool { true }

  /// A matrix product in each head, with zeros where a query does not see a key.
  ///
  /// Clauses: BND-52.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let (first, second) = (site.activations[0], site.activations[1])
    switch side {
    case .probabilities: return ofProbabilities(first, second, site.inputs, rounding)
    case .queries:
      return joined(
        (0..<heads).map { head in
          let key = second.head(head * second.values.shape[0] / heads)
          return rounding.ofProduct(pairs(first, head, site.inputs), key, scale: scale)
        })
    case .values, .keys:
      let rows = second.rowsOfTokens
      let count = first.values.shape[0]
      let width = rows.values.rowWidth / count
      return joined(
        (0..<heads).map { keyHead in
          // All queries of all heads that share the key's: one sum.
          let group = (0..<count).filter { $0 * heads / count == keyHead }
          let weights = Operand.sideBySide(group.map { pairs(first, $0, site.inputs).transposed })
          let factors = Operand.stacked(group.map { rows.columns($0 * width..<($0 + 1) * width) })
          return rounding.ofProduct(weights, factors, scale: scale)
        })
    }
  }

  /// The definition says which pairs there are; what stands elsewhere may be anything.
  func judgedElements(_ inputs: Inputs, shape: [Int]) -> (Int) -> Bool {
    guard side == .probabilities else { return { _ in true } }
    let (tokens, keys) = (inputs.count, inputs.keyCount(under: visibility))
    return { offset in
      inputs.isVisible(key: offset % keys, from: offset / keys % tokens, under: visibility)
    }
  }

  private func ofProbabilities(
    _ gradient: Operand, _ value: Operand, _ inputs: Inputs, _ rounding: Rounding
  ) -> Estimate {
    let width = value.values.rowWidth
    let (tokens, keys) = (inputs.count, value.values.shape[1])
    let whole = joined(
      (0..<heads).map { head in
        rounding.ofProduct(
          gradient.columns(head * width..<(head + 1) * width),
          value.head(head * value.values.shape[0] / heads).transposed)
      })
    var (values, bounds) = (whole.values, whole.bounds)
    for offset in bounds.indices
    where !inputs.isVisible(key: offset % keys, from: offset / keys % tokens, under: visibility) {
      values.values[offset] = 0
      bounds[offset] = .zero
    }
    return Estimate(values: values, bounds: bounds)
  }

  /// What stands for the pairs of one head, 0 where a query does not see a key: [T, S].
  private func pairs(_ operand: Operand, _ head: Int, _ inputs: Inputs) -> Operand {
    var own = operand.head(head)
    let keys = own.values.rowWidth
    for offset in own.values.values.indices
    where !inputs.isVisible(key: offset % keys, from: offset / keys, under: visibility) {
      own.setZero(at: offset)
    }
    return own
  }

  /// Heads one behind the other.
  private func joined(_ heads: [Estimate]) -> Estimate {
    Estimate(
      values: Tensor(heads.flatMap(\.values.values), shape: [heads.count] + heads[0].values.shape),
      bounds: heads.flatMap(\.bounds))
  }
}

extension Operand {
  /// One head of [n, T, d]: [T, d].
  fileprivate func head(_ head: Int) -> Operand {
    let size = values.shape[1] * values.shape[2]
    return rearranged(shape: Array(values.shape.dropFirst())) { head * size + $0 }
  }

  /// Some columns of a matrix.
  fileprivate func columns(_ range: Range<Int>) -> Operand {
    let width = values.rowWidth
    return rearranged(shape: [values.rowCount, range.count]) {
      $0 / range.count * width + range.lowerBound + $0 % range.count
    }
  }

  /// Matrices one below the other.
  fileprivate static func stacked(_ operands: [Operand]) -> Operand {
    sideBySide(operands.map(\.transposed)).transposed
  }

  /// Puts an exact 0 in one place.
  fileprivate mutating func setZero(at offset: Int) {
    var (values, error) = (values, error)
    values.values[offset] = 0
    error?[offset] = .zero
    self = Operand(values: values, roundoff: roundoff, underflow: underflow, error: error)
  }
}
