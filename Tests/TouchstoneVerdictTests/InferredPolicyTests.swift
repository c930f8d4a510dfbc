import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// The tightest policy that explains an operation in 16 bits, and what is said of elements that leave it.
@Suite struct InferredPolicyTests {
  private static let types = [ScalarType.bfloat16, .float16]

  /// A run, and one operation of it whose output may be exchanged.
  private struct Bench {
    let weights: Weights
    let inputs: Inputs
    let capture: RecordedActivations
    let operation: TouchstoneGraph.Operation
    let judge: OutputJudge
    let type: ScalarType

    init(_ point: Activation.Point, _ type: ScalarType, way: NarrowEngine.Way = .plain) throws {
      let configuration = try Configuration(
        vocabularySize: 67, contextLength: 48, width: 96, layerCount: 1, headCount: 3,
        activationFunction: .geluTanh, tiesEmbeddings: true)
      weights = try SyntheticModel.trainedLike.weights(configuration, seed: 47)
      inputs = try Inputs(tokenIDs: (0..<40).map { $0 * $0 * 7 % 67 }, configuration: configuration)
      capture = NarrowEngine(weights: weights, type: type, way: way).run(inputs)
      let place = Activation(point, layer: 0)
      operation = try #require(weights.graph.operations.first { $0.output == place })
      judge = try #require(try Judge(weights: weights).outputJudge(of: place, in: capture))
      self.type = type
    }

    var output: Tensor<Double> { capture.tensors[operation.output] ?? Tensor(repeating: 0, shape: [0]) }

    /// What is found of an output that is stored in the type.
    func finding(_ values: Tensor<Double>) throws -> Finding {
      try #require(try judge.finding(stored(values)))
    }

    func stored(_ values: Tensor<Double>) -> Tensor<Double> {
      Tensor(values.values.map { rounded($0, to: type) }, shape: values.shape)
    }

    /// The operation in float64 of these inputs, parameters in the type.
    func value(_ inputs: [Tensor<Double>], parameterCount: Int? = nil) -> Tensor<Double> {
      let parameters = operation.parameters.prefix(parameterCount ?? .max).map {
        ParameterValues(stored(weights.float64($0.parameter)), $0)
      }
      return operation.kind.value(Operands(inputs, parameters: Array(parameters)), in: self.inputs)
    }

    var read: [Tensor<Double>] { operation.inputs.compactMap { capture.tensors[$0] } }
  }

  @Test(.clause("BND-34"), arguments: types)
  func whatRoundsOnceIsSaidTo(_ type: ScalarType) throws {
    let bench = try Bench(.query, type)
    let verdict = try Judge(weights: bench.weights).verdict(on: bench.capture)
    let computed = verdict.findings.filter { finding in
      bench.weights.graph.operations.first { $0.output == finding.activation }?.making != .handedOn
    }
    #expect(verdict.outcome == .consistent && computed.allSatisfy { $0.policy == .roundedOnce })
    #expect(verdict.notes.contains { $0.contains(Policy.roundedOnce.sentence) })
  }

  @Test(.clause("BND-34"), arguments: types)
  func parametersMayBeWiderThanTheType(_ type: ScalarType) throws {
    let bench = try Bench(.query, type, way: .wideParameters)
    let verdict = try Judge(weights: bench.weights).verdict(on: bench.capture)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    let products = Set(bench.weights.graph.operations.filter(\.isParametricProduct).map(\.output))
    for finding in verdict.findings where products.contains(finding.activation) {
      #expect(finding.policy == .wideParameters, "\(finding.activation)")
    }
  }

