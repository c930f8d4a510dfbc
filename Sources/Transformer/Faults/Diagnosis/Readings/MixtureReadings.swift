import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension ChosenRows {
  /// Rows of something else, or of other tokens, or multiplied.
  static let readings: [Reading] = [
    Reading("experts.other-rows", .wiring, of: ChosenRows.self) { own, site, got in
      site.otherRows(than: own.expert) + site.weighedRows(own.expert) + site.multipliedRows(got)
        + site.rowsOfTokens(got, own.expert)
    }
  ]
}

extension FaultSite {
  /// Rows of another activation that has one for each token.
  fileprivate func otherRows(than expert: Int) -> [Reading.Guess] {
    let (own, block) = (operation.inputs[0], operation.output.block)
    let beside = graph.operations.filter { $0.output.block == block }
    let others = (beside.map(\.output) + beside.flatMap(\.inputs)).reduce(into: [Activation]()) {
      found, other in
      // What has rows of some tokens alone may have as many by chance.
      guard other != own, !found.contains(other), graph.selection(of: other) == nil,
        activation(other)?.shape == activations[0].shape
      else { return }
      found.append(other)
    }
    return others.map { other in
      Reading.Guess("experts are given rows of \(other) instead of \(own)") { site in
        site.evaluated(reading: other)
      }
    }
  }

  /// Rows that are weighed before the expert instead of behind it.
  fileprivate func weighedRows(_ expert: Int) -> [Reading.Guess] {
    let ids = operation.inputs[1]
    let weights = graph.operations.first { $0.kind.payload is RouteWeights && $0.inputs[1] == ids }?.output
    guard let weights else { return [] }
    return [
      Reading.Guess("rows are multiplied by their weights before the expert") { site in
        guard let weights = site.activation(weights), let own = site.operation.kind.payload as? ChosenRows
        else {
          return nil
        }
        let (x, ids) = (site.activations[0], site.activations[1])
        var values: [Double] = []
        for token in 0..<x.rowCount {
          guard let slot = ids.row(token).firstIndex(of: Double(own.expert)) else { continue }
          let weight = weights[token, slot - ids.row(token).startIndex]
          values += x.row(token).map { $0 * weight }
        }
        return Tensor(values, shape: [values.count / max(x.rowWidth, 1), x.rowWidth])
      }
    ]
  }

  fileprivate func multipliedRows(_ got: Tensor<Double>) -> [Reading.Guess] {
    guard let read = quotient(of: got.values, on: evaluated().values), read != 0 else { return [] }
    return Reading.factors(near: read).map { name, factor in
      Reading.Guess("rows are multiplied by \(name) before the expert", numbers: 1) { site in
        site.edited { $0.values = $0.values.map { $0 * factor } }
      }
    }
  }

  /// The tokens whose rows an expert was given.
  fileprivate func rowsOfTokens(_ got: Tensor<Double>, _ expert: Int) -> [Reading.Guess] {
    let (x, ids) = (activations[0], activations[1])
    let due = (0..<x.rowCount).filter { ids.row($0).contains(Double(expert)) }
    guard got.rowCount == due.count, got.rowWidth == x.rowWidth else { return [] }
    let tolerance = 1e-6 * x.greatestMagnitude
    let read = (0..<got.rowCount).map { row in
      (0..<x.rowCount).first { token in
        zip(got.row(row), x.row(token)).allSatisfy { abs($0 - $1) <= tolerance }
      }
    }
    let tokens = read.compactMap(\.self)
    guard tokens.count == due.count, tokens != due else { return [] }
    return [
      Reading.Guess("the rows are those of tokens \(words(tokens)) instead of \(words(due))") { site in
        let x = site.activations[0]
        guard tokens.allSatisfy((0..<x.rowCount).contains) else { return nil }
        return Tensor(tokens.flatMap { x.row($0) }, shape: [tokens.count, x.rowWidth])
      }
    ]
  }
}

extension Mixture {
  /// What of the experts' results is added, with which weights, and their last biases.
  static let readings: [Reading] = [
    Reading("experts.other-sum", .wiring, of: Mixture.self) { _, site, got in
      site.missingResults(got) + weightRules + biasRules
    }
  ]

  private static let weightRules: [Reading.Guess] = [
    weights("weights are divided by their sum once more") { weights, _ in
      let total = weights.reduce(0, +)
      return weights.map { $0 / total }
    },
    weights("each expert counts by the weight of the choice before its own") { weights, _ in
      weights.suffix(1) + weights.dropLast()
    },
    weights("weights are taken by the experts' numbers") { weights, ids in
      let order = ids.indices.sorted { ids[$0] < ids[$1] }
      var y = weights
      for (place, slot) in order.enumerated() { y[slot] = weights[place] }
      return y
    },
    weights("the sum is divided by the number of choices") { weights, _ in
      weights.map { $0 / Double(weights.count) }
    },
    weights("what the experts made is weighted by the square roots of the weights") { weights, _ in
      weights.map { $0.squareRoot() }
    },
  ]

  private static func weights(
    _ name: String, _ rule: @escaping @Sendable (_ weights: [Double], _ ids: [Double]) -> [Double]
  ) -> Reading.Guess {
    Reading.Guess(name) { site in
      let ids = site.activations[0]
      return site.evaluated(changing: 1) { weights in
        for token in 0..<weights.rowCount {
          let row = rule(Array(weights.row(token)), Array(ids.row(token)))
          for (slot, weight) in row.enumerated() { weights[token, slot] = weight }
        }
      }
    }
  }

