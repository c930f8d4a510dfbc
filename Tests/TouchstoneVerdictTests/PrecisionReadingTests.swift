import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// What a capture says of its precision, held against its values.
@Suite struct PrecisionReadingTests {
  /// A capture that does not name its precision, or names another.
  private struct Said: ActivationSource {
    var base: RecordedActivations
    var precision = Precision.float32
    var namesPrecision = true
    var type = ScalarType.float32
    var graph: Graph { base.graph }
    var inputs: Inputs { base.inputs }
    func storedType(of activation: Activation) -> ScalarType? { base.tensors[activation] == nil ? nil : type }
    func storedShape(of activation: Activation) -> [Int]? { base.storedShape(of: activation) }
    func tensor(_ activation: Activation) -> Tensor<Double>? { base.tensors[activation] }
  }

  private let weights: Weights
  private let inputs: Inputs

  init() throws {
    weights = try Sample.visible.weights()
    inputs = try Sample.visible.inputs(weights.graph)
  }

  private func run(_ type: ScalarType, planting faults: [Activation: Fault] = [:]) -> RecordedActivations {
    RecordedActivations(weights: weights, inputs: inputs, precision: Precision(type), planting: faults)
  }

  private func verdict(_ said: Said) throws -> Verdict { try Judge(weights: weights).verdict(on: said) }

  @Test(.clause("NUM-18"), arguments: [ScalarType.bfloat16, .float16])
  func aNarrowCaptureWithoutANameIsJudgedAsWhatItIs(_ type: ScalarType) throws {
    for subset in [nil, Activation.Point.logits] {
      var base = run(type)
      if let subset { base.tensors = base.tensors.filter { $0.key.point == subset } }
      let verdict = try verdict(Said(base: base, namesPrecision: false))
      #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
      #expect(verdict.precision == Precision(type))
      #expect(Headline(verdict).sentence.contains("judged as \(type.rawValue)"))
    }
  }

  @Test(.clause("NUM-18"), arguments: [ScalarType.bfloat16, .float16])
  func theSameCaptureThatNamesFloat32IsAMismatchWithThatCause(_ type: ScalarType) throws {
    let verdict = try verdict(Said(base: run(type)))
    #expect(verdict.outcome == .mismatch)
    #expect(verdict.cause?.name.contains("every value is a \(type.rawValue)") == true)
    let told = try Judge(weights: weights, depth: .diagnosed()).verdict(on: Said(base: run(type)))
    #expect(told.cause == verdict.cause)
  }

  /// Values of float32 are never degraded, whatever some tensors hold.
  @Test(.clause("NUM-18")) func aFloat32CaptureWithoutANameIsJudgedAsFloat32() throws {
    var base = run(.float32)
    let verdict = try verdict(Said(base: base, namesPrecision: false))
    #expect(verdict.outcome == .consistent)
    #expect(verdict.precision == .float32 && verdict.precisionSentence == nil)
    // All of it is 0: every type holds that, and it says nothing.
    base.tensors = base.tensors.mapValues { Tensor(repeating: 0, shape: $0.shape) }
    let zero = try self.verdict(Said(base: base, namesPrecision: false))
    #expect(zero.outcome == .mismatch && zero.precision == .float32)
    // One operation alone stored in a narrow type is a fault.
    var partly = run(.float32)
    let point = Activation(.feedForwardActivation, layer: 1)
    partly.tensors[point] = partly.tensors[point].map {
      Tensor($0.values.map { rounded($0, to: .bfloat16) }, shape: $0.shape)
    }
    let wrong = try self.verdict(Said(base: partly, namesPrecision: false))
    #expect(wrong.precision == .float32)
    #expect(wrong.flagged.first?.activation == point)
  }

