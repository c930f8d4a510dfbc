import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Reading {
  /// Nonlinearities as functions of their input alone.
  static let functions: [Reading] = [
    Reading("activation.clamped", .activation, of: ActivationFunction.self) { own, site, got in
      let samples = FunctionSamples(own, site, got)
      let above = samples.plateau(isAbove: true).map { ($0, true) }
      let below = samples.plateau(isAbove: false).map { ($0, false) }
      let both = zip([above.first].compactMap(\.self), [below.first].compactMap(\.self)).map { [$0, $1] }
      return ((above + below).map { [$0] } + both).map { limits in
        let sentences = limits.map { limit, isAbove in
          "inputs \(isAbove ? "above" : "below") \(words(limit)) are clamped"
        }
        return Guess(sentences.joined(separator: ", "), numbers: limits.count) { site in
          site.evaluated(changing: 0) { x in
            for (limit, isAbove) in limits {
              x.values = x.values.map { isAbove ? min($0, limit) : max($0, limit) }
            }
          }
        }
      }
    },
    Reading("activation.cut-off", .activation, of: ActivationFunction.self) { own, site, got in
      FunctionSamples(own, site, got).cutOffs.map { limit in
        Guess(
          "inputs above \(words(limit)) are handed on as they are, and below \(words(-limit)) give 0",
          numbers: 1
        ) { site in
          site.elementwise { x, right in x > limit ? x : x < -limit ? 0 : right }
        }
      }
    },
    Reading("activation.leak", .activation, of: ActivationFunction.self) { own, site, got in
      let x = site.activations[0].values
      let negative = x.indices.filter { x[$0] < 0 }
      guard let slope = quotient(of: negative.map { got.values[$0] }, on: negative.map { x[$0] }) else {
        return []
      }
      return plainNumbers(near: slope).filter { $0 != 0 }.map { slope in
        Guess("negative inputs are multiplied by \(words(slope))", numbers: 1) { site in
          site.elementwise { x, right in x < 0 ? slope * x : right }
        }
      }
    },
    Reading("activation.other-constants", .activation, of: ActivationFunction.self) { own, site, got in
      FunctionSamples(own, site, got).constants
    },
    Reading("activation.not-applied", .activation, of: ActivationFunction.self) { _, site, got in
      let (x, right) = (site.activations[0], site.evaluated())
      guard got.shape == x.shape else { return [] }
      let columns = (0..<got.rowWidth).filter { column in
        (0..<got.rowCount).allSatisfy { got[$0, column] == x[$0, column] }
          && (0..<got.rowCount).contains { right[$0, column] != x[$0, column] }
      }
      guard !columns.isEmpty, columns.count < got.rowWidth else { return [] }
      let isTail = columns == Array(got.rowWidth - columns.count..<got.rowWidth)
      let name = isTail ? "columns from \(columns[0]) on" : inWords(columns, "column", "columns")
      return [
        Guess("\(name) \(columns.count == 1 ? "is" : "are") not activated: what is read is handed on") {
          site in
          site.edited { y in
            for row in 0..<y.rowCount {
              for column in columns where column < y.rowWidth {
                y[row, column] = site.activations[0][row, column]
              }
            }
          }
        }
      ]
    },
    Reading("activation.not-finite", .activation, of: ActivationFunction.self) { own, site, got in
      FunctionSamples(own, site, got).overflow.map { [$0] } ?? []
    },
    Reading("activation.other-function", .activation, of: ActivationFunction.self, isLast: true) {
      own, site, got in
      let (x, right) = (site.activations[0].values, site.evaluated().values)
      let samples = x.indices.map { index in
        (
          argument: x[index], error: got.values[index] - right[index],
          noise: 0x1p-22 * (abs(right[index]) + 0x1p-3 * abs(x[index]))
        )
      }
      guard let function = FunctionOfInput(samples) else { return [] }
      let isNear = function.greatest <= 0.01 * right.reduce(0) { max($0, abs($1)) }
      return [
        Guess(
          own.function.inWords
            + (isNear
              ? " is approximated, by a function of its input alone,"
              : " is another function of its input alone,")
            + " off by at most \(significant(function.greatest, 2)), at \(significant(function.argument, 2))"
        ) { $0.captured }
      ]
    },
  ]
}

extension FaultSite {
  /// Each element by its input and what is due.
  fileprivate func elementwise(_ rule: (Double, Double) -> Double) -> Tensor<Double> {
    let right = evaluated()
    return Tensor(zip(activations[0].values, right.values).map(rule), shape: right.shape)
  }
}

/// Inputs and outputs of a nonlinearity, sorted by the input.
private struct FunctionSamples {
  private let own: ActivationFunction
  private let samples: [(x: Double, got: Double, right: Double)]

  init(_ own: ActivationFunction, _ site: FaultSite, _ got: Tensor<Double>) {
    self.own = own
    let right = site.evaluated()
    samples = zip(site.activations[0].values, zip(got.values, right.values))
      .map { (x: $0, got: $1.0, right: $1.1) }.filter(\.x.isFinite).sorted { $0.x < $1.x }
  }

