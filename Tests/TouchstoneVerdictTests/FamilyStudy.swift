import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// Measures how near honest implementations of random models of each family come to their bounds: a table of
/// Docs/Measured.md.
///
/// `TOUCHSTONE_STUDY=701 swift test --filter FamilyStudy` runs every implementation of twelve models of each family a seed,
/// and some of them of one layer of 512, 1,024 and 2,304 units. `TOUCHSTONE_FAMILY=mpt,bloom` takes these families,
/// `TOUCHSTONE_STEP=3` every third implementation, `TOUCHSTONE_PRECISION=bfloat16` has them store everything in that type.
@Suite(
  .enabled(if: !studySeeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure honest implementations"),
  .serialized)
struct FamilyStudy {
  private static let environment = ProcessInfo.processInfo.environment
  private static let families = Family.all.filter { family in
    environment["TOUCHSTONE_FAMILY"]?.split(separator: ",").contains { $0 == family.name } ?? true
  }
  private static let step = environment["TOUCHSTONE_STEP"].flatMap(Int.init).map { max($0, 1) } ?? 1

  private static let models = families.flatMap { family in
    studySeeds.flatMap { RandomDecoder.all(of: family, seed: $0) }
  }
  private static let wideModels = families.flatMap { family in
    studySeeds.flatMap { seed in
      [512, 1024, 2304].enumerated().map { RandomDecoder(family, width: $1, seed: seed + UInt64($0)) }
    }
  }

  @Test(arguments: models)
  private func honestModelsAreConsistent(_ model: RandomDecoder) throws {
    try judge(model, every: Self.step)
  }

  /// Every fifth of the implementations of 512 units, every twentieth of 2,304.
  @Test(arguments: wideModels)
  private func honestModelsOfRealWidthsAreConsistent(_ model: RandomDecoder) throws {
    try judge(model, every: max(5, model.width / 115) * Self.step)
  }

  /// The others' turn comes with the next model.
  private func judge(_ model: RandomDecoder, every step: Int) throws {
    let all = HonestArithmetic.ofFamilies
    let arithmetics = stride(from: (model.width + Int(model.seed % 97)) % step, to: all.count, by: step)
      .map { all[$0] }
    let weights = try model.weights()
    let inputs = try model.inputs(weights.graph)
    try HonestMeasurement(weights, inputs, precision: studyPrecision)
      .judge(arithmetics, "FAMILY \(studyPrecision.name), \(model), \(inputs.count) tokens")
  }
}
