import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// What right programs in 16 bits do otherwise, and values that are cut instead of rounded.
@Suite struct PolicyTests {
  struct Case: Sendable, CustomStringConvertible {
    let way: NarrowEngine.Way
    let policies: Set<Policy>
    let type: ScalarType
    var description: String { "\(way), \(type.rawValue)" }
  }

  private static let ways: [(NarrowEngine.Way, Set<Policy>)] = [
    (.unroundedStream, [.unroundedStream]), (.unroundedFromMiddle, [.unroundedStream]),
    (.meanOfUnroundedStream, [.mixedStream]), (.unroundedProjections, [.unroundedProjections]),
    (.roundedSteps(scaled: true), [.roundedSteps]), (.roundedSteps(scaled: false), [.roundedSteps]),
    (.dividedInType, [.scaleInType]), (.queriesScaledInType, [.scaleInType]), (.bothScaled, [.scaleInType]),
    (.unroundedAttention, [.unroundedInputs]),
    (.unroundedAttentionScaledInType, [.scaleInType, .unroundedInputsScaleInType]),
    (.unroundedInputs, [.unroundedInputs]), (.storedProduct, [.storedProduct]),
  ]

  private static let cases = ways.flatMap { way in
    [ScalarType.bfloat16, .float16].map { Case(way: way.0, policies: way.1, type: $0) }
  }

  /// A model whose parameters are numbers of the type, so that nothing but the way itself is left to explain.
  private static func weights(_ sample: Sample, in type: ScalarType) throws -> Weights {
    try sample.weights().changed { _, values in values.map { Float(rounded(Double($0), to: type)) } }
  }

  @Test(.clause("BND-16"), arguments: cases)
  func eachWayIsConsistentByItsOwnPolicy(_ testCase: Case) throws {
    for sample in everyday([Sample.visible, Sample.all[2]], each: 2, from: testCase.policies.count) {
      let weights = try Self.weights(sample, in: testCase.type)
      let inputs = try sample.inputs(weights.graph)
      let capture = NarrowEngine(weights: weights, type: testCase.type, way: testCase.way).run(inputs)
      let verdict = try Judge(weights: weights).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(sample): \(verdict.flagged)")
      let taken = Set(verdict.findings.compactMap(\.policy))
      #expect(!taken.isDisjoint(with: testCase.policies), "\(sample): \(taken.map(\.id))")
      for policy in taken {
        #expect(verdict.notes.contains { $0.contains(policy.sentence) })
      }
      // Nobody is granted two ways at once: without their names, some of the same values are a mismatch.
      let own = verdict.findings.filter { $0.policy.map(testCase.policies.contains) == true }
      let plain = try own.map { finding -> Zone in
        let want = try #require(try Judge(weights: weights).estimate(finding.activation, in: capture))
        let got = try #require(capture.tensors[finding.activation])
        let isJudged = weights.graph.operations.first { $0.output == finding.activation }?
          .judgedElements(inputs, graph: weights.graph)
        return ElementComparison(
          got: got, want: want, greatest: .infinity, isJudged: isJudged ?? { _ in true }
        ).zone
      }
      #expect(plain.contains { $0 != .consistent })
    }
  }

  /// Weights wider than the type, which such a program rounds when it is given them; each way has its turn on a third of the samples.
  @Test(.clause("BND-12", "BND-16"), arguments: cases.indices)
  func eachWayIsConsistentWithWiderWeights(_ index: Int) throws {
    let testCase = Self.cases[index]
    for sample in everyday(Sample.all, each: 3, from: index + index / 3) {
      let weights = try sample.weights()
      let inputs = try sample.inputs(weights.graph)
      let capture = NarrowEngine(weights: weights, type: testCase.type, way: testCase.way).run(inputs)
      let verdict = try Judge(weights: weights).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(sample): \(verdict.flagged)")
    }
  }

