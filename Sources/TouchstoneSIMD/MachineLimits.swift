import Foundation
import Synchronization

/// What this machine can do at best, measured: the limits that a benchmark is held against.
///
/// Two kinds of measure: the best that half a second shows, and a short one that a benchmark takes before and after
/// each timed call. A processor that is shared with other machines does in a typical moment a third less than in its
/// best one, so that a share of the limit compares like with like only within the same moment.
package final class MachineLimits: Sendable {
  /// Floating-point operations a second on registers alone, the best of half a second.
  ///
  /// All threads together; a multiply-add is two.
  package let operationsPerSecond: Double
  /// Bytes a second read from main memory by all threads together, the best of half a second.
  package let bytesPerSecond: Double
  /// What sharing a region of work out among the threads costs, in seconds; 0 with one thread.
  package let secondsPerRegion: Double

  private let kernels: Kernels
  private let pool: ThreadPool

  /// Measures for about a second; other load on the machine makes the figures smaller.
  ///
  /// - Parameter resources: the instructions, and how many threads work at once.
  package init(_ resources: Resources) {
    let (kernels, pool) = (resources.kernels, resources.pool)
    let memory = Self.memory()
    operationsPerSecond = 1 / Self.leastSeconds { Self.secondsPerOperation(kernels, pool, chunksEach: 32) }
    bytesPerSecond = 1 / Self.leastSeconds { Self.secondsPerByte(kernels, pool, memory) }
    secondsPerRegion = resources.threadCount > 1 ? pool.secondsPerRegion() : 0
    self.kernels = kernels
    self.pool = pool
  }

  /// ``operationsPerSecond`` of this moment, measured for some tens of milliseconds: more than the system may take to
  /// give a thread that has just been woken a processor of its own.
  package func operationsPerSecondNow() -> Double {
    // The first chunks wake the threads.
    _ = Self.secondsPerOperation(kernels, pool, chunksEach: 2)
    return 1 / Self.secondsPerOperation(kernels, pool, chunksEach: 1024)
  }

  /// What measures ``bytesPerSecond`` of a moment, by one pass of some 10 ms; it holds the 256 MiB that it reads.
  package func readMeasure() -> () -> Double {
    let memory = Self.memory()
    return { [kernels, pool] in
      // The first chunks wake the threads.
      _ = Self.secondsPerOperation(kernels, pool, chunksEach: 2)
      return 1 / Self.secondsPerByte(kernels, pool, memory)
    }
  }

  /// Several times any last-level cache, in pieces that keep each thread's stream long.
  private static let readChunks = (count: 256, floats: 1 << 18)

  private static func memory() -> AlignedBuffer {
    let memory = AlignedBuffer(count: readChunks.count * readChunks.floats)
    memory.base.update(repeating: 1, count: memory.count)
    return memory
  }

  /// - Parameter chunksEach: for each thread; one takes some 20 µs.
  private static func secondsPerOperation(_ kernels: Kernels, _ pool: ThreadPool, chunksEach: Int) -> Double {
    let chunks = chunksEach * pool.threadCount
    let made = Atomic<Int>(0)
    let time = ContinuousClock().measure {
      pool.run(chunks: chunks) { _, _ in
        made.add(kernels.multiplyAddRepeatedly(1 << 20, 0.999, 1e-6), ordering: .relaxed)
      }
    }
    return time / .seconds(1) / Double(2 * made.load(ordering: .relaxed))
  }

  private static func secondsPerByte(_ kernels: Kernels, _ pool: ThreadPool, _ memory: AlignedBuffer)
    -> Double
  {
    let (count, floats) = readChunks
    let time = ContinuousClock().measure {
      pool.run(chunks: count) { chunk, _ in _ = kernels.readThrough(memory.base + chunk * floats, floats) }
    }
    return time / .seconds(1) / Double(4 * memory.count)
  }

  /// The least that `seconds` returns while half a second passes; threads that have just begun may share a processor
  /// for the first of it.
  private static func leastSeconds(_ seconds: () -> Double) -> Double {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(0.5)
    var least = Double.infinity
    repeat { least = min(least, seconds()) } while clock.now < end
    return least
  }
}
