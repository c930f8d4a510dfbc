import Foundation

extension ThreadPool {
  /// What sharing a region out costs, in seconds.
  ///
  /// The time that a region of one chunk for each thread takes beyond a chunk's own, which is to look at the clock
  /// until 20 µs have passed; the median of many. A thread that comes too late to claim its chunk costs those 20 µs.
  ///
  /// - Parameters:
  ///   - gap: seconds before each region in which the caller works alone.
  ///   - regions: how many are timed.
  func secondsPerRegion(gap: Double = 0, regions: Int = 2000) -> Double {
    let chunkSeconds = 20e-6
    let clock = ContinuousClock()
    func work(_ seconds: Double) {
      let end = clock.now.advanced(by: .seconds(seconds))
      while clock.now < end {}
    }
    let times = (0..<regions).map { _ in
      work(gap)
      return clock.measure { run(chunks: threadCount) { _, _ in work(chunkSeconds) } } / .seconds(1)
    }
    return times.sorted()[regions / 2] - chunkSeconds
  }
}
