import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

/// Measures how near honest implementations of random Llamas come to their bounds: a table of Docs/Measured.md.
///
/// `TOUCHSTONE_STUDY=501,502 swift test --filter LlamaStudy` runs 42 implementations of twelve Llamas a seed, and every fifth of
/// them of one layer of 512, 1,024 and 2,048 units; `TOUCHSTONE_PRECISION=bfloat16` has them store everything in that type.
@Suite(
  .enabled(if: !studySeeds.isEmpty, "set TOUCHSTONE_STUDY to seeds to measure honest implementations"),
  .serialized)
struct LlamaStudy {
  private static let models = studySeeds.flatMap { RandomLlama.all(seed: $0) }
  private static let wideModels = studySeeds.flatMap { seed in
    [512, 1024, 2048].enumerated().map { RandomLlama(width: $1, seed: seed + UInt64($0)) }
  }

  @Test(arguments: models)
  private func honestLlamasAreConsistent(_ model: RandomLlama) throws {
    try judge(model, HonestArithmetic.ofLlamas)
  }

  @Test(arguments: wideModels)
  private func honestLlamasOfRealWidthsAreConsistent(_ model: RandomLlama) throws {
    let all = HonestArithmetic.ofLlamas
    try judge(model, stride(from: Int(model.seed % 5), to: all.count, by: 5).map { all[$0] })
  }

  private func judge(_ model: RandomLlama, _ arithmetics: [HonestArithmetic]) throws {
    let weights = try model.weights()
    let inputs = try model.inputs(weights.graph)
    try HonestMeasurement(weights, inputs, precision: studyPrecision)
      .judge(arithmetics, "LLAMA \(studyPrecision.name), \(model), \(inputs.count) tokens")
  }
}