  /// Nearly every program in 16 bits has its last softmax in float32.
  @Test(.clause("NUM-18"), arguments: [ScalarType.bfloat16, .float16])
  func mostTensorsSayWhichTypeItIs(_ type: ScalarType) throws {
    var base = run(type)
    let softmax = try #require(base.graph.operations.last)
    let logits = try #require(base.tensors[softmax.inputs[0]])
    let exact = softmax.kind.value(Operands([logits]), in: inputs)
    base.tensors[softmax.output] = Tensor(exact.values.map { Double(Float($0)) }, shape: exact.shape)
    let verdict = try verdict(Said(base: base, namesPrecision: false))
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    #expect(verdict.precision == Precision(type))
    #expect(Headline(verdict).sentence.contains("most tensors are \(type.rawValue)"))
    // Which grants the wide ones nothing.
    base.tensors[softmax.output]?.values[3] *= 1 + 0x1p-12
    #expect(try self.verdict(Said(base: base, namesPrecision: false)).outcome == .mismatch)
  }

  /// A record in a narrow type of what was computed in float32 is judged as it was before, also where not all of it was
  /// recorded and the policy of whole captures has nothing to say.
  @Test(.clause("NUM-18"), arguments: [nil, Activation.Point.feedForwardActivation])
  func whatIsStoredNarrowMayHaveBeenComputedInFloat32(_ missing: Activation.Point?) throws {
    var base = run(.float32)
    base.tensors = base.tensors.filter { $0.key.point != missing || missing == nil }.mapValues { tensor in
      Tensor(tensor.values.map { rounded($0, to: .bfloat16) }, shape: tensor.shape)
    }
    let stored = Said(base: base, namesPrecision: false, type: .bfloat16)
    let verdict = try verdict(stored)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
  }

  @Test(
    .clause("NUM-17"), arguments: [ScalarType.bfloat16, .float16], [false, true])
  func aClaimThatTheValuesContradictIsNotBelieved(_ type: ScalarType, truncates: Bool) throws {
    let precision = Precision(type, truncates: truncates)
    let right = try verdict(Said(base: run(.float32), precision: precision))
    #expect(right.outcome == .consistent)
    #expect(right.precision == .float32)
    #expect(Headline(right).sentence.contains("the capture names \(precision.name)"))
    let point = Activation(.feedForwardActivation, layer: 0)
    let fault = try #require(Fault.named("gelu.half-table"))
    let wrong = try verdict(Said(base: run(.float32, planting: [point: fault]), precision: precision))
    #expect(wrong.outcome == .mismatch)
    #expect(wrong.flagged.first?.activation == point)
    // The same claim of what it is true of.
    let narrow = try verdict(Said(base: run(type), precision: precision))
    #expect(narrow.outcome == .consistent)
    #expect(narrow.precision == precision && narrow.precisionSentence == nil)
  }

  /// Wider types beside narrow ones: what is wider is judged as float32, step by step.
  @Test(.clause("NUM-17")) func aMixedCaptureUpholdsTheClaimButGrantsNothingToWhatIsWider() throws {
    var base = run(.bfloat16)
    let pre = Activation(.feedForwardInput, layer: 1)
    let act = Activation(.feedForwardActivation, layer: 1)
    let wide = try #require(base.tensors[pre]).values.map { Double(Float($0 * (1 + 0x1p-12))) }
    base.tensors[pre] = Tensor(wide, shape: [inputs.count, wide.count / inputs.count])
    func activated(_ function: ActivationFunction.Function) -> Tensor<Double> {
      let value = Definition.activate(base.tensors[pre]!, function)
      return Tensor(value.values.map { Double(Float($0)) }, shape: value.shape)
    }
    for (function, isFlagged) in [(ActivationFunction.Function.geluErf, false), (.geluTanh, true)] {
      base.tensors[act] = activated(function)
      let verdict = try verdict(Said(base: base, precision: Precision(.bfloat16)))
      #expect(verdict.precision == Precision(.bfloat16))
      #expect(verdict.flagged.contains { $0.activation == act } == isFlagged, "\(function)")
    }
  }
}
