import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// What runs of noise scatter by, and what lies outside.
@Suite struct NoiseDistributionTests {
  /// Runs whose elements err by as much as `sizes` says of their columns.
  private struct Noise {
    let exact: Tensor<Double>
    let sizes: [Double]

    init(rows: Int, sizes: [Double]) {
      exact = Tensor(repeating: 1, shape: [rows, sizes.count])
      self.sizes = sizes
    }

    func run(_ random: inout SplitMix64) -> Tensor<Double> {
      var run = exact
      for offset in run.values.indices {
        run.values[offset] += sizes[offset % sizes.count] * Double.random(in: -1.732...1.732, using: &random)
      }
      return run
    }

    func distribution(isJudged: @escaping (Int) -> Bool = { _ in true }) -> NoiseDistribution {
      let reader = StrayReader(exact: exact, projectedBy: nil, passCount: 32, isJudged: isJudged)
      var random = SplitMix64(seed: 5)
      let passes = (0..<32).map { _ in reader.stray(run(&random)) }
      return NoiseDistribution(exact: exact, reader: reader, passes: passes)
    }
  }

  /// Student's t of two degrees of freedom is exceeded to one side once in a thousand times beyond 22.327.
  @Test(.clause("BND-14")) func theThresholdIsExceededOnceInAThousandTimes() {
    let figures = [exp(1.0), exp(-1), exp(1), exp(-1)]
    let threshold = log(NoiseDistribution.threshold(figures))
    #expect(abs(threshold - 22.3271 * (4.0 / 2 * (1 + 1.0 / 4)).squareRoot()) <= 1e-3)
  }

  @Test(.clause("BND-14"), arguments: [1, 2, 3]) func anotherRunOfTheNoiseIsWithinIt(_ seed: UInt64) throws {
    let noise = Noise(rows: 12, sizes: [1, 1, 2, 0.01, 5, 1])
    let distribution = noise.distribution()
    var random = SplitMix64(seed: 100 + seed)
    for _ in 0..<20 {
      let worst = try #require(distribution.worst(noise.run(&random)))
      #expect(worst.ratio <= 1.3, "seed \(seed)")
    }
  }

  /// In a direction in which the noise is small little is seen, in one in which it is large nothing.
  @Test(.clause("BND-14"), arguments: [(0, false), (5, true)])
  func anErrorIsHeldAgainstTheNoiseOfItsDirection(_ column: Int, _ isSeen: Bool) throws {
    let distribution = Noise(rows: 4, sizes: [1, 1, 1, 1, 1, 0.01]).distribution()
    var got = Tensor<Double>(repeating: 1, shape: [4, 6])
    got[2, column] += 0.3
    let worst = try #require(distribution.worst(got))
    #expect((worst.ratio > 1) == isSeen && worst.offset == 2 * 6 + column)
  }

  /// Each row alone is within the noise.
  @Test(.clause("BND-14")) func whatAllRowsHaveInCommonIsSeen() throws {
    let noise = Noise(rows: 60, sizes: [Double](repeating: 1, count: 8))
    let distribution = noise.distribution()
    var random = SplitMix64(seed: 9)
    let run = noise.run(&random)
    for isCommon in [true, false] {
      var got = noise.exact
      for offset in got.values.indices {
        got.values[offset] += 0.75 * (isCommon ? (offset % 2 == 0 ? 1 : -1) : run.values[offset] - 1)
      }
      let worst = try #require(distribution.worst(got))
      #expect((worst.ratio > 1) == isCommon)
    }
  }

  @Test(.clause("BND-14")) func whatIsNotJudgedSaysNothingAndNaNIsWorse() throws {
    let noise = Noise(rows: 3, sizes: [1, 1, 1])
    let distribution = noise.distribution { $0 % 3 < 2 }
    var got = noise.exact
    got.values[2] += 1000
    #expect(try #require(distribution.worst(got)).ratio == 0)
    got.values[4] = .nan
    let worst = try #require(distribution.worst(got))
    #expect(worst.ratio == .infinity && worst.offset == 4)
    #expect(noise.distribution { _ in false }.worst(got) == nil)
  }

  /// A row without any noise is right to the bit.
  @Test(.clause("BND-14")) func whatHasNoNoiseMayNotStray() throws {
    let distribution = Noise(rows: 2, sizes: [0, 0]).distribution()
    var got = Tensor<Double>(repeating: 1, shape: [2, 2])
    #expect(try #require(distribution.worst(got)).ratio == 0)
    got.values[1] = 1.0.nextUp
    #expect(try #require(distribution.worst(got)).ratio == .infinity)
  }

  /// The errors before a projection are recovered from those after it.
  @Test(.clause("BND-14")) func errorsAreRecoveredThroughTheProjection() {
    var random = SplitMix64(seed: 3)
    let weight = Tensor(
      (0..<5 * 40).map { _ in Double(Float.random(in: -1...1, using: &random)) }, shape: [5, 40])
    let exact = Tensor<Double>(repeating: 2, shape: [3, 40])
    let reader = StrayReader(
      exact: exact, projectedBy: MatrixView(StoredTensor(weight)), passCount: 8, isJudged: { _ in true })
    let errors = Tensor((0..<15).map { Double($0) / 7 - 1 }, shape: [3, 5])
    var run = exact
    for row in 0..<3 {
      for column in 0..<40 {
        for input in 0..<5 { run[row, column] += errors[row, input] * weight[input, column] }
      }
    }
    let stray = reader.stray(run)
    #expect(stray.coordinates.shape == [3, 5])
    for (got, want) in zip(stray.coordinates.values, errors.values) { #expect(abs(got - want) <= 1e-6) }
  }

  @Test func theNumberOfPassesIsEvenAndFollowsFromTheWork() {
    #expect(NoiseDistribution.passCount(0) == 32)
    #expect(NoiseDistribution.passCount(8e9) == 14)
    #expect(NoiseDistribution.passCount(1e15) == 8)
  }

  /// Of the logits alone, by whatever right arithmetic.
  @Test(.clause("BND-14"), arguments: Sample.all.prefix(3))
  func honestLogitsAreWithinTheNoise(_ sample: Sample) throws {
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    let point = Activation(.logits)
    func alone(_ arithmetic: HonestArithmetic) throws -> RecordedActivations {
      var run = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
      run.tensors = run.tensors.filter { $0.key == point }
      return run
    }
    let first = try alone(HonestArithmetic.all[0])
    let judge = try #require(try Judge(weights: weights).outputJudge(of: point, in: first))
    for arithmetic in HonestArithmetic.all {
      let logits = try #require(try alone(arithmetic).tensors[point])
      let finding = try #require(try judge.finding(logits))
      #expect(finding.zone == .consistent && finding.method == .localFloor, "\(arithmetic): \(finding.ratio)")
    }
  }
}