  private static let biasRules: [Reading.Guess] = [
    biases("the experts' last biases are added without their weights") { 1 - $0 },
    biases("the experts' last biases are weighted twice") { $0 * $0 - $0 },
    biases("the experts' last biases are not added") { -$0 },
  ]

  /// How often a bias is added besides, by its weight.
  private static func biases(_ name: String, _ times: @escaping @Sendable (Double) -> Double) -> Reading.Guess
  {
    Reading.Guess(name) { site in
      let (ids, weights) = (site.activations[0], site.activations[1])
      let biases = site.operation.inputs.dropFirst(2).map { input -> ParameterValues<Double>? in
        guard let maker = site.graph.operation(making: input), maker.parameters.count > 1,
          let stored = site.parameter(maker.parameters[1].parameter)
        else { return nil }
        return ParameterValues(stored, maker.parameters[1])
      }
      guard biases.allSatisfy({ $0 != nil }) else { return nil }
      return site.edited { y in
        for token in 0..<y.rowCount {
          for (slot, expert) in ids.experts(of: token, among: biases.count).enumerated() {
            guard let expert, let bias = biases[expert] else { continue }
            let factor = times(weights[token, slot])
            for column in 0..<y.rowWidth { y[token, column] += factor * bias[column] }
          }
        }
      }
    }
  }
}

extension FaultSite {
  /// What experts made and what is not in the sum, by what each token's sum says of its terms.
  fileprivate func missingResults(_ got: Tensor<Double>) -> [Reading.Guess] {
    let (ids, weights) = (activations[0], activations[1])
    let outputs = Array(activations.dropFirst(2))
    let places = Mixture.places(ids, rowCounts: outputs.map(\.rowCount))
    let greatest = weights.greatestMagnitude
    var terms: [MissingTerms.Term] = []
    for (token, choices) in places.enumerated() {
      let known = choices.enumerated().compactMap { slot, place in place.map { (slot, $0.expert, $0.row) } }
      guard got.rowWidth >= known.count else { return [] }
      var system = LeastSquares(known.count)
      for column in 0..<got.rowWidth {
        system.add(known.map { outputs[$0.1][$0.2, column] }, got[token, column])
      }
      guard let read = system.solution else { return [] }
      for (term, times) in zip(known, read) {
        let weight = weights[token, term.0]
        // Of what hardly counts it is not told whether it is there.
        guard abs(weight) > 4e-3 * greatest else { continue }
        let isMissing = abs(times) <= 1e-3 * greatest
        guard isMissing || abs(times - weight) <= 1e-3 * greatest else { return [] }
        terms.append(.init(token: token, slot: term.0, expert: term.1, row: term.2, isMissing: isMissing))
      }
    }
    guard terms.contains(where: \.isMissing) else { return [] }
    return MissingTerms(terms).guesses
  }
}

/// Which results of experts are not added.
private struct MissingTerms {
  struct Term: Sendable {
    let token: Int
    let slot: Int
    let expert: Int
    /// Which of the expert's rows.
    let row: Int
    let isMissing: Bool
  }

  private let terms: [Term]
  private let missing: [Term]

  init(_ terms: [Term]) {
    self.terms = terms
    missing = terms.filter(\.isMissing)
  }

  var guesses: [Reading.Guess] { ofRows + ofExperts + [ofTokens] }

  /// Those of each expert from some row on.
  private var ofRows: [Reading.Guess] {
    guard let first = missing.map(\.row).min(), first > 0,
      terms.allSatisfy({ $0.isMissing == ($0.row >= first) })
    else { return [] }
    let count = first == 1 ? "first token" : "first \(first) tokens"
    return [guess("what each expert makes of its \(count) alone is added") { _, row, _, _ in row >= first }]
  }

  /// All those of some experts.
  private var ofExperts: [Reading.Guess] {
    let experts = Set(missing.map(\.expert))
    guard terms.allSatisfy({ $0.isMissing == experts.contains($0.expert) }) else { return [] }
    let which = (experts.count == 1 ? "expert " : "experts ") + runs(Array(experts))
    return [guess("what \(which) made is not added") { expert, _, _, _ in experts.contains(expert) }]
  }

  private var ofTokens: Reading.Guess {
    let places = Set(missing.map { [$0.token, $0.slot] })
    let tokens = Set(missing.map(\.token)).sorted()
    let name =
      "\(missing.count) of \(terms.count) results of experts are not added, of \(tokens.count == 1 ? "token" : "tokens") "
      + runs(tokens)
    return guess(name) { _, _, token, slot in places.contains([token, slot]) }
  }

  /// Without the results of which a rule of expert, row, token and choice holds.
  private func guess(_ name: String, _ isMissing: @escaping @Sendable (Int, Int, Int, Int) -> Bool)
    -> Reading.Guess
  {
    Reading.Guess(name) { site in
      let outputs = site.activations.dropFirst(2)
      let places = Mixture.places(site.activations[0], rowCounts: outputs.map(\.rowCount))
      return site.evaluated(changing: 1) { weights in
        for (token, choices) in places.enumerated() {
          for case (let slot, let place?) in choices.enumerated()
          where isMissing(place.expert, place.row, token, slot) {
            weights[token, slot] = 0
          }
        }
      }
    }
  }
}