  /// Divided by √d and then by the layer's number, from the third layer on two factors that round.
  @Test(
    .clause("BND-16", "BND-34"), arguments: [ScalarType.bfloat16, .float16], 1...4 as ClosedRange<UInt64>)
  func scoresMayBeStoredBetweenTheFactorsOfTheirScale(_ type: ScalarType, seed: UInt64) throws {
    let configuration = try Configuration(
      vocabularySize: 53, contextLength: 29, width: 44, layerCount: 4, headCount: 4,
      scalesScoresByLayer: true)
    let weights = try SyntheticModel.probing.weights(configuration, seed: seed)
    let inputs = try Inputs(tokenIDs: (0..<29).map { ($0 * 7 + 3) % 53 }, configuration: configuration)
    let engine = NarrowEngine(weights: weights, type: type, way: .scaledTwice)
    let verdict = try Judge(weights: weights).verdict(on: engine.run(inputs))
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    #expect(
      verdict.findings.contains { $0.activation.point == .attentionScores && $0.policy == .storedScores })
  }

  /// What is normalised is stored, and multiplied by 1 + w in float32.
  @Test(
    .clause("BND-16", "BND-23"), arguments: ["gemma", "gemma2", "gemma3_text"],
    [ScalarType.bfloat16, .float16])
  func aNormWithAnOffsetMayStoreWhatItNormalises(_ name: String, _ type: ScalarType) throws {
    let family = try #require(Family.all.first { $0.name == name })
    let model = RandomDecoder(family, kind: .probing, width: 48, seed: 6)
    let weights = try model.weights()
    let arithmetic = try #require(HonestArithmetic.ofFamilies.first { $0.storesSteps })
    let engine = HonestTransformer(weights, arithmetic, precision: Precision(type))
    let capture = try RecordedActivations(of: engine, inputs: model.inputs(weights.graph))
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
    #expect(verdict.findings.contains { $0.policy == .roundedSteps })
  }

  @Test(.clause("BND-12", "BND-17"), arguments: [ScalarType.bfloat16, .float16])
  func whatIsRoundedToNearestIsNotTakenForCut(_ type: ScalarType) throws {
    for (turn, sample) in Sample.all.enumerated() {
      let weights = try sample.weights()
      let inputs = try sample.inputs(weights.graph)
      let capture = NarrowEngine(weights: weights, type: type, way: .plain).run(inputs)
      let verdict = try Judge(weights: weights).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(sample): \(verdict.flagged)")
      #expect(verdict.findings.allSatisfy { [nil, .roundedOnce].contains($0.policy) })
      // Each arithmetic has its turn on one of three samples; all on many models are a study's.
      for (place, arithmetic) in HonestArithmetic.all.enumerated() where place % 3 == turn % 3 {
        let honest = HonestTransformer(weights, arithmetic, precision: Precision(type))
        let verdict = try Judge(weights: weights).verdict(on: RecordedActivations(of: honest, inputs: inputs))
        #expect(verdict.outcome == .consistent, "\(sample), \(arithmetic): \(verdict.flagged)")
      }
    }
  }

  private static let rules: [(FloatingPointRoundingRule, String)] = [
    (.towardZero, "towards zero"), (.down, "downwards"), (.up, "upwards"), (.awayFromZero, "away from zero"),
  ]

  @Test(.clause("BND-17"), arguments: [ScalarType.bfloat16, .float16], [true, false])
  func valuesThatAreCutAreAMismatch(_ type: ScalarType, streamAlone: Bool) throws {
    for (turn, (rule, words)) in Self.rules.enumerated() {
      for sample in everyday([Sample.visible, Sample.all[0]], each: 2, from: turn) {
        let weights = try sample.weights()
        let inputs = try sample.inputs(weights.graph)
        let way = NarrowEngine.Way.cut(rule, streamAlone: streamAlone)
        let verdict = try Judge(weights: weights).verdict(
          on: NarrowEngine(weights: weights, type: type, way: way).run(inputs))
        #expect(verdict.outcome == .mismatch)
        let sums = weights.graph.operations.filter(\.isSum).map(\.output)
        let cut = verdict.findings.filter {
          $0.problem?.contains("is cut to \(type.rawValue)") == true && $0.problem?.contains(words) == true
        }.map(\.activation)
        #expect(Set(sums).isSubset(of: cut), "\(way), \(sample): \(verdict.flagged)")
        if streamAlone { #expect(Set(verdict.flagged.map(\.activation)).isSubset(of: sums)) }
        if !streamAlone {
          let products = weights.graph.operations.filter(\.isProjection)
          #expect(Set(products.map(\.output)).isSubset(of: cut), "\(way), \(sample): \(verdict.flagged)")
        }
      }
    }
  }

  /// A way that grants a rounding more would explain values that are cut as well: it is tried after they are told.
  @Test(.clause("BND-16", "BND-17"), arguments: [ScalarType.bfloat16, .float16])
  func aStreamThatIsCutWhereItIsRecordedIsAMismatch(_ type: ScalarType) throws {
    for sample in [Sample.visible, Sample.all[0]] {
      let weights = try sample.weights()
      let inputs = try sample.inputs(weights.graph)
      let engine = NarrowEngine(
        weights: weights, type: type, way: .unroundedProjections, streamRule: .towardZero)
      let verdict = try Judge(weights: weights).verdict(on: engine.run(inputs))
      #expect(verdict.outcome == .mismatch)
      let sums = Set(weights.graph.operations.filter(\.isSum).map(\.output))
      let told = verdict.findings.filter { $0.problem?.contains("is cut to \(type.rawValue)") == true }
      #expect(sums.isSubset(of: told.map(\.activation)), "\(sample): \(verdict.flagged)")
    }
  }

  /// Equal significands say the same thing once, and exact values say nothing.
  @Test(.clause("BND-17")) func fewDifferentValuesAreNoEvidence() {
    var search = CutEvidence.Search(type: .bfloat16, operationCount: 50)
    let values = (0..<4000).map { index -> Double in
      let significand: Double = 1 + Double(index % 20 * 2 + 1) * 0x1p-9
      return index % 2 == 0 ? significand : 4 * significand
    }
    let cut = values.map { ScalarType.bfloat16.rounded($0, .towardZero) }
    let want = Estimate(
      values: Tensor(values, shape: [4000]), bounds: [Bound](repeating: .zero, count: values.count))
    search.add(cut, want) { _ in true }
    #expect(search.found == nil)
    var more = CutEvidence.Search(type: .bfloat16, operationCount: 50)
    let others = (0..<40).map { 1 + Double($0 * 2 + 1) * 0x1p-9 }
    more.add(
      others.map { ScalarType.bfloat16.rounded($0, .towardZero) },
      Estimate(values: Tensor(others, shape: [40]), bounds: [Bound](repeating: .zero, count: 40))
    ) { _ in true }
    #expect(more.found?.direction == .zero)
    #expect(more.found?.count == 40)
  }

  /// A soft cap of numbers of the type lies a little beneath them, so that the nearest number lies away from zero.
  @Test(.clause("BND-17"), arguments: [20.0, 30, 50])
  func aFunctionJustBeneathNumbersOfItsTypeIsNotCut(_ cap: Double) {
    let values = (128..<256).map { cap * tanh(Double($0) * 0x1p-8 / cap) }
    let want = Estimate(
      values: Tensor(values, shape: [values.count]),
      bounds: [Bound](repeating: Bound(0x1p-24), count: values.count))
    var nearest = CutEvidence.Search(type: .bfloat16, operationCount: 50)
    let stored = values.map { ScalarType.bfloat16.rounded($0) }
    #expect(zip(stored, values).allSatisfy { $0 >= $1 })
    nearest.add(stored, want) { _ in true }
    #expect(nearest.found == nil)
    var cut = CutEvidence.Search(type: .bfloat16, operationCount: 50)
    cut.add(values.map { ScalarType.bfloat16.rounded($0, .towardZero) }, want) { _ in true }
    #expect(cut.found?.direction == .zero)
  }

  /// Probabilities of a peaked softmax: nearly all are nearer to 0 than to the smallest number of float16.
  @Test(.clause("BND-17")) func whatIsTooSmallForTheTypeIsNoEvidence() {
    var search = CutEvidence.Search(type: .float16, operationCount: 50)
    let values = (0..<4000).map { exp(-16.5 - 0.002 * Double($0)) }
    let stored = values.map { ScalarType.float16.rounded($0) }
    #expect(stored.contains { $0 != 0 } && stored.contains(0))
    search.add(
      stored,
      Estimate(
        values: Tensor(values, shape: [4000]), bounds: [Bound](repeating: .zero, count: values.count))
    ) { _ in true }
    #expect(search.found == nil)
  }

  /// Cutting moves a value by less than a unit: errors of one sign that are greater have another reason.
  @Test(.clause("BND-17"), arguments: [0.0, 1, 2])
  func whatIsFurtherAwayThanAUnitIsNotCut(_ units: Double) {
    let values = (0..<40).map { 1 + Double($0 * 2 + 1) * 0x1p-9 }
    let moved = values.map { ScalarType.bfloat16.rounded($0, .towardZero) - units * 0x1p-7 }
    var search = CutEvidence.Search(type: .bfloat16, operationCount: 50)
    search.add(
      moved, Estimate(values: Tensor(values, shape: [40]), bounds: [Bound](repeating: .zero, count: 40))
    ) { _ in true }
    #expect((search.found != nil) == (units == 0))
  }

  /// What the policies explain of the catalogue's faults, which the plain bounds flag: of every fourth, of all with
  /// `TOUCHSTONE_EXHAUSTIVE=1`.
  @Test(.clause("BND-16"), arguments: [ScalarType.bfloat16, .float16])
  func policiesExplainHardlyAnyFault(_ type: ScalarType) throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let judge = Judge(weights: weights)
    let right = RecordedActivations(weights: weights, inputs: inputs, precision: Precision(type))
    #expect(try judge.verdict(on: right).outcome == .consistent)
    var (flagged, explained) = (0, [String]())
    for fault in everyday(Fault.catalogue, each: 4) {
      for site in fault.sites(in: weights.graph).prefix(2) {
        let wrong = RecordedActivations(
          weights: weights, inputs: inputs, precision: Precision(type), planting: [site.output: fault])
        guard let got = wrong.tensors[site.output], let want = try judge.estimate(site.output, in: wrong)
        else {
          continue
        }
        let isJudged = site.judgedElements(inputs, graph: weights.graph)
        let plain = ElementComparison(got: got, want: want, greatest: type.greatestFinite, isJudged: isJudged)
        guard plain.zone != .consistent else { continue }
        flagged += 1
        let finding = try judge.outputJudge(of: site.output, in: wrong)?.finding(got)
        if finding?.zone == .consistent {
          explained.append("\(fault) at \(site.output): \(finding?.policy?.id ?? "")")
        }
      }
    }
    print(
      "POLICIES \(type.rawValue): \(explained.count) of \(flagged) flagged faults are explained: \(explained)"
    )
    #expect(flagged > (isExhaustive ? 200 : 50))
    #expect(explained.count <= flagged / 50, "\(explained)")
  }
}
