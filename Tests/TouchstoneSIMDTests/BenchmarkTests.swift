import Foundation
import Testing
import TouchstoneBenchmark
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneSIMD

@Suite struct BenchmarkTests {
  @Test func aSmallModelIsMeasuredWhereItsContextAllows() throws {
    let configuration = try Configuration(
      vocabularySize: 50, contextLength: 40, width: 32, layerCount: 2, headCount: 4)
    var benchmark = Benchmark()
    benchmark.prefillLengths = [1, 40, 41]
    benchmark.decodeContexts = [8, 39]
    benchmark.decodedTokens = 3
    benchmark.rounds = 1
    let result = try benchmark.run(
      instructionSet: .baseline, threadCount: 2, weights: { try randomWeights(configuration.graph, seed: 1) })
    #expect(result.instructionSet == "baseline" && result.threads == 2)
    #expect(result.prefill.map(\.tokens) == [1, 40])
    #expect(result.decode.map(\.context) == [8])
    #expect(result.prefill.allSatisfy { $0.seconds >= $0.leastSeconds && $0.leastSeconds > 0 })
    #expect(result.prefill.allSatisfy { $0.shareOfPeak > 0 && $0.peakOperationsPerSecondBeside > 0 })
    #expect(result.decode.allSatisfy { $0.shareOfBandwidth > 0 && $0.readBytesPerSecondBeside > 0 })
    #expect(result.peakOperationsPerSecond > 0 && result.readBytesPerSecond > 0)
    #expect(result.peakResidentBytes >= result.residentBytesAfterLoading)
    let decoded = try JSONDecoder().decode(BenchmarkResult.self, from: Data(result.json().utf8))
    #expect(decoded.prefill.map(\.seconds) == result.prefill.map(\.seconds))
    #expect(result.table.contains("of the peak"))
    #expect(result.plot.components(separatedBy: "<circle").count - 1 == 3)
  }

  @Test func aContextBelowEveryLengthIsTimedWhole() throws {
    let configuration = try Configuration(
      vocabularySize: 5, contextLength: 11, width: 8, layerCount: 1, headCount: 2)
    var benchmark = Benchmark()
    benchmark.rounds = 1
    let result = try benchmark.run(
      instructionSet: .baseline, threadCount: 1, weights: { try randomWeights(configuration.graph, seed: 1) })
    #expect(result.prefill.map(\.tokens) == [11])
    #expect(result.decode.isEmpty && result.table.contains("not timed"))
  }

  @Test func whatReadingTheModelThrowsIsPassedOn() {
    #expect(throws: BadInput.self) {
      try Benchmark().run(weights: { throw BadInput(problem: "no model") })
    }
  }
}

@Suite struct KernelBenchmarkTests {
  @Test func everyKernelIsTimedAtEverySize() throws {
    let result = try KernelBenchmark(
      instructionSet: InstructionSet.available.last, threadCount: 2, rows: [1, 9],
      shapes: [(64, 48), (33, 50)],
      weightBytes: 1 << 16, secondsEach: 0)
    #expect(
      result.timings.map { "\($0.kernel) \($0.size)" }
        == ["1 x 64 x 48", "1 x 33 x 50", "9 x 64 x 48", "9 x 33 x 50"].map { "product \($0)" }
        + KernelBenchmark.attention.map { "attention \($0.0) of \($0.1)" }
        + KernelBenchmark.functions.map { "\($0.0) \($0.1)" })
    #expect(result.timings.allSatisfy { $0.seconds > 0 && $0.operationsPerSecond.isFinite })
    let decoded = try JSONDecoder().decode(KernelBenchmark.self, from: Data(result.json().utf8))
    #expect(decoded.timings.map(\.seconds) == result.timings.map(\.seconds))
  }
}
