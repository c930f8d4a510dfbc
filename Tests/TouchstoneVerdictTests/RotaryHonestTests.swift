import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// Rotary positions, norms and gates as programs compute them in float32, and how near they come to their bounds.
@Suite struct RotaryHonestTests {
  typealias Form = HonestArithmetic.RotaryForm

  /// A rotation and a sequence, drawn at random.
  struct Case {
    let kind: Rotate
    let inputs: Inputs
    let x: Tensor<Double>

    init(_ scaling: Scaling, seed: UInt64) throws {
      var random = SplitMix64(seed: seed)
      let pairs = [2, 4, 16, 32, 64][Int(random.next() % 5)]
      let theta = [100.0, 10_000, 500_000, 1e6][Int(random.next() % 4)]
      let frequencies = RotaryFrequencies(theta: theta, scaling: scaling.value(pairs: pairs, &random))
      kind = Rotate(
        width: 2 * pairs, style: random.next() % 2 == 0 ? .half : .interleaved, frequencies: frequencies,
        magnitude: random.next() % 2 == 0 ? 1 : 1.1386294)
      let limit = 1 << Int.random(in: 4...17, using: &random)
      let positions = (0..<24).map { _ in Int.random(in: 0..<limit, using: &random) }
      inputs = try Inputs(
        tokenIDs: [Int](repeating: 0, count: 24), positionIDs: positions,
        configuration: Configuration(
          vocabularySize: 1, contextLength: 1 << 18, width: 1, layerCount: 1, headCount: 1))
      x = Tensor(
        (0..<48 * 2 * pairs).map { _ in Double(Float.random(in: -2...2, using: &random)) },
        shape: [2, 24, 2 * pairs])
    }
  }

  /// How frequencies are stretched.
  enum Scaling: String, CaseIterable {
    case none, linear, dynamic, llama3, yarn, longrope, proportional

    func value(pairs: Int, _ random: inout SplitMix64) -> RotaryFrequencies.Scaling {
      let factor = Double([2, 4, 8, 32][Int(random.next() % 4)])
      let original = [64, 1024, 8192][Int(random.next() % 3)]
      switch self {
      case .none: return .none
      case .linear: return .linear(factor: factor)
      case .dynamic: return .dynamic(factor: factor, positions: original)
      case .llama3: return .llama3(factor: factor, low: 1, high: 4, original: original)
      case .yarn:
        return .yarn(factor: factor, fast: 32, slow: 1, original: original, truncates: random.next() % 2 == 0)
      case .longrope:
        let factors = (0..<pairs).map { 1 + Double(Float($0) / 3) }
        return .longrope(short: factors.map { $0 / 2 + 0.5 }, long: factors, original: original)
      case .proportional: return .proportional(factor: factor, turning: pairs / 2)
      }
    }
  }

  /// The greatest error over its bound, for one form.
  private func worst(_ sample: Case, _ form: Form) -> Double {
    let estimate = Rounding(.float32).estimate(
      Operation(.rotate(sample.kind), Activation("y"), from: [Activation("x")]), [Operand(values: sample.x)],
      [], inputs: sample.inputs)
    let got = rotated(sample, form)
    return zip(got, zip(estimate.values.values, estimate.bounds)).reduce(0) { worst, element in
      let (want, bound) = element.1
      return max(worst, abs(Double(element.0) - want) / bound.stat)
    }
  }

  private func rotated(_ sample: Case, _ form: Form) -> [Float] {
    let (kind, positions) = (sample.kind, sample.inputs.positionIDs)
    let pairs = kind.width / 2
    let length = (positions.max() ?? 0) + 1
    let exact = kind.frequencies.values(pairs: pairs, sequenceLength: length)
    let own = kind.frequencies.float32Values(pairs: pairs, sequenceLength: length, by: form)
    let width = sample.x.rowWidth
    var y = sample.x.values.map { Float($0) }
    for row in 0..<sample.x.rowCount {
      let position = positions[row % positions.count]
      for pair in 0..<pairs {
        let angle = Float(position) * own[pair]
        var (cosine, sine) = (cos(angle), sin(angle))
        if form == .tables {
          let angle = Double(position) * exact[pair]
          (cosine, sine) = (Float(cos(angle)), Float(sin(angle)))
        }
        let magnitude = Float(kind.magnitude)
        if magnitude != 1 { (cosine, sine) = (cosine * magnitude, sine * magnitude) }
        let (from, to) = kind.columns(of: pair)
        let (a, b) = (Float(sample.x[row, from.0]), Float(sample.x[row, from.1]))
        // Fused or not.
        if pair % 2 == 0 {
          (y[row * width + to.0], y[row * width + to.1]) = (a * cosine - b * sine, b * cosine + a * sine)
        } else {
          y[row * width + to.0] = (a * cosine).addingProduct(-b, sine)
          y[row * width + to.1] = (b * cosine).addingProduct(a, sine)
        }
      }
    }
    return y
  }

  @Test(.clause("BND-24", "BND-25"), arguments: Scaling.allCases)
  func everyProgramsRotationIsWithinItsBound(_ scaling: Scaling) throws {
    for form in Form.allCases {
      for seed in everyday(101...130, each: 3) {
        let worst = worst(try Case(scaling, seed: UInt64(seed)), form)
        #expect(worst <= 1, "\(form), seed \(seed)")
      }
    }
  }

  /// What is wrong by more than a program can be wrong.
  @Test(.clause("BND-24", "BND-25")) func anotherFrequencyIsBeyondTheBound() throws {
    for seed in 1...20 as ClosedRange<UInt64> {
      let sample = try Case(.none, seed: seed)
      let wrong = Rotate(
        width: sample.kind.width, style: sample.kind.style,
        frequencies: RotaryFrequencies(theta: sample.kind.frequencies.theta * (1 + 1e-4)),
        magnitude: sample.kind.magnitude)
      let estimate = Rounding(.float32).estimate(
        Operation(.rotate(sample.kind), Activation("y"), from: [Activation("x")]),
        [Operand(values: sample.x)], [], inputs: sample.inputs)
      let got = Operation.Kind.rotate(wrong).value(Operands([sample.x]), in: sample.inputs)
      let zones = zip(got.values, zip(estimate.values.values, estimate.bounds)).map { got, want in
        want.1.zone(of: abs(got - want.0))
      }
      #expect(zones.max() == .proven, "seed \(seed)")
    }
  }

  /// `TOUCHSTONE_STUDY=11,12 swift test --filter RotaryHonestTests` prints how near these forms come.
  @Test(.enabled(if: !studySeeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure rotations"))
  func measured() throws {
    for scaling in Scaling.allCases {
      let worsts = try Form.allCases.map { form in
        let worst =
          try studySeeds.flatMap { seed in
            try (0..<200).map { self.worst(try Case(scaling, seed: seed &* 1000 &+ $0), form) }
          }.max() ?? 0
        return "\(form) \(worst)"
      }
      print("ROTARY \(scaling): \(worsts.joined(separator: ", "))")
    }
  }
}
