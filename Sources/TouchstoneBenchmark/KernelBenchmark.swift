import Foundation
import TouchstoneModel
import TouchstoneSIMD

/// Times each kernel by itself: GPT-2's matrix products and attention with every thread, functions of one row with one
/// thread.
public struct KernelBenchmark: Codable, Sendable {
  /// One kernel at one size.
  public struct Timing: Codable, Sendable {
    /// "product", "attention", or the name of a function.
    public let kernel: String
    /// "rows x depth x columns" of a product; "rows of keys" of attention, the last rows of so many tokens; the count of
    /// numbers of a function.
    public let size: String
    /// Median of one call.
    public let seconds: Double
    /// Multiply-adds counted twice, of a product and of attention, there without the masked half; numbers, of a
    /// function.
    public let operationsPerSecond: Double
  }

  /// The vector instructions used.
  public let instructionSet: String
  /// Threads of the products.
  public let threads: Int
  /// The machine's multiply-add peak with these instructions and threads, measured just before.
  public let peakOperationsPerSecond: Double
  /// The machine's read bandwidth with these threads, measured just before.
  public let readBytesPerSecond: Double
  /// Every kernel at every size.
  public let timings: [Timing]

  /// Depth and columns of the products of a GPT-2 of 124 M parameters; the last is the readout.
  public static let shapes = [(768, 2304), (768, 768), (768, 3072), (3072, 768), (768, 50257)]
  /// Rows of the products.
  public static let rows = [1, 16, 128, 512]
  /// Rows and keys of attention: prompts, and one token after a context.
  public static let attention = [(128, 128), (512, 512), (1024, 1024), (1, 512)]
  /// Heads and their width in attention, those of a GPT-2 of 124 M parameters.
  public static let heads = (count: 12, width: 64)
  /// Functions of one row and how many numbers it has.
  public static let functions = [
    ("exp", 4096), ("gelu tanh", 4096), ("gelu erf", 4096), ("softmax", 128), ("softmax", 1024),
    ("layer norm", 768),
  ]

  /// Measures for about half a minute.
  ///
  /// - Parameters:
  ///   - instructionSet: nil takes the best there is.
  ///   - threadCount: nil takes one for each processor.
  ///   - rows: rows of the products.
  ///   - shapes: depth and columns of the products.
  ///   - weightBytes: what the weights that a product cycles through hold; more than a processor keeps near.
  ///   - secondsEach: how long each kernel is timed.
  ///   - progress: told what is being measured.
  /// - Throws: ``BadInput`` for instructions that are not there, a thread count that cannot be, or sizes below 1.
  public init(
    instructionSet: InstructionSet? = nil, threadCount: Int? = nil, rows: [Int] = Self.rows,
    shapes: [(Int, Int)] = Self.shapes, weightBytes: Int = 160 << 20, secondsEach: Double = 0.5,
    progress: (String) -> Void = { _ in }
  ) throws(BadInput) {
    guard rows.allSatisfy({ $0 > 0 }), shapes.allSatisfy({ $0 > 0 && $1 > 0 }) else {
      throw BadInput(place: "sizes", problem: "a product of no rows or columns cannot be timed")
    }
    let resources = try Resources(instructionSet: instructionSet, threadCount: threadCount)
    let probe = KernelProbe(resources)
    progress("the machine's own limits")
    let limits = MachineLimits(resources)
    var timings: [Timing] = []
    for rows in rows {
      for (depth, columns) in shapes {
        let size = "\(rows) x \(depth) x \(columns)"
        progress("product \(size)")
        let seconds = probe.productSeconds(
          rows: rows, depth: depth, columns: columns, bytes: weightBytes, budget: secondsEach)
        timings.append(
          Timing(
            kernel: "product", size: size, seconds: seconds,
            operationsPerSecond: 2 * Double(rows * depth * columns) / seconds))
      }
    }
    for (rows, keys) in Self.attention {
      progress("attention \(rows) of \(keys)")
      let seconds = probe.attentionSeconds(
        rows: rows, keys: keys, heads: Self.heads.count, headWidth: Self.heads.width, budget: secondsEach)
      // Row i of the last `rows` sees keys 0 … keys − rows + i; each is a product for the score and one for the average.
      let pairs = rows * (keys - rows) + rows * (rows + 1) / 2
      timings.append(
        Timing(
          kernel: "attention", size: "\(rows) of \(keys)", seconds: seconds,
          operationsPerSecond: 4 * Double(pairs * Self.heads.count * Self.heads.width) / seconds))
    }
    for (name, count) in Self.functions {
      progress("\(name) of \(count)")
      guard let seconds = probe.functionSeconds(name, count: count, budget: secondsEach) else { continue }
      timings.append(
        Timing(
          kernel: name, size: "\(count)", seconds: seconds, operationsPerSecond: Double(count) / seconds))
    }
    self.instructionSet = resources.instructionSet.rawValue
    threads = resources.threadCount
    peakOperationsPerSecond = limits.operationsPerSecond
    readBytesPerSecond = limits.bytesPerSecond
    self.timings = timings
  }

  /// The same facts as a JSON object with sorted keys.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// The same facts as a table.
  public var table: String {
    func pad(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let heading =
      "\(instructionSet), \(threads) threads; machine: "
      + String(
        format: "%.1f GFLOP/s, %.1f GB/s read", peakOperationsPerSecond / 1e9, readBytesPerSecond / 1e9)
    let rows = timings.map { timing in
      let unit = ["product", "attention"].contains(timing.kernel) ? "GFLOP/s" : "numbers/ns"
      return pad(timing.kernel, 12) + pad(timing.size, 20)
        + pad(String(format: "%.2f us", timing.seconds * 1e6), 14)
        + pad(String(format: "%.2f ", timing.operationsPerSecond / 1e9) + unit, 20)
    }
    return ([heading, ""] + rows).joined(separator: "\n")
  }
}
