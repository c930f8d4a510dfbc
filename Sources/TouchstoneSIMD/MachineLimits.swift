import Foundation

/// What this machine can do at best, measured: the limits that a benchmark is held against.
package struct MachineLimits: Sendable {
  /// Floating-point operations a second on registers alone, all threads together; a multiply-add is two.
  package let operationsPerSecond: Double
  /// Bytes a second read from main memory, all threads together.
  package let bytesPerSecond: Double
  /// What sharing a region of work out among the threads costs, in seconds; 0 with one thread.
  package let secondsPerRegion: Double

  /// Measures for about a second; other load on the machine makes the figures smaller.
  ///
  /// - Parameters:
  ///   - instructionSet: one that the processor has.
  ///   - threadCount: how many threads work at once.
  package init(instructionSet: InstructionSet, threadCount: Int) {
    let kernels = Kernels(instructionSet)
    let pool = ThreadPool(threadCount: threadCount)
    operationsPerSecond = Self.operationsPerSecond(kernels, pool)
    bytesPerSecond = Self.bytesPerSecond(kernels, pool)
    secondsPerRegion = threadCount > 1 ? pool.secondsPerRegion() : 0
  }

  private static func operationsPerSecond(_ kernels: Kernels, _ pool: ThreadPool) -> Double {
    let (chunks, perChunk) = (64, 1 << 21)
    let seconds = leastSeconds(rounds: 8) {
      pool.run(chunks: chunks) { _, _ in _ = kernels.multiplyAddRepeatedly(perChunk, 0.999, 1e-6) }
    }
    return 2 * Double(chunks * perChunk) / seconds
  }

  private static func bytesPerSecond(_ kernels: Kernels, _ pool: ThreadPool) -> Double {
    // Several times any last-level cache, in pieces that keep each thread's stream long.
    let (chunks, perChunk) = (256, 1 << 18)
    let memory = AlignedBuffer(count: chunks * perChunk)
    memory.base.update(repeating: 1, count: memory.count)
    let seconds = leastSeconds(rounds: 8) {
      pool.run(chunks: chunks) { chunk, _ in
        _ = kernels.readThrough(memory.base + chunk * perChunk, perChunk)
      }
    }
    return 4 * Double(memory.count) / seconds
  }

  private static func leastSeconds(rounds: Int, _ work: () -> Void) -> Double {
    let clock = ContinuousClock()
    let least = (0..<rounds).map { _ in clock.measure(work) }.min() ?? .zero
    return least / .seconds(1)
  }
}