  /// One element beside its number is within what the plain bounds grant to any program, and not within what this one does.
  @Test(
    .clause("BND-34"), arguments: types,
    [Activation.Point.query, .feedForwardInput, .layerNorm2, .feedForwardActivation])
  func anElementBesideItsNumberIsFlagged(_ type: ScalarType, _ point: Activation.Point) throws {
    let bench = try Bench(point, type)
    #expect(try bench.finding(bench.output).policy == .roundedOnce)
    let want = try #require(
      try Judge(weights: bench.weights).estimate(bench.operation.output, in: bench.capture))
    let exact = bench.value(bench.read)
    var (wrong, tried) = (bench.output, 0)
    for place in wrong.values.indices.dropFirst(wrong.count / 3) where tried == 0 {
      let spacing = type.spacing(around: wrong.values[place])
      let other = wrong.values[place] + spacing
      if other - exact.values[place] > spacing,
        want.bounds[place].zone(of: abs(other - want.values.values[place])) == .consistent
      {
        wrong.values[place] = other
        tried = 1
      }
    }
    try #require(tried == 1)
    let finding = try bench.finding(wrong)
    #expect(finding.zone == .fail || finding.zone == .suspect)
    #expect(finding.problem?.contains("but for 1 of ") == true, "\(finding.problem ?? "")")
  }

  /// Sums in two halves, each stored, are nobody's named policy, and leave the tight bound in many elements.
  @Test(.clause("BND-34"), arguments: types)
  func roundedStepsThatNobodyNamedAreGranted(_ type: ScalarType) throws {
    let bench = try Bench(.query, type)
    let x = bench.read[0]
    let halves = [0, 1].map { half in
      bench.stored(
        bench.value(
          [Tensor(x.values.enumerated().map { $0 % 96 / 48 == half ? $1 : 0 }, shape: x.shape)],
          parameterCount: 1))
    }
    let bias = bench.value([Tensor(repeating: 0, shape: x.shape)])
    let sums = Tensor(
      bias.values.indices.map { halves[0].values[$0] + halves[1].values[$0] + bias.values[$0] },
      shape: bias.shape)
    let finding = try bench.finding(sums)
    #expect(finding.zone == .consistent && finding.policy == .everyStep, "\(finding)")
  }

  @Test(.clause("BND-34"), arguments: types)
  func everyStepOfANonlinearityMayBeRounded(_ type: ScalarType) throws {
    let bench = try Bench(.feedForwardActivation, type)
    func r(_ value: Double) -> Double { rounded(value, to: type) }
    let factor = (2 / Double.pi).squareRoot()
    let stepped = bench.read[0].values.map { x in
      r(r(0.5 * x) * r(1 + r(tanh(r(factor * r(x + r(0.044715 * r(r(x * x) * x))))))))
    }
    let finding = try bench.finding(Tensor(stepped, shape: bench.output.shape))
    #expect(finding.zone == .consistent && finding.policy == .everyStep, "\(finding)")
    // Hardware that has 11 bits of tanh, and nothing else that is rounded.
    let short = bench.read[0].values.map { x in
      0.5 * x * (1 + tanh(factor * (x + 0.044715 * x * x * x)) * (1 + 0x1p-11 * cos(1000 * x)))
    }
    let other = try bench.finding(Tensor(short, shape: bench.output.shape))
    #expect(other.zone == .consistent && other.policy == .hardwareTanh, "\(other)")
  }

  /// A kernel for most rows, or most columns, and one that stores the product first for the others.
  @Test(.clause("BND-34"), arguments: types, [true, false])
  func partsMayBeComputedInTwoWays(_ type: ScalarType, byRows: Bool) throws {
    let (once, twice) = (
      try Bench(.feedForwardInput, type), try Bench(.feedForwardInput, type, way: .plain)
    )
    let product = once.stored(twice.value(once.read, parameterCount: 1))
    let bias = once.value([Tensor(repeating: 0, shape: once.read[0].shape)])
    let width = once.output.rowWidth
    let mixed = once.output.values.indices.map { place in
      let isOther = byRows ? place / width % 7 == 3 : place % width % 7 == 3
      return isOther ? product.values[place] + bias.values[place] : once.output.values[place]
    }
    let finding = try once.finding(Tensor(mixed, shape: once.output.shape))
    #expect(finding.zone == .consistent && finding.policy == .mixed, "\(finding)")
  }

  /// Errors of rounding are independent of what is rounded: a factor beside 1 is none, in all rows or in one.
  @Test(.clause("BND-34"), arguments: types, [Activation.Point.query, .layerNorm2])
  func resultsThatAreMultipliedAreFlagged(_ type: ScalarType, _ point: Activation.Point) throws {
    let bench = try Bench(point, type)
    let exact = bench.value(bench.read)
    func finding(_ factor: Double, where isScaled: (Int) -> Bool) throws -> Finding {
      try bench.finding(
        Tensor(
          exact.values.enumerated().map { isScaled($0) ? $1 * factor : $1 }, shape: exact.shape))
    }
    let u = type.unitRoundoff
    // Within the plain bounds, of which that of a norm is the tightest.
    let all = try finding(1 + (point == .layerNorm2 ? 0.25 : 0.6) * u) { _ in true }
    #expect(all.zone >= .suspect && all.problem?.contains("of its results") == true, "\(all)")
    if point == .layerNorm2 {
      // Other kernels may compute the last row; none scales it.
      let last = try finding(1 + 0.9 * u) { $0 / exact.rowWidth == 39 }
      #expect(last.zone >= .suspect, "\(last)")
    }
  }

  /// Of the faults that change a stored value by more than the policy of the right run allows, nearly all are flagged.
  @Test(.clause("BND-34"), arguments: types)
  func faultsBeyondThePolicyAreCaught(_ type: ScalarType) throws {
    let bench = try Bench(.query, type)
    let catalogue = Fault.catalogue.filter { [.weights, .layerNorm, .bias, .cache].contains($0.family) }
    let power = try PowerTable(
      weights: bench.weights, inputs: bench.inputs, precision: Precision(type), catalogue: catalogue)
    #expect(power.falseAlarms.isEmpty)
    let total = power.total()
    #expect(total.beyondPolicy > 200 && total.caughtBeyondPolicy <= total.beyondPolicy)
    #expect(total.beyondPolicy <= total.visible - Double(power.entryCount(.notStored)))
    #expect(total.shareBeyondPolicy > 0.95, "\(total)")
  }
}
