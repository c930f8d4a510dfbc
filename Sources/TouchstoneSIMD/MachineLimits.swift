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
  /// - Parameter resources: the instructions, and how many threads work at once.
  package init(_ resources: Resources) {
    let kernels = Kernels(resources.instructionSet)
    let pool = ThreadPool(threadCount: resources.threadCount)
    operationsPerSecond = Self.operationsPerSecond(kernels, pool)
    bytesPerSecond = Self.bytesPerSecond(kernels, pool)
    secondsPerRegion = resources.threadCount > 1 ? pool.secondsPerRegion() : 0
  }

  private static func operationsPerSecond(_ kernels: Kernels, _ pool: ThreadPool) -> Double {
    let (chunks, perChunk) = (64, 1 << 21)
    let seconds = leastSeconds {
      pool.run(chunks: chunks) { _, _ in _ = kernels.multiplyAddRepeatedly(perChunk, 0.999, 1e-6) }
    }
    return 2 * Double(chunks * perChunk) / seconds
  }

  private static func bytesPerSecond(_ kernels: Kernels, _ pool: ThreadPool) -> Double {
    // Several times any last-level cache, in pieces that keep each thread's stream long.
    let (chunks, perChunk) = (256, 1 << 18)
    let memory = AlignedBuffer(count: chunks * perChunk)
    memory.base.update(repeating: 1, count: memory.count)
    let seconds = leastSeconds {
      pool.run(chunks: chunks) { chunk, _ in
        _ = kernels.readThrough(memory.base + chunk * perChunk, perChunk)
      }
    }
    return 4 * Double(memory.count) / seconds
  }

  /// The least time that `work` takes while half a second passes; threads that have just begun may share a
  /// processor for the first of it.
  private static func leastSeconds(_ work: () -> Void) -> Double {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(0.5)
    var least = Duration.seconds(3600)
    repeat { least = min(least, clock.measure(work)) } while clock.now < end
    return least / .seconds(1)
  }
}
