import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

@testable import TouchstoneBenchmark

/// The figures of a benchmark from given times, and its counts of work, by hand.
@Suite struct BenchmarkArithmeticTests {
  /// Width 4, 2 blocks of inner width 6, 10 tokens in the vocabulary.
  private func configuration() throws -> Configuration {
    try Configuration(
      vocabularySize: 10, contextLength: 8, width: 4, layerCount: 2, headCount: 2, feedForwardWidth: 6)
  }

  @Test func theOperationsOfAPrefillAreThoseOfItsProducts() throws {
    // A row of a block: query, key, value and output 4·4 each, twice 4·6, two operations a weight; attention with
    // k visible keys: k·4 for the scores and k·4 for the context, two operations each. In the last block the last
    // row alone has more than its key and value. Then 10·4 weights of the table.
    for tokens in [1, 2, 3] {
      let keysAndValues = 2 * (4 * 4 + 4 * 4)
      let rest = 2 * (4 * 4 + 4 * 4 + 4 * 6 + 6 * 4)
      let first = (1...tokens).map { keysAndValues + rest + 2 * ($0 * 4 + $0 * 4) }.reduce(0, +)
      let last = tokens * keysAndValues + rest + 2 * (tokens * 4 + tokens * 4)
      let wanted = first + last + 2 * 10 * 4
      #expect(
        Work(try configuration().graph).prefillOperations(tokens: tokens) == Double(wanted),
        "\(tokens) tokens")
    }
  }

  @Test func theBytesOfATokenAreThoseOfItsWeightsItsKeysAndItsValues() throws {
    let configuration = try configuration()
    // Every parameter of the blocks, the table of logits, and of the final LayerNorm nothing.
    let blocks = configuration.graph.parameters.filter { $0.name.contains(".h.") }
      .map { $0.shape.reduce(1, *) }.reduce(0, +)
    for context in [0, 1, 7] {
      let cache = 2 * 2 * context * 4
      #expect(
        Work(configuration.graph).decodeBytes(context: context) == Double(4 * (blocks + cache + 10 * 4)),
        "context \(context)")
    }
  }

  @Test func eachCallHasTheMeanOfTheLimitsBeforeAndAfterIt() {
    var limits = [100.0, 300, 200, 500][...]
    let times = PairedTimes(calls: 3, limit: { limits.removeFirst() }, call: { [4.0, 2, 8][$0] })
    #expect(limits.isEmpty)
    #expect(times.seconds == [4, 2, 8])
    #expect(times.limits == [200, 250, 350])
    // 1000/4/200, 1000/2/250, 1000/8/350
    #expect(abs(times.share(of: 1000) - 1.25) <= 1e-12)
    let prefill = BenchmarkResult.Prefill(tokens: 16, operations: 1000, calls: times)
    #expect(prefill.seconds == 4 && prefill.leastSeconds == 2)
    #expect(prefill.tokensPerSecond == 4 && prefill.operationsPerSecond == 250)
    #expect(prefill.peakOperationsPerSecondBeside == 250)
    #expect(abs(prefill.shareOfPeak - 1.25) <= 1e-12)
    let decode = BenchmarkResult.Decode(context: 16, bytes: 1000, calls: times)
    #expect(decode.seconds == 4 && decode.leastSeconds == 2)
    #expect(decode.tokensPerSecond == 0.25 && decode.bytesPerSecond == 250)
    #expect(decode.readBytesPerSecondBeside == 250 && abs(decode.shareOfBandwidth - 1.25) <= 1e-12)
  }

  /// One call that was disturbed moves neither the time nor the share.
  @Test func theMedianIsOfTheSharesAndNotTheShareOfTheLeastTime() {
    var limits = [100.0, 100, 100, 1000, 1000][...]
    let times = PairedTimes(calls: 4, limit: { limits.removeFirst() }, call: { [2.0, 4, 1, 5][$0] })
    // 50/100, 25/100, 100/550, 20/1000: the third of four in order of size.
    #expect(abs(times.share(of: 100) - 0.25) <= 1e-12)
    #expect([3.0, 1, 2].median == 2 && [4.0, 1].median == 4 && [Double]().median.isNaN)
  }
}
