import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension RouteWeights {
  /// Weights that stand in another order, are made of something else, or are divided by it.
  static let readings: [Reading] = [
    Reading("router.other-weights", .softmax, of: RouteWeights.self) { own, site, got in
      orders(choices: got.rowWidth) + RouteShares(own, site, got).guesses
    }
  ]

  /// Weights of a token in another order than its experts.
  private static func orders(choices count: Int) -> [Reading.Guess] {
    func ordered(
      _ name: String, _ order: @escaping @Sendable (_ weights: [Double], _ ids: [Double]) -> [Double]
    ) -> Reading.Guess {
      Reading.Guess(name) { site in
        let (weights, ids) = (site.evaluated(), site.activations[1])
        let rows = (0..<weights.rowCount).flatMap { order(Array(weights.row($0)), Array(ids.row($0))) }
        return Tensor(rows, shape: weights.shape)
      }
    }
    @Sendable func byNumber(_ ids: [Double]) -> [Int] { ids.indices.sorted { ids[$0] < ids[$1] } }
    let shifted = (1..<max(count, 1)).map { shift in
      ordered("each expert has the weight of the choice \(shift == 1 ? "" : "\(shift) ")before its own") {
        weights, _ in
        weights.indices.map { weights[($0 + weights.count - shift) % weights.count] }
      }
    }
    return [
      ordered("weights stand by the experts' numbers, the experts by their scores") { weights, ids in
        byNumber(ids).map { weights[$0] }
      },
      Reading.Guess("weights stand in the order in which experts were chosen, the experts do not") { site in
        guard let own = site.operation.kind.payload as? RouteWeights else { return nil }
        let (weights, ids, logits) = (site.evaluated(), site.activations[1], site.activations[0])
        let (choice, added) = (RouteIDs(1, by: own.function), site.addedForChoice)
        let rows = (0..<weights.rowCount).flatMap { token -> [Double] in
          let scores = choice.scores(Array(logits.row(token)), correction: added)
          let chosen = ids.experts(of: token, among: scores.count).map { $0.map { scores[$0] } ?? -.infinity }
          let row = Array(weights.row(token))
          return chosen.indices.sorted { chosen[$0] > chosen[$1] }.map { row[$0] }
        }
        return Tensor(rows, shape: weights.shape)
      },
      ordered("weights stand best first, the experts do not") { weights, _ in weights.sorted(by: >) },
      ordered("weights stand least first, the experts do not") { weights, _ in weights.sorted() },
    ] + shifted
  }
}

/// What weights may be made of, and divided by.
private struct RouteShares {
  /// What is made of the logits of a token: for all experts, and of these for the chosen.
  private struct Share: Sendable {
    let name: String
    let ofAll: @Sendable ([Double]) -> [Double]
    var ofChosen: @Sendable ([Double]) -> [Double] = { $0 }
  }

  /// What shares are divided by: from those of all, those of the chosen, and what is added to those for the choice.
  private struct Divisor: Sendable {
    let name: String
    let value:
      @Sendable (_ all: [Double], _ chosen: [Double], _ added: [Double], _ addedToAll: [Double]) -> Double
  }

  private let own: RouteWeights
  private let site: FaultSite
  private let got: Tensor<Double>

  init(_ own: RouteWeights, _ site: FaultSite, _ got: Tensor<Double>) {
    (self.own, self.site, self.got) = (own, site, got)
  }

  var guesses: [Reading.Guess] { products + epsilons + temperatures + powers }

  private static func sigmoid(_ x: [Double]) -> [Double] { x.map { ActivationFunction.Function.sigmoid($0) } }

  private static let shares: [Share] = [
    Share(name: "shares of the softmax over all", ofAll: { $0.softmax() }),
    Share(name: "logistic functions", ofAll: sigmoid),
    Share(name: "the softmax of shares of the softmax", ofAll: { $0.softmax() }, ofChosen: { $0.softmax() }),
    Share(name: "the softmax of logistic functions", ofAll: sigmoid, ofChosen: { $0.softmax() }),
    Share(name: "logits", ofAll: { $0 }),
    Share(name: "exponentials of logits", ofAll: { $0.map { exp($0) } }),
  ]

