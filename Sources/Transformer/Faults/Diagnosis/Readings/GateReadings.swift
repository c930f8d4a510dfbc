import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Product {
  /// What is added to what passes the gate, and where it is clipped.
  static let readings: [Reading] = [
    Reading("gate.other-factor", .activation, of: Product.self) { own, site, got in
      let read = GateFactor(own, site, got)
      return read.sums + own.clipped + read.limits
    }
  ]

  /// The same limit in other places.
  private var clipped: [Reading.Guess] {
    guard let limit else { return [] }
    func guess(_ name: String, _ rule: @escaping @Sendable (Double, Double) -> Double) -> Reading.Guess {
      Reading.Guess(name) { site in
        let (a, b) = (site.activations[0], site.activations[1])
        return Tensor(zip(a.values, b.values).map(rule), shape: a.shape)
      }
    }
    let plus = plus
    @Sendable func within(_ x: Double) -> Double { min(max(x, -limit), limit) }
    var found = [
      guess("what passes the gate is clipped above alone") { $0 * (min($1, limit) + plus) },
      guess("what passes the gate is clipped below alone") { $0 * (max($1, -limit) + plus) },
    ]
    if plus != 0 {
      let added = words(plus)
      found += [
        guess("what passes the gate is clipped once \(added) is added") { $0 * within($1 + plus) },
        guess("\(added) is added to the gate instead of to what passes it") { ($0 + plus) * within($1) },
        guess("\(added) is added to the gate too") { ($0 + plus) * (within($1) + plus) },
      ]
    }
    return found
  }
}

/// The second factor of a gated product, as the captured product tells it.
private struct GateFactor {
  private let own: Product
  private let gate: [Double]
  private let passing: [Double]
  private let got: [Double]

  init(_ own: Product, _ site: FaultSite, _ got: Tensor<Double>) {
    self.own = own
    (gate, passing, self.got) = (site.activations[0].values, site.activations[1].values, got.values)
  }

  private func within(_ x: Double) -> Double { own.limit.map { min(max(x, -$0), $0) } ?? x }

  /// Another number that is added.
  var sums: [Reading.Guess] {
    let rest = gate.indices.map { got[$0] - gate[$0] * within(passing[$0]) }
    guard let read = quotient(of: rest, on: gate) else { return [] }
    return plainNumbers(near: read).filter { $0 != own.plus }.map { plus in
      let due = own.plus == 0 ? "nothing" : words(own.plus)
      return Reading.Guess("\(words(plus)) is added to what passes the gate instead of \(due)", numbers: 1) {
        [own] site in site.evaluated(as: Product(plus: plus, limit: own.limit))
      }
    }
  }

  /// Another limit: several elements have the same second factor, which none exceeds.
  var limits: [Reading.Guess] {
    let told = gate.indices.filter { abs(gate[$0]) > 1e-6 && got[$0].isFinite }
    let factors = told.map { got[$0] / gate[$0] - own.plus }
    let due = own.limit.map { "at \(words($0))" } ?? "not at all"
    func guesses(_ read: Double, _ side: String, _ rule: @escaping @Sendable (Double, Double) -> Double)
      -> [Reading.Guess]
    {
      plainNumbers(near: read).filter { $0 > 0 }.map { limit in
        Reading.Guess(
          "what passes the gate is clipped \(side)at \(words(limit)) instead of \(due)", numbers: 1
        ) {
          [own] site in
          let (a, b) = (site.activations[0], site.activations[1])
          return Tensor(zip(a.values, b.values).map { $0 * (rule($1, limit) + own.plus) }, shape: a.shape)
        }
      }
    }
    let (above, below) = (factors.max() ?? 0, factors.min() ?? 0)
    func isPlateau(_ level: Double) -> Bool {
      factors.count { abs($0 - level) <= 1e-5 * abs(level) } > 1
    }
    guard isPlateau(above) || isPlateau(below) else { return [] }
    let greatest = max(above, -below)
    return guesses(greatest, "") { min(max($0, -$1), $1) }
      + (isPlateau(above) ? guesses(above, "above alone ") { min($0, $1) } : [])
      + (isPlateau(below) ? guesses(-below, "below alone ") { max($0, -$1) } : [])
  }
}

extension ActivationFunction {
  /// Of a function whose argument is clipped: what of it is clipped instead.
  static let clippedReading = Reading("activation.other-clip", .activation, of: ActivationFunction.self) {
    own, _, _ in
    guard let limit = own.limit else { return [] }
    let function = own.function
    func guess(_ name: String, _ rule: @escaping @Sendable (Double) -> Double) -> Reading.Guess {
      Reading.Guess(name) { site in
        let x = site.activations[0]
        return Tensor(x.values.map(rule), shape: x.shape)
      }
    }
    return [
      guess("the function's value is clipped, not its argument") { min(function($0), limit) },
      guess("the gate is clipped, the argument of its logistic function is not") { x in
        x == 0 ? 0 : min(x, limit) * function(x) / x
      },
      guess("the argument of the gate's logistic function is clipped, the gate is not") { x in
        let read = min(x, limit)
        return read == 0 ? 0 : x * function(read) / read
      },
    ]
  }
}
