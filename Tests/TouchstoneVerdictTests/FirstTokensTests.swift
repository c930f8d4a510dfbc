import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

@testable import TouchstoneFaults

/// Hypotheses of which the first tokens alone are run.
@Suite struct FirstTokensTests {
  /// Every fault of the catalogue at its first place, and at all of them.
  private func tries(_ graph: Graph) -> [FreeDiagnosis.Try] {
    Fault.catalogue(of: graph).filter { !$0.isTermByTerm }.flatMap { fault -> [FreeDiagnosis.Try] in
      let sites = fault.sites(in: graph).map(\.output)
      return Set([sites.prefix(1), sites[...]].filter { !$0.isEmpty }.map(Set.init)).map { (fault, $0) }
    }
  }

  private struct Subject {
    let run: FreeRun
    let target: Activation
    let got: Tensor<Double>
    let distance: RowDistance
    let tries: [FreeDiagnosis.Try]
    let first: FirstTokens?
  }

  /// What a capture with a fault in it shows at `target`.
  private func subject(
    _ sample: Sample, planting id: String, target: Activation = Activation(.logits)
  ) throws -> Subject {
    let weights = try sample.weights()
    let inputs = try sample.inputs(weights.graph)
    let golden = SharedSource(try Golden(weights, inputs))
    let fault = try #require(Fault.named(id))
    let site = try #require(fault.sites(in: weights.graph).first).output
    let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
    let (got, right) = (try #require(capture.tensors[target]), try #require(try golden.tensor(target)))
    let floor = try #require(try golden.noiseFloor(of: target))
    let run = FreeRun(golden: golden, weights: weights)
    let distance = RowDistance(rows: Array(0..<right.rowCount), noise: floor.values)
    let tries = tries(weights.graph)
    let first = try FirstTokens(
      of: run, target: target, right: right, got: got, distance, tries: tries,
      greatestWork: .infinity)
    return Subject(run: run, target: target, got: got, distance: distance, tries: tries, first: first)
  }

  @Test(arguments: ["attention.no-scale", "norm.epsilon-0.001", "mask.none"])
  func theFirstTokensSayOfAHypothesisNoMoreThanAllTokens(_ id: String) throws {
    let subject = try subject(.visible, planting: id)
    let first = try #require(subject.first)
    var (told, least) = (0, 0)
    for (fault, places) in subject.tries where first.tell(fault, at: places) {
      let value = try subject.run.value(of: subject.target, planting: fault, at: places)
      let bound = try first.leastRatio(planting: fault, at: places)
      #expect((value == nil) == (bound == nil), "\(fault) at \(places)")
      guard let value, let bound else { continue }
      let ratio = subject.distance.ratio(subject.got, value)
      // Both are computed from activations that differ by as much as rounding.
      #expect(bound <= ratio * 1.001 + 1, "\(fault) at \(places): at least \(bound), is \(ratio)")
      told += 1
      least += bound > 10 ? 1 : 0
    }
    #expect(told > subject.tries.count / 2)
    #expect(least > 0)
  }

  @Test func whatDependsOnLaterTokensIsRunOnAllOfThem() throws {
    let subject = try subject(.visible, planting: "attention.no-scale")
    let first = try #require(subject.first)
    for id in ["mask.none", "stale.last-token", "attention.scale-by-length"] {
      let tries = subject.tries.filter { $0.fault.id == id }
      #expect(!tries.isEmpty)
      for (fault, places) in tries {
        #expect(!first.tell(fault, at: places), "\(fault)")
        #expect(try first.leastRatio(planting: fault, at: places) == 0, "\(fault)")
      }
    }
  }

  /// Nobody waits without end where every hypothesis looks near in the first tokens.
  @Test func wholeRunsEndWhereTheyAreTooMuchWork() throws {
    let count = 200
    let fault = try #require(Fault.named("mask.none"))
    func nearest(cost: Double) throws -> (ran: Int, untried: Int, leastLeft: Double?) {
      let found = try FreeDiagnosis.nearest(
        of: (0..<count).map { $0 < 150 ? 1 : Double(2 * $0) },
        costs: [Double](repeating: cost * FreeDiagnosis.greatestWork, count: count), progress: { _ in }
      ) { _ in FreeDiagnosis.Hypothesis(fault: fault, places: [], ratio: 50, due: nil) }
      return (found.hypotheses.count, found.untriedCount, found.leastLeft)
    }
    let (some, all) = (try nearest(cost: 0.02), try nearest(cost: 0))
    #expect(some.ran > 0 && some.ran <= 50 && some.ran + some.untried == 150)
    #expect(all.ran >= 150 && all.untried == 0)
    #expect(some.leastLeft == 300 && all.leastLeft.map { $0 >= 300 } == true)
  }
}
