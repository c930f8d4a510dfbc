import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

/// What the probes see of the catalogue, held at what was measured: a probe or a bound that sees less fails here.
@Suite struct ProbePowerTests {
  private static func goldens() throws -> [ActivationFile] {
    try BundledFolder.names(in: "probes").map { try BundledFolder.golden("probes/\($0)") }
  }

  @Test func theProbesSeeWhatTheyWereMeasuredToSee() throws {
    let tables = try BundledFolder.probes.get().map(\.table)
    #expect(tables.count >= 36)
    let table = PowerTable.merged(tables)
    let all = table.total(.anyGolden)
    #expect(all.visible > 4200)
    #expect(all.share >= 0.99, "\(all), never seen: \(table.survivors)")
    #expect(table.total(.everySite).share >= 0.95, "\(table.total(.everySite))")
    #expect(table.total(.everySite).locatedShare >= 0.998, "\(table.total(.everySite))")
    #expect(table.total(.oneSite).share >= 0.95, "\(table.total(.oneSite))")
    #expect(table.survivors.isEmpty, "\(table.survivors)")
  }

  /// What changes anything in the two goldens of a decoder family is seen in one of them; other families have one, of few
  /// tokens, and leave the last bits to the probes.
  ///
  /// Every twenty-fourth family; `TOUCHSTONE_EXHAUSTIVE=1` takes all.
  @Test(
    .clause("GRA-1"),
    arguments: everyday(Family.all.map(\.name), each: 24, from: 3))
  func theGoldensOfAFamilySeeItsFaults(_ name: String) throws {
    let tables = try BundledFolder.names(in: "cases").filter { $0.hasPrefix("tiny-") }
      .filter { try BundledFolder.golden("cases/\($0)").model.family == name }
      .map { try BundledFolder.table(of: "cases/\($0)").table }
    guard !tables.isEmpty else {
      print("\(name): no golden of this family is in golden/cases")
      return
    }
    let table = PowerTable.merged(tables)
    #expect(table.total(.anyGolden).share >= (tables.count > 1 ? 0.97 : 0.92), "\(table.total(.anyGolden))")
    #expect(table.total(.everySite).locatedShare >= 0.998, "\(table.total(.everySite))")
    // The last bit of a weight, or the last digit of a constant, may be below what rounding leaves.
    #expect(table.survivors.count <= (tables.count > 1 ? 1 : 10), "\(table.survivors)")
  }

  /// Few terms, weights below float16's normal range: where 16 bits round most unevenly.
  @Test(arguments: ["float32", "bfloat16", "float16"])
  func noProbeIsFlaggedWithoutAFault(_ precision: String) throws {
    let precision = try #require(Precision(name: precision))
    for golden in try Self.goldens() {
      let weights = try #require(try golden.weights())
      let run = RecordedActivations(weights: weights, inputs: golden.inputs, precision: precision)
      let flagged = try Judge(weights: weights).verdict(on: run).flagged
      #expect(flagged.isEmpty, "\(golden.path): \(flagged.map(\.activation))")
    }
  }

  /// The same thirty implementations as on other models: probes are built to be sharp, not to be unfair.
  ///
  /// Every probe has its turn with one of them; `TOUCHSTONE_EXHAUSTIVE=1` runs each on all.
  @Test(arguments: HonestArithmetic.all.indices)
  func noProbeFlagsAnHonestImplementation(_ index: Int) throws {
    let arithmetic = HonestArithmetic.all[index]
    let probes = everyday(BundledFolder.names(in: "probes"), each: HonestArithmetic.all.count, from: index)
    for golden in try probes.map({ try BundledFolder.golden("probes/\($0)") }) {
      let weights = try #require(try golden.weights())
      let run = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: golden.inputs)
      let verdict = try Judge(weights: weights, depth: .examined()).verdict(on: run, golden: golden)
      #expect(verdict.outcome == .consistent, "\(golden.path), \(arithmetic): \(verdict.flagged)")
    }
  }
}
