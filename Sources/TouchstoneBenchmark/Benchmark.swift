import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneSIMD

/// Measures the fast implementation beside the limits of the machine it runs on.
public struct Benchmark: Sendable {
  /// Prompt lengths whose prefill is timed.
  public var prefillLengths = [16, 128, 512, 1024]
  /// Context lengths at which decoding is timed.
  public var decodeContexts = [16, 512]
  /// Tokens decoded at each context length; the median counts.
  public var decodedTokens = 24
  /// Times each prefill is repeated; the median counts.
  public var rounds = 5

  /// Creates the usual plan.
  public init() {}

  /// Measures the machine, then loads a model and measures it.
  ///
  /// - Parameters:
  ///   - instructionSet: nil takes the best there is.
  ///   - threadCount: nil takes one for each processor.
  ///   - weights: reads the model; timed as part of loading, and released before anything else is measured.
  ///   - progress: told what is being measured.
  /// - Throws: ``BadInput`` from reading the model, or for settings that cannot be.
  public func run(
    instructionSet: InstructionSet? = nil, threadCount: Int? = nil,
    weights: () throws -> Weights, progress: (String) -> Void = { _ in }
  ) throws -> BenchmarkResult {
    let clock = ContinuousClock()
    let resources = try Resources(instructionSet: instructionSet, threadCount: threadCount)
    progress("the machine's own limits")
    let limits = MachineLimits(resources)
    // What that took to read from is no memory of the model's.
    PeakMemory.restart()

    progress("loading")
    var loaded: SIMDTransformer?
    let loading = try clock.measure {
      loaded = try SIMDTransformer(weights: weights(), resources: resources)
    }
    guard var transformer = loaded else { preconditionFailure("loading neither failed nor returned") }
    let loadedBytes = PeakMemory.residentBytes
    let graph = transformer.graph
    let work = Work(graph)

    // Ids spread over the vocabulary, the same in every run.
    let longestPlanned = max(prefillLengths.max() ?? 0, (decodeContexts.max() ?? 0) + decodedTokens)
    let contextLength = graph.contextLength ?? longestPlanned
    let vocabularySize = graph.idCount(of: .tokenIDs) ?? 1
    let tokens = (0..<contextLength).map { ($0 &* 7919 &+ 13) % vocabularySize }
    var prefill: [BenchmarkResult.Prefill] = []
    for length in fitting(prefillLengths, upTo: contextLength) {
      progress("prefill of \(length) tokens")
      let prompt = Array(tokens[..<length])
      _ = try transformer.nextTokenLogits(after: prompt)
      let calls = try PairedTimes(calls: rounds, limit: limits.operationsPerSecondNow) { _ in
        transformer.forgetPrompt()
        return try clock.measure { _ = try transformer.nextTokenLogits(after: prompt) } / .seconds(1)
      }
      prefill.append(
        .init(tokens: length, operations: work.prefillOperations(tokens: length), calls: calls))
    }
    let contexts = fitting(decodeContexts, upTo: contextLength - decodedTokens)
    if let longest = contexts.max() {
      // Everything that decoding needs is there before what measuring the memory takes.
      _ = try transformer.nextTokenLogits(after: Array(tokens[..<(longest + decodedTokens)]))
    }
    // Another benchmark of this process may have restarted the measure.
    let peakBytes = max(loadedBytes, PeakMemory.residentBytes)
    let bytesPerSecondNow = limits.readMeasure()
    var decode: [BenchmarkResult.Decode] = []
    for context in contexts {
      progress("decode at context \(context)")
      transformer.forgetPrompt()
      _ = try transformer.nextTokenLogits(after: Array(tokens[..<context]))
      let calls = try PairedTimes(calls: decodedTokens, limit: bytesPerSecondNow) { call in
        let prompt = Array(tokens[..<(context + call + 1)])
        return try clock.measure { _ = try transformer.nextTokenLogits(after: prompt) } / .seconds(1)
      }
      let bytes = work.decodeBytes(context: context + decodedTokens / 2)
      decode.append(.init(context: context, bytes: bytes, calls: calls))
    }
    return BenchmarkResult(
      instructionSet: transformer.instructionSet.rawValue, threads: transformer.threadCount,
      parameters: graph.parameterCount,
      peakOperationsPerSecond: limits.operationsPerSecond, readBytesPerSecond: limits.bytesPerSecond,
      secondsPerRegion: limits.secondsPerRegion,
      loadSeconds: loading / .seconds(1), residentBytesAfterLoading: loadedBytes,
      peakResidentBytes: peakBytes, prefill: prefill, decode: decode)
  }
}

extension Benchmark {
  /// The lengths that a model has room for; the greatest there is where it has no room for any of them.
  private func fitting(_ lengths: [Int], upTo greatest: Int) -> [Int] {
    let fitting = lengths.filter { $0 <= greatest }
    return fitting.isEmpty && greatest > 0 && !lengths.isEmpty ? [greatest] : fitting
  }
}

/// The times of some calls, and what the machine could do in the moment of each.
struct PairedTimes {
  /// Seconds of each call.
  let seconds: [Double]
  /// The mean of the limit just before and just after each call, in units a second.
  let limits: [Double]

  /// - Parameters:
  ///   - calls: how many are made, at least one.
  ///   - limit: measures what the machine can do now.
  ///   - call: makes one call and returns its seconds.
  init(calls: Int, limit: () -> Double, call: (Int) throws -> Double) rethrows {
    var (seconds, limits) = ([Double](), [Double]())
    var before = limit()
    for index in 0..<calls {
      seconds.append(try call(index))
      let after = limit()
      limits.append((before + after) / 2)
      before = after
    }
    (self.seconds, self.limits) = (seconds, limits)
  }

  /// The median over the calls of what was done a second, `amount` in each call, over the limit of its moment.
  func share(of amount: Double) -> Double { zip(seconds, limits).map { amount / $0 / $1 }.median }
}

extension [Double] {
  /// The middle value in order of size; NaN where there is none.
  var median: Double {
    isEmpty ? .nan : sorted()[count / 2]
  }
}
