import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// The cause of what only the results show: each fault run freely from the golden's activations.
@Suite struct FreeDiagnosisTests {
  private struct Tally: CustomStringConvertible {
    var right = 0
    var rightPlace = 0
    var alone = 0
    var unknown = 0
    var wrong: [String] = []
    var unseen = 0

    var description: String {
      "right \(right) (place among those named \(rightPlace), named alone \(alone)), unknown \(unknown), "
        + "wrong \(wrong.count) \(wrong), not flagged \(unseen)"
    }
  }

  /// Plants faults at random places, one at a time, and asks for the cause of what is left of the capture.
  private func tally(
    _ sample: Sample, count: Int, seed: UInt64, keeping isKept: (Activation) -> Bool
  ) throws -> Tally {
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    let right = RecordedActivations(weights: weights, inputs: inputs)
    var random = SplitMix64(seed: seed)
    var tally = Tally()
    let catalogue = Fault.catalogue(of: weights.graph)
    for _ in 0..<count {
      let fault = catalogue[Int(random.next() % UInt64(catalogue.count))]
      let sites = fault.sites(in: weights.graph).map(\.output).filter { $0.point != .probabilities }
      guard !sites.isEmpty else { continue }
      let site = sites[Int(random.next() % UInt64(sites.count))]
      var capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
      guard capture.tensors != right.tensors else { continue }
      capture.tensors = capture.tensors.filter { isKept($0.key) }
      let verdict = try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture, golden: golden)
      guard !verdict.flagged.isEmpty else {
        tally.unseen += 1
        continue
      }
      guard let cause = verdict.cause else {
        tally.unknown += 1
        continue
      }
      let ids = [cause.id] + cause.equivalents
      guard ids.contains(fault.id) else {
        tally.wrong.append("\(fault) at \(site): \(ids.prefix(3)) \(cause.ratio)")
        continue
      }
      tally.right += 1
      tally.rightPlace += cause.places.isEmpty || cause.places.contains(site.path) ? 1 : 0
      tally.alone += ids.count == 1 ? 1 : 0
    }
    return tally
  }

  private var count: Int { ProcessInfo.processInfo.environment["TOUCHSTONE_CASES"].flatMap(Int.init) ?? 3 }
  private var seed: UInt64 {
    ProcessInfo.processInfo.environment["TOUCHSTONE_SEED"].flatMap(UInt64.init) ?? 1
  }

  @Test func theCauseIsFoundFromTheLogitsAlone() throws {
    let tally = try tally(.visible, count: count, seed: seed) { $0.point == .logits }
    print("logits alone, \(Sample.visible), seed \(seed): \(tally)")
    #expect(tally.wrong.isEmpty, "seed \(seed): \(tally)")
    // What is flagged may be nearer to the noise than one free run can be told from another.
    #expect(tally.right * 10 >= (tally.right + tally.unknown) * 7, "seed \(seed): \(tally)")
  }

  @Test func theCauseIsFoundFromTheResidualStream() throws {
    let tally = try tally(.visible, count: count, seed: seed) {
      $0.point == .logits || $0.point == .residualOut || $0.point == .residualIn
    }
    print("residual stream, \(Sample.visible), seed \(seed): \(tally)")
    #expect(tally.wrong.isEmpty, "seed \(seed): \(tally)")
  }

  /// What the logits alone say of a fault at several places.
  private func cause(
    of fault: Fault, at places: [Activation], _ weights: Weights, _ inputs: Inputs
  ) throws -> Cause? {
    var capture = RecordedActivations(
      weights: weights, inputs: inputs, planting: Dictionary(uniqueKeysWithValues: places.map { ($0, fault) })
    )
    capture.tensors = capture.tensors.filter { $0.key.point == .logits }
    return try Judge(weights: weights, depth: .diagnosed())
      .verdict(on: capture, golden: Golden(weights, inputs)).cause
  }

  @Test func aFaultInEveryBlockIsNamedAsOne() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let fault = try #require(Fault.named("attention.no-scale"))
    let places = (0..<weights.graph.layerCount).map { Activation(.attentionScores, layer: $0) }
    let cause = try #require(try cause(of: fault, at: places, weights, inputs))
    #expect(cause.id == fault.id)
    #expect(cause.places == places.map(\.path))
  }

  /// The code of a norm is called before both halves of a block and at the end.
  @Test func aFaultAtAllSitesOfItsKindIsNamedAsOne() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let fault = try #require(Fault.named("norm.epsilon-0.001"))
    let places = fault.sites(in: weights.graph).map(\.output)
    #expect(Set(places.map(\.name)).count == 3)
    let cause = try #require(try cause(of: fault, at: places, weights, inputs))
    #expect(cause.id == fault.id)
    #expect(cause.name.hasPrefix("ε is 0.001 instead of 1e-05"))
    #expect(cause.places == places.map(\.path).sorted())
  }

  /// A row that does not vary is divided by 0 where nothing is added to its variance.
  @Test(arguments: [true, false]) func noEpsilonIsNamedByTheNaNOfARowOfZeros(_ isWhole: Bool) throws {
    let inputs = try Sample.visible.inputs(Sample.visible.weights().graph)
    let first = inputs.tokenIDs[0]
    let width = try #require(
      Sample.visible.weights().graph.shape(of: Activation(.embeddingSum), tokenCount: 1)?.last)
    let weights = try Sample.visible.weights().changed { name, values in
      var values = values
      let row = name.contains("wte") ? first : name.contains("wpe") ? inputs.positionIDs[0] : nil
      if let row { for column in 0..<width { values[row * width + column] = 0 } }
      return values
    }
    let golden = try Golden(weights, inputs)
    let fault = try #require(Fault.named("norm.epsilon-0.0"))
    var capture = RecordedActivations(
      weights: weights, inputs: inputs, planting: [Activation(.layerNorm1, layer: 0): fault])
    #expect(capture.tensors[Activation(.layerNorm1, layer: 0)]?.values.contains(where: \.isNaN) == true)
    if !isWhole {
      capture.tensors = capture.tensors.filter {
        $0.key == Activation(.layerNorm1, layer: 0) || $0.key.point == .embeddingSum
      }
    }
    let verdict = try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture, golden: golden)
    #expect(verdict.outcome == .mismatch)
    let cause = try #require(verdict.cause)
    #expect(([cause.id] + cause.equivalents).contains(fault.id), "\(cause)")
  }

  @Test func aFaultOutsideTheCatalogueIsNotNamed() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    var capture = RecordedActivations(
      graph: weights.graph, inputs: inputs,
      tensors: [Activation(.logits): try #require(golden.tensor(Activation(.logits)))])
    capture.tensors[Activation(.logits)]?.values[40] += 0.37
    let verdict = try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture, golden: golden)
    #expect(verdict.outcome == .mismatch)
    #expect(verdict.cause == nil)
    #expect(verdict.notes.contains { $0.contains("faults and places tried explains what was recorded") })
  }
}
