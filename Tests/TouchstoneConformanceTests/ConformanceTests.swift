import Foundation
import Testing
import TouchstoneCheckpoints
@testable import TouchstoneConformance
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneSIMD
import TouchstoneTestSupport

/// The suite that other packages put their engines through, put through itself.
@Suite struct ConformanceTests {
  /// Every third; all with `TOUCHSTONE_EXHAUSTIVE=1`, and by `touchstone verify golden`.
  @Test(arguments: everyday(ConformanceCheck.goldens + ConformanceCheck.probes, each: 3))
  func theSIMDImplementationConforms(_ check: ConformanceCheck) throws {
    try check.run { try SIMDTransformer(weights: $0, threadCount: 2) }
  }

  /// Every third; all with `TOUCHSTONE_EXHAUSTIVE=1`.
  @Test(
    arguments: everyday(
      ConformanceCheck.goldens.filter { $0.name.hasPrefix("tiny") } + ConformanceCheck.probes, each: 3))
  func theReferenceConforms(_ check: ConformanceCheck) throws {
    try check.run(ReferenceTransformer.init)
  }

  /// In whatever order an honest engine adds, and however much it hands out; every sixth, all with `TOUCHSTONE_EXHAUSTIVE=1`.
  @Test(arguments: everyday(HonestArithmetic.all, each: 6))
  func everyHonestArithmeticConforms(_ arithmetic: HonestArithmetic) throws {
    try expectConforms(arithmetic.name, cases: 1) { HonestTransformer($0, arithmetic) }
  }

  /// The specification leaves an engine the order of its sums, also from one length to the next.
  @Test func anEngineThatChoosesItsKernelsByTheLengthConforms() throws {
    try expectConforms("changing kernels", cases: 3, make: ChangingKernels.init)
  }

  private func expectConforms<Implementation: Transformer>(
    _ name: String, cases: Int, make: @escaping @Sendable (Weights) throws -> Implementation
  ) throws {
    let engine = Engine(name, test: #function, make: make)
    for property in [.isConsistent] + ModelProperty.all {
      guard case .failed(let failure) = property.outcome(for: engine, cases: cases) else { continue }
      Issue.record("\(failure)")
    }
  }

  // MARK: The cases that come with the module

  /// They are the goldens of this checkout, without their files.
  @Test func theModulesCasesAreTheGoldensOfTheCheckout() throws {
    try expectGoldens(BundledCase.goldens, in: Self.golden + "/cases")
    try expectGoldens(BundledCase.probes, in: Self.golden + "/probes")
  }

  private func expectGoldens(_ cases: [BundledCase], in folder: String) throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".h5") }
    #expect(cases.map { $0.name + ".h5" }.sorted() == files.sorted())
    for one in cases {
      let file = try ActivationFile(path: "\(folder)/\(one.name).h5")
      let weights = try one.weights()
      #expect(weights.graph == file.graph, "\(one.name)")
      #expect(try one.inputs(weights.graph) == file.inputs, "\(one.name)")
      #expect(WeightsDigest.of(weights) == file.weightsDigest, "\(one.name)")
    }
  }

  @Test func aFolderOfGoldensGivesACheckForEach() throws {
    let checks = try ConformanceCheck.goldens(at: Self.golden)
    #expect(checks.count == BundledCase.goldens.count + BundledCase.probes.count)
    let check = try #require(checks.first { $0.name.hasSuffix("tiny-odd.h5") })
    try check.run(ReferenceTransformer.init)
    #expect(throws: BadInput.self) { try ConformanceCheck.goldens(at: Self.golden + "/nothing") }
  }

  private static let golden = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "golden").path

  // MARK: Engines that hand out less, or the wrong things

  private func outcome(_ engine: @escaping @Sendable (Weights) -> Edited) throws -> ConformanceCheck.Outcome {
    try #require(ConformanceCheck.goldens.first { $0.name == "tiny-heads1" }).outcome(engine)
  }

  @Test func anEngineWithoutLogitsDoesNotConform() throws {
    let outcome = try outcome {
      Edited($0) { activation, tensor in activation.point == .logits ? nil : tensor }
    }
    #expect("\(outcome)".contains("final/logits is not handed out"))
  }

  /// Where there are no logits the result is what no operation reads.
  @Test func anEngineWithoutTheResultOfAModelWithoutLogitsDoesNotConform() throws {
    let check = try #require(ConformanceCheck.goldens.first { $0.name == "tiny-dit-block" })
    let outcome = try check.outcome { weights in
      Edited(weights) { activation, tensor in activation.name == "resid_out" ? nil : tensor }
    }
    #expect("\(outcome)".contains("nothing covers layers/000/resid_out"), "\(outcome)")
  }

  @Test func anEngineThatHandsOutNothingDoesNotConform() throws {
    let outcome = try outcome { Edited($0) { _, _ in nil } }
    #expect("\(outcome)".contains("INCONCLUSIVE  nothing could be compared"))
  }

  @Test func anEngineWithLogitsAloneConforms() throws {
    let outcome = try outcome {
      Edited($0) { activation, tensor in activation.point == .logits ? tensor : nil }
    }
    guard case .passed = outcome else {
      Issue.record("\(outcome)")
      return
    }
  }

  @Test func aTensorOfAnotherShapeFails() throws {
    let outcome = try outcome {
      Edited($0) { activation, tensor in
        activation.point == .logits
          ? Tensor(Array(tensor.values.dropLast()), shape: [tensor.count - 1]) : tensor
      }
    }
    #expect("\(outcome)".contains("final/logits  has the shape [463] where [16, 29] is due"))
  }

  @Test func whatAnEngineThrowsIsItsFailure() throws {
    let outcome = try outcome { Edited($0) { _, _ in throw BadInput(problem: "out of memory") } }
    #expect("\(outcome)".contains("Edited threw: out of memory"))
  }

  @Test func whatAnEngineDoesNotOfferIsNotChecked() throws {
    for check in [ConformanceCheck.goldens[0], ConformanceCheck.probes[0], ConformanceCheck.properties[0]] {
      let outcome = try check.outcome { Edited($0) { _, _ in throw NotImplemented("GELU") } }
      guard case .notChecked("not implemented: GELU") = outcome else {
        Issue.record("\(outcome)")
        return
      }
    }
  }
}

/// The reference in float32 with every activation put through `edit`; what comes out as nil is not handed out.
private struct Edited: Transformer {
  let reference: ReferenceTransformer
  let edit: (Activation, Tensor<Float>) throws -> Tensor<Float>?
  var graph: Graph { reference.graph }

  init(_ weights: Weights, edit: @escaping (Activation, Tensor<Float>) throws -> Tensor<Float>?) {
    reference = ReferenceTransformer(weights)
    self.edit = edit
  }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) throws {
    try Executor(reference.weights, inputs).run {
      $0.value().converted(to: Float.self).converted(to: Double.self)
    } observing: { activation, value in
      if let edited = try edit(activation, value.converted(to: Float.self)) {
        try observe(activation, edited)
      }
    }
  }
}

/// Another honest arithmetic for every length and position of the first token.
private struct ChangingKernels: Transformer {
  let weights: Weights
  var graph: Graph { weights.graph }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) throws {
    let whole = HonestArithmetic.all.filter { !$0.fusesAttention && !$0.fusesResidual }
    let choice = inputs.count + (inputs.attentionMask?.count { !$0 } ?? 0)
    try HonestTransformer(weights, whole[choice % whole.count]).forward(inputs, observe: observe)
  }
}
