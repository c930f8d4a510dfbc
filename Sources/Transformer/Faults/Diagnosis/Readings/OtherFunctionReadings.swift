import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Reading {
  /// Functions that no model here has, in the place of a nonlinearity or behind any operation, and a nonlinearity of a
  /// multiple of its input.
  static let otherFunctions: [Reading] = [
    Reading("activation.of-other-models", .activation, of: ActivationFunction.self) { own, site, got in
      let x = site.activations[0].values
      let probes = Probes(site, got)
      return KnownFunction.others.filter { function in probes.agree { function.value(x[$0]) } }.map {
        function in
        Guess("the nonlinearity is \(function.name) instead of \(own.function.inWords)") { site in
          let x = site.activations[0]
          return Tensor(x.values.map(function.value), shape: x.shape)
        }
      }
    },
    Reading("activation.input-times", .activation, of: ActivationFunction.self) { own, site, got in
      let x = site.activations[0].values
      let probes = Probes(site, got)
      guard let read = probes.factor({ own.function($1 * x[$0]) }) else { return [] }
      return factors(near: read).map { name, factor in
        Guess("its input is multiplied by \(name)", numbers: 1) { site in
          site.evaluated(changing: 0) { $0.values = $0.values.map { $0 * factor } }
        }
      }
    },
  ]

  /// What is stored is a function of what is due.
  static let functionsBehind: [Reading] = [
    Reading("values.through-function", .wiring, at: .computed) { site, got in
      let (probes, want) = (Probes(site, got), site.evaluated().values)
      return KnownFunction.all.filter { function in probes.agree { function.value(want[$0]) } }.map {
        function in
        Guess("\(function.name) is applied to the result") { site in
          site.edited { $0.values = $0.values.map(function.value) }
        }
      }
    }
  ]
}

/// A function by which people make one number of another.
private struct KnownFunction: Sendable {
  let name: String
  let value: @Sendable (Double) -> Double

  init(_ name: String, _ value: @escaping @Sendable (Double) -> Double) {
    (self.name, self.value) = (name, value)
  }

  /// Those of the models here, then others.
  static let all =
    ActivationFunction.Function.allCases.map { function in KnownFunction(function.inWords) { function($0) } }
    + others

  static let others: [KnownFunction] = [
    KnownFunction("softplus") { $0 > 40 ? $0 : log1p(exp($0)) },
    KnownFunction("Mish") { $0 * tanh($0 > 40 ? $0 : log1p(exp($0))) },
    KnownFunction("ELU") { $0 > 0 ? $0 : expm1($0) },
    KnownFunction("SELU") { 1.050_700_987_355_480_5 * ($0 > 0 ? $0 : 1.673_263_242_354_377_2 * expm1($0)) },
    KnownFunction("hard swish") { $0 * min(max($0 + 3, 0), 6) / 6 },
    KnownFunction("the hard logistic function") { min(max($0 + 3, 0), 6) / 6 },
    KnownFunction("ReLU6") { min(max($0, 0), 6) },
    KnownFunction("softsign") { $0 / (1 + abs($0)) },
    KnownFunction("the exponential") { exp($0) },
    KnownFunction("the square") { $0 * $0 },
    KnownFunction("the magnitude") { abs($0) },
    KnownFunction("the sine") { sin($0) },
  ]
}

/// Some of the elements that are wrong, by which ways to compute them are refuted before all are computed.
struct Probes {
  private let places: [Int]
  private let got: [Double]
  private let want: [Double]

  private static let count = 48
  /// What share of an error a way may leave.
  private static let rest = 0.05

  init(_ site: FaultSite, _ got: Tensor<Double>) {
    let step = max(1, site.wrongPlaces.count / Self.count)
    places = stride(from: 0, to: site.wrongPlaces.count, by: step).map { site.wrongPlaces[$0] }
    (self.got, want) = (got.values, site.evaluated().values)
  }

  /// Whether all of them are nearly what is computed.
  func agree(_ value: (Int) -> Double) -> Bool {
    !places.isEmpty
      && places.allSatisfy { abs(value($0) - got[$0]) <= Self.rest * abs(want[$0] - got[$0]) }
  }

  /// The factor, from a thousandth to a thousand and of either sign, with which a way to compute them agrees; nil for none.
  func factor(_ value: (_ place: Int, _ factor: Double) -> Double) -> Double? {
    func rest(_ factor: Double) -> Double {
      places.reduce(0) { sum, place in
        let difference = value(place, factor) - got[place]
        return sum + difference * difference
      }
    }
    // A hundred and fifty steps for each sign, then halves of the last.
    let steps = stride(from: -7.0, through: 7, by: 14 / 150.0)
    var best: (factor: Double, rest: Double) = (1, .infinity)
    for sign in [1.0, -1] {
      for step in steps {
        let factor = sign * exp(step)
        let own = rest(factor)
        if own < best.rest { best = (factor, own) }
      }
    }
    var size = 7 / 150.0
    while size > 1e-10 {
      let near = [best.factor * exp(-size), best.factor * exp(size)].map { ($0, rest($0)) }.min {
        $0.1 < $1.1
      }
      if let near, near.1 < best.rest { best = (near.0, near.1) } else { size /= 2 }
    }
    return agree { value($0, best.factor) } ? best.factor : nil
  }
}