  private static let divisors: [Divisor] = [
    Divisor(name: "not divided by their sum") { _, _, _, _ in 1 },
    Divisor(name: "divided by their sum") { _, chosen, _, _ in chosen.reduce(0, +) },
    Divisor(name: "divided by the sum of all") { all, _, _, _ in all.reduce(0, +) },
    Divisor(name: "divided by the greatest of them") { _, chosen, _, _ in chosen.max() ?? 1 },
    Divisor(name: "divided by the root of the sum of their squares") { _, chosen, _, _ in
      chosen.reduce(0) { $0 + $1 * $1 }.squareRoot()
    },
    Divisor(name: "divided by their sum where that is more than 1") { _, chosen, _, _ in
      max(chosen.reduce(0, +), 1)
    },
    Divisor(name: "divided by the sum of these and the next best expert") { all, chosen, _, addedToAll in
      let order = RouteIDs.best(chosen.count + 1, of: zip(all, addedToAll).map { $0 + $1 })
      return order.reduce(0) { $0 + all[$1] }
    },
    Divisor(name: "divided by the sum of what they were chosen by") { _, chosen, added, _ in
      zip(chosen, added).reduce(0) { $0 + $1.0 + $1.1 }
    },
  ]

  /// Shares, divided and multiplied.
  private var products: [Reading.Guess] {
    Self.shares.flatMap { share in
      Self.divisors.compactMap { divisor -> [Reading.Guess]? in
        let value = site.weights { logits, chosen, added in
          let all = share.ofAll(logits)
          let own = share.ofChosen(chosen.map { all[$0] })
          let by = divisor.value(all, own, chosen.map { added[$0] }, added)
          return own.map { $0 / by }
        }
        guard let value, let read = quotient(of: got.values, on: value.values), read != 0,
          zip(got.values, value.values).allSatisfy({ abs($0 - read * $1) <= 1e-4 * got.greatestMagnitude })
        else { return nil }
        return factors(near: read).map { text, factor, count in
          Reading.Guess("weights are \(share.name), \(divisor.name)\(text)", numbers: count) { site in
            let value = site.weights { logits, chosen, added in
              let all = share.ofAll(logits)
              let own = share.ofChosen(chosen.map { all[$0] })
              let by = divisor.value(all, own, chosen.map { added[$0] }, added)
              return own.map { factor * $0 / by }
            }
            return value
          }
        }
      }.flatMap(\.self)
    }
  }

  /// The factor that is due, none, or one that was read.
  private func factors(near read: Double) -> [(text: String, factor: Double, numbers: Int)] {
    if abs(read / own.factor - 1) < 1e-4 { return [("", own.factor, 0)] }
    if abs(read - 1) < 1e-4 { return [(", not multiplied by \(words(own.factor))", 1, 0)] }
    return Reading.factors(near: read).map { (", multiplied by \($0.name)", $0.factor, 1) }
  }

  /// What is added to a sum that divides.
  private var epsilons: [Reading.Guess] {
    guard own.isNormalised else { return [] }
    let forms: [(String, @Sendable ([Double]) -> [Double])] =
      own.function == .sigmoid
      ? [("logistic functions", Self.sigmoid)]
      : [
        ("shares", { @Sendable in $0.softmax() }),
        ("exponentials", { @Sendable logits in logits.map { exp($0 - (logits.max() ?? 0)) } }),
      ]
    let factor = own.factor
    return forms.flatMap { form, share -> [Reading.Guess] in
      guard let shares = site.weights({ logits, chosen, _ in chosen.map { share(logits)[$0] } }) else {
        return []
      }
      let read = (0..<got.rowCount).compactMap { token -> Double? in
        let (weights, own) = (got.row(token), shares.row(token))
        return quotient(of: own.map { factor * $0 }, on: weights).map { $0 - own.reduce(0, +) }
      }
      guard let least = read.min(), let greatest = read.max(), least > 0, greatest < 1.5 * least else {
        return []
      }
      return plainNumbers(near: read.reduce(0, +) / Double(read.count)).map { epsilon in
        Reading.Guess("\(words(epsilon)) is added to the sum of \(form) that divides", numbers: 1) { site in
          site.weights { logits, chosen, _ in
            let own = chosen.map { share(logits)[$0] }
            let total = own.reduce(0, +) + epsilon
            return own.map { factor * $0 / total }
          }
        }
      }
    }
  }

