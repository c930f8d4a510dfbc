import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// Which keys each query sees, in all heads alike or in each in its own way.
struct SeenKeys: Sendable, Equatable {
  /// T: as many queries as keys.
  let tokens: Int
  /// By query, then key: one table where all heads are alike, else one for each.
  let tables: [[Bool]]

  /// One table stands for all heads where they are alike.
  init(tokens: Int, tables: [[Bool]]) {
    self.tokens = tokens
    let areAlike = tables.dropFirst().allSatisfy { $0 == tables[0] }
    self.tables = areAlike ? Array(tables.prefix(1)) : tables
  }

  /// By query, then key.
  func table(of head: Int) -> [Bool] { tables[min(head, tables.count - 1)] }
}

extension FaultSite {
  /// Which keys a query may see here, but for masked ones.
  var visibility: Visibility? {
    switch operation.kind.payload {
    case let own as AttentionScores: own.visibility
    case let own as AttentionProbabilities: own.visibility
    case let own as AttentionContext: own.visibility
    default: nil
    }
  }

  /// Which keys each query is to see, by query, then key.
  func dueKeys(_ visibility: Visibility) -> [Bool] {
    let tokens = inputs.count
    return (0..<tokens * tokens).map {
      inputs.isVisible(key: $0 % tokens, from: $0 / tokens, under: visibility)
    }
  }

  /// The operation that makes one of the activations read, with what it reads itself; nil where that is not known.
  func maker(of index: Int) -> FaultSite? {
    guard let maker = graph.operation(making: operation.inputs[index]), maker.parameters.isEmpty else {
      return nil
    }
    let read = maker.inputs.compactMap(activation)
    guard read.count == maker.inputs.count else { return nil }
    return FaultSite(
      site: Site(operation: maker, operands: Operands(read, parameters: []), inputs: inputs), graph: graph,
      activation: activation, parameter: parameter)
  }

  /// Attention probabilities where queries see other keys; none where one sees no key.
  func probabilities(seeing seen: SeenKeys) -> Tensor<Double>? {
    guard operation.kind.payload is AttentionProbabilities, let scores = unmaskedScores() else { return nil }
    let tokens = inputs.count
    var probabilities = Tensor<Double>(repeating: 0, shape: scores.shape)
    for row in 0..<scores.rowCount {
      let (table, first) = (seen.table(of: row / tokens), row % tokens * tokens)
      let visible = (0..<tokens).filter { table[first + $0] }
      for (key, weight) in zip(visible, weights(visible.map { scores[row, $0] }, row: row)) {
        probabilities[row, key] = weight
      }
    }
    return probabilities
  }

  /// The operation's value where queries see other keys; masked scores are replaced, or what they are changed to is stored.
  func seeing(_ seen: SeenKeys, masked: @Sendable (Double) -> Double = { _ in -.infinity }) -> Tensor<Double>?
  {
    guard seen.tokens == inputs.count else { return nil }
    switch operation.kind.payload {
    case is AttentionScores:
      let tokens = inputs.count
      return edited { scores in
        for offset in scores.values.indices
        where !seen.table(of: offset / (tokens * tokens))[offset % (tokens * tokens)] {
          scores.values[offset] = masked(scores.values[offset])
        }
      }
    case is AttentionProbabilities: return probabilities(seeing: seen)
    case is AttentionContext:
      return maker(of: 0)?.probabilities(seeing: seen).map { weights in
        rawContext { _, head, row, key in weights[head, row, key] }
      }
    default: return nil
    }
  }

  /// Which keys were seen by captured probabilities; nil where scores are not known.
  ///
  /// One whose weight would be below every float32 number tells nothing: it is taken to be as it should.
  func keysSeen(inProbabilities got: Tensor<Double>, due: [Bool]) -> SeenKeys? {
    let tokens = inputs.count
    guard got.shape.count == 3, got.shape[1] == tokens, got.shape[2] == tokens, let scores = unmaskedScores()
    else { return nil }
    let leastTelling = -80.0
    let tables = (0..<got.shape[0]).map { head -> [Bool] in
      (0..<tokens).flatMap { query -> [Bool] in
        let row = head * tokens + query
        let seen = (0..<tokens).filter { got[row, $0] != 0 }
        guard !seen.contains(where: { got[row, $0].isNaN }) else {
          return Array(due[query * tokens..<(query + 1) * tokens])
        }
        let greatest = seen.reduce(-.infinity) { max($0, scores[row, $1]) }
        return (0..<tokens).map { key in
          if got[row, key] != 0 { return true }
          return due[query * tokens + key] && scores[row, key] - greatest < leastTelling
        }
      }
    }
    return SeenKeys(tokens: tokens, tables: tables)
  }

  /// Which keys were seen by captured scores, and what masked ones were changed to; what the definition masks is not told.
  ///
  /// - Returns: the number in the place of a masked score or, if `isAdded`, what was added to it; −∞ where that is recorded.
  func keysSeen(
    inScores got: Tensor<Double>, due: [Bool]
  ) -> (seen: SeenKeys, mask: Double, isAdded: Bool)? {
    let tokens = inputs.count
    guard got.shape.count == 3, got.shape[1] == tokens, got.shape[2] == tokens else { return nil }
    let right = evaluated()
    guard let mask = mask(in: got, right) else { return nil }
    let tables = (0..<got.shape[0]).map { head -> [Bool] in
      (0..<tokens * tokens).map { place in
        let offset = head * tokens * tokens + place
        guard due[place] else { return false }
        return !mask.isMasked(got.values[offset], right.values[offset])
      }
    }
    return (SeenKeys(tokens: tokens, tables: tables), mask.number, mask.isAdded)
  }

  private struct Mask {
    let number: Double
    let isAdded: Bool

    func isMasked(_ got: Double, _ right: Double) -> Bool {
      let read = isAdded ? got - right : got
      return read == number || number.isFinite && abs(read - number) <= 1e-6 * abs(number)
    }
  }

  /// −∞ where it stands for a number, else one that is much less than any score and stands for several.
  private func mask(in got: Tensor<Double>, _ right: Tensor<Double>) -> Mask? {
    let finite = right.values.indices.filter { right.values[$0].isFinite }
    if finite.contains(where: { got.values[$0] == -.infinity }) {
      return Mask(number: -.infinity, isAdded: false)
    }
    let least = finite.reduce(0) { min($0, right.values[$1]) }
    let low = finite.filter { got.values[$0] < 2 * least - 30 }
    guard let first = low.first else { return nil }
    for isAdded in [false, true] {
      let number = isAdded ? got.values[first] - right.values[first] : got.values[first]
      for plain in plainNumbers(near: number) {
        let mask = Mask(number: plain, isAdded: isAdded)
        if low.allSatisfy({ mask.isMasked(got.values[$0], right.values[$0]) }) { return mask }
      }
    }
    return nil
  }
}