  private func isRight(_ sample: (x: Double, got: Double, right: Double)) -> Bool {
    abs(sample.got - sample.right) <= 1e-5 * max(abs(sample.right), 1e-2 * abs(sample.x))
  }

  /// The input from which on the output does not change any more, in plain numbers; none where it does.
  func plateau(isAbove: Bool) -> [Double] {
    let ordered = isAbove ? samples : samples.reversed()
    guard let last = ordered.last, !isRight(last) else { return [] }
    let level = last.got
    let flat = ordered.reversed().prefix { abs($0.got - level) <= 1e-6 * abs(level) }
    guard flat.count > 2, let first = flat.last, flat.count < ordered.count else { return [] }
    let before = ordered[ordered.count - flat.count - 1]
    // The function is monotonous this far out.
    var (low, high) = (min(before.x, first.x), max(before.x, first.x))
    let rises = own.function(high) >= own.function(low)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if (own.function(middle) < level) == rises { low = middle } else { high = middle }
    }
    return plainNumbers(near: (low + high) / 2)
  }

  /// The input beyond which the output is the input, or 0 on the other side, in plain numbers.
  var cutOffs: [Double] {
    let wrong = samples.filter { !isRight($0) }
    guard !wrong.isEmpty, wrong.allSatisfy({ $0.got == $0.x || $0.got == 0 }) else { return [] }
    let least = wrong.reduce(Double.infinity) { min($0, abs($1.x)) }
    let between = samples.filter { isRight($0) && abs($0.x) < least && $0.got != $0.x && $0.got != 0 }
    guard between.count > 2 else { return [] }
    let greatest = between.reduce(0) { max($0, abs($1.x)) }
    return Array(Set(plainNumbers(near: least) + plainNumbers(near: (least + greatest) / 2)))
      .filter { $0 > 0 && $0 <= least && $0 >= greatest }.sorted { words($0).count < words($1).count } + [
        greatest
      ]
  }

  /// Forms of the function with other constants.
  var constants: [Reading.Guess] {
    let told = samples.filter { $0.x != 0 && $0.got.isFinite }
    if own.function.tanhFactor != nil {
      var system = LeastSquares(2)
      for sample in told where abs(sample.x) > 0.1 {
        let t = 2 * sample.got / sample.x - 1
        guard abs(t) < 0.999 else { continue }
        // Each as precise as its tanh.
        let weight = 1 - t * t
        system.add([weight * sample.x, weight * sample.x * sample.x * sample.x], weight * atanh(t))
      }
      guard let read = system.solution, read[0] != 0 else { return [] }
      let due = (own.function.tanhFactor ?? 0, 0.044715)
      return ([due.0] + plainNumbers(near: read[0])).flatMap { root in
        ([due.1] + plainNumbers(near: read[1] / read[0])).filter { (root, $0) != due }.map { cubic in
          let parts =
            (root == due.0 ? [] : ["√(2/π) is \(words(root)) instead of \(words(due.0))"])
            + (cubic == due.1 ? [] : ["0.044715 is \(words(cubic))"])
          return Reading.Guess("GELU's constant " + parts.joined(separator: ", and "), numbers: parts.count) {
            $0.elementwise { x, _ in 0.5 * x * (1 + tanh(root * (x + cubic * x * x * x))) }
          }
        }
      }
    }
    guard own.function == .quickGELU || own.function == .silu else { return [] }
    var system = LeastSquares(1)
    for sample in told {
      let x = own.clipped(sample.x)
      let share = sample.got / x
      guard share > 1e-3, share < 0.999 else { continue }
      let weight = share * (1 - share)
      system.add([weight * x], weight * log(share / (1 - share)))
    }
    guard let read = system.solution?.first else { return [] }
    let due = own.function == .silu ? 1 : 1.702
    return plainNumbers(near: read).filter { $0 != due }.map { factor in
      Reading.Guess(
        "it is x·σ(\(words(factor))·x) instead of x·σ(\(due == 1 ? "" : "\(words(due))·")x)", numbers: 1
      ) {
        $0.elementwise { [own] x, _ in own.clipped(x) / (1 + exp(-factor * own.clipped(x))) }
      }
    }
  }

  /// Where the output is no number: above an input, or below one.
  var overflow: Reading.Guess? {
    for isAbove in [true, false] {
      let ordered = isAbove ? samples : samples.reversed()
      guard let first = ordered.firstIndex(where: { $0.got.isNaN }) else { return nil }
      guard first > 0, ordered[first...].allSatisfy({ $0.got.isNaN }) else { continue }
      let (right, wrong) = (ordered[first - 1].x, ordered[first].x)
      let why = own.function.tanhFactor != nil || own.function == .tanh ? "tanh" : "an exponential"
      let (side, other) = isAbove ? ("above", "below") : ("below", "above")
      return Reading.Guess(
        "\(why) overflows: NaN wherever the input is \(side) \(significant(wrong, 3)), right where it is \(other) "
          + significant(right, 3), granting: .nan
      ) { site in
        site.elementwise { x, due in (isAbove ? x >= wrong : x <= wrong) ? .nan : due }
      }
    }
    return nil
  }
}
