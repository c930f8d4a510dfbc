import Foundation

/// What a benchmark found, in seconds, bytes and operations a second.
public struct BenchmarkResult: Codable, Sendable {
  /// One prompt length.
  public struct Prefill: Codable, Sendable {
    /// Tokens in the prompt; the logits of the last position are computed.
    public let tokens: Int
    /// Median time.
    public let seconds: Double
    /// Least time.
    public let leastSeconds: Double
    /// Tokens a second, by the median time.
    public let tokensPerSecond: Double
    /// Floating-point operations a second that the definition asks for, by the median time.
    public let operationsPerSecond: Double
    /// The machine's peak beside these calls, measured before and after each: the median.
    public let peakOperationsPerSecondBeside: Double
    /// The median over the calls of each one's operations a second over the peak of its moment.
    public let shareOfPeak: Double

    init(tokens: Int, operations: Double, calls: PairedTimes) {
      self.tokens = tokens
      seconds = calls.seconds.median
      leastSeconds = calls.seconds.min() ?? .nan
      tokensPerSecond = Double(tokens) / seconds
      operationsPerSecond = operations / seconds
      peakOperationsPerSecondBeside = calls.limits.median
      shareOfPeak = calls.share(of: operations)
    }
  }

  /// One context length.
  public struct Decode: Codable, Sendable {
    /// Tokens before the ones that are timed.
    public let context: Int
    /// Median time of one token.
    public let seconds: Double
    /// Least time of one token.
    public let leastSeconds: Double
    /// Tokens a second, by the median time.
    public let tokensPerSecond: Double
    /// Bytes a second that the definition asks to read, by the median time.
    public let bytesPerSecond: Double
    /// The machine's read bandwidth beside these tokens, measured before and after each: the median.
    public let readBytesPerSecondBeside: Double
    /// The median over the tokens of each one's bytes a second over the bandwidth of its moment.
    public let shareOfBandwidth: Double

    init(context: Int, bytes: Double, calls: PairedTimes) {
      self.context = context
      seconds = calls.seconds.median
      leastSeconds = calls.seconds.min() ?? .nan
      tokensPerSecond = 1 / seconds
      bytesPerSecond = bytes / seconds
      readBytesPerSecondBeside = calls.limits.median
      shareOfBandwidth = calls.share(of: bytes)
    }
  }

  /// The vector instructions used.
  public let instructionSet: String
  /// Threads used.
  public let threads: Int
  /// Learned numbers in the model.
  public let parameters: Int
  /// The machine's multiply-add peak with these instructions and threads: the best of half a second, just before.
  public let peakOperationsPerSecond: Double
  /// The machine's read bandwidth with these threads: the best of half a second, just before.
  public let readBytesPerSecond: Double
  /// What sharing a region of work out among the threads costs, measured just before; 0 with one thread.
  public let secondsPerRegion: Double
  /// From the model's file or rule to packed weights.
  public let loadSeconds: Double
  /// The most memory that was resident until the weights were packed.
  public let residentBytesAfterLoading: Int
  /// The most memory that was resident at all.
  public let peakResidentBytes: Int
  /// Prompts.
  public let prefill: [Prefill]
  /// Single tokens.
  public let decode: [Decode]

  /// The same facts as a JSON object with sorted keys.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// The same facts as a table.
  public var table: String {
    func number(_ value: Double, _ digits: Int = 1) -> String { String(format: "%.\(digits)f", value) }
    func pad(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    func row(_ cells: [String]) -> String {
      "  " + cells.enumerated().map { pad($1, $0 == 0 ? 14 : 12) }.joined()
    }
    var lines = [
      "\(instructionSet), \(threads) threads, \(parameters) parameters",
      "machine at best: \(number(peakOperationsPerSecond / 1e9)) GFLOP/s, "
        + "\(number(readBytesPerSecond / 1e9)) GB/s read; "
        + "\(number(secondsPerRegion * 1e6, 2)) µs to share a region of work out",
      "loading: \(number(loadSeconds, 2)) s, peak memory \(residentBytesAfterLoading >> 20) MiB; "
        + "\(peakResidentBytes >> 20) MiB in all", "",
      row(["prefill", "ms", "least", "tokens/s", "GFLOP/s", "peak beside", "of the peak"]),
    ]
    lines += prefill.map {
      row([
        "\($0.tokens)", number($0.seconds * 1e3), number($0.leastSeconds * 1e3), number($0.tokensPerSecond),
        number($0.operationsPerSecond / 1e9), number($0.peakOperationsPerSecondBeside / 1e9),
        number($0.shareOfPeak * 100) + " %",
      ])
    }
    guard !decode.isEmpty else {
      return (lines + ["", "decode: not timed, as the context is too short for it"]).joined(separator: "\n")
    }
    lines += [
      "", row(["decode after", "ms/token", "least", "tokens/s", "GB/s", "read beside", "of the read"]),
    ]
    lines += decode.map {
      row([
        "\($0.context)", number($0.seconds * 1e3), number($0.leastSeconds * 1e3), number($0.tokensPerSecond),
        number($0.bytesPerSecond / 1e9), number($0.readBytesPerSecondBeside / 1e9),
        number($0.shareOfBandwidth * 100) + " %",
      ])
    }
    return lines.joined(separator: "\n")
  }
}