  /// Logits that are divided first, by what the weights of two experts tell.
  private var temperatures: [Reading.Guess] {
    let (logits, ids) = (site.activations[0], site.activations[1])
    let own = own
    var widest: (token: Int, first: Int, second: Int, gap: Double)?
    for token in 0..<got.rowCount {
      let chosen = ids.experts(of: token, among: logits.rowWidth)
      for second in chosen.indices.dropFirst() {
        guard let a = chosen[0], let b = chosen[second] else { continue }
        let gap = abs(logits[token, a] - logits[token, b])
        if gap > widest?.gap ?? 0 { widest = (token, 0, second, gap) }
      }
    }
    guard let widest, got[widest.token, widest.second] > 0 else { return [] }
    let wanted = log(got[widest.token, widest.first] / got[widest.token, widest.second])
    let chosen = ids.experts(of: widest.token, among: logits.rowWidth).compactMap(\.self)
    guard chosen.count == ids.rowWidth else { return [] }
    let (a, b) = (logits[widest.token, chosen[widest.first]], logits[widest.token, chosen[widest.second]])
    func apart(_ temperature: Double) -> Double {
      own.function == .softmax
        ? (a - b) / temperature
        : log(Self.sigmoid([a / temperature])[0] / Self.sigmoid([b / temperature])[0])
    }
    // Weights come nearer as logits are divided by more.
    var (low, high) = (1e-3, 1e3)
    for _ in 0..<100 {
      let middle = (low * high).squareRoot()
      if abs(apart(middle)) > abs(wanted) { low = middle } else { high = middle }
    }
    return plainNumbers(near: (low * high).squareRoot()).filter { abs($0 - 1) > 1e-4 && $0 > 0 }.map { by in
      Reading.Guess("logits are divided by \(words(by)) before they become weights", numbers: 1) { site in
        site.evaluated(changing: 0) { $0.values = $0.values.map { $0 / by } }
      }
    }
  }

  /// Roots and squares.
  private var powers: [Reading.Guess] {
    let due = site.evaluated()
    let told = due.values.indices.filter { due.values[$0] > 0 && got.values[$0] > 0 && due.values[$0] != 1 }
    guard !told.isEmpty,
      let power = quotient(of: told.map { log(got.values[$0]) }, on: told.map { log(due.values[$0]) })
    else { return [] }
    return plainNumbers(near: power).filter { $0 != 1 }.map { power in
      let name =
        power == 0.5
        ? "the square roots of those due"
        : power == 2 ? "the squares of those due" : "those due to the power \(words(power))"
      return Reading.Guess("weights are \(name)", numbers: 1) { site in
        site.edited { $0.values = $0.values.map { pow($0, power) } }
      }
    }
  }
}

extension FaultSite {
  /// What is added to the score of each expert for the choice.
  fileprivate var addedForChoice: [Double] {
    graph.operation(making: operation.inputs[1])?.parameters.first.flatMap {
      parameter($0.parameter)?.values
    } ?? [Double](repeating: 0, count: activations[0].rowWidth)
  }

  /// Weights by a rule of the logits of a token, its experts, and what is added to each expert's score for the choice; nil
  /// where a token goes to an expert that there is not.
  fileprivate func weights(_ rule: ([Double], [Int], [Double]) -> [Double]) -> Tensor<Double>? {
    let (logits, ids) = (activations[0], activations[1])
    let added = addedForChoice
    var values: [Double] = []
    for token in 0..<ids.rowCount {
      let chosen = ids.experts(of: token, among: logits.rowWidth).compactMap(\.self)
      guard chosen.count == ids.rowWidth else { return nil }
      values += rule(Array(logits.row(token)), chosen, added)
    }
    return Tensor(values, shape: ids.shape)
  }
}
