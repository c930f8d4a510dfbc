import Foundation

/// Threads that share out the chunks of one region of work after another.
///
/// The caller works too. When nothing is left to claim it waits for chunks that others have claimed, and for
/// nothing else: a thread that the system has put aside, or that still sleeps, holds nobody up.
///
/// Any number of threads may call ``run(chunks:_:)`` at once, and a chunk may call it again. The threads serve
/// one region at a time; a call that finds them taken does its chunks on its own thread, at once and in order.
package final class ThreadPool: Sendable {
  /// Threads that may work on a region, the caller's included.
  package let threadCount: Int
  private let crew: Crew

  package init(threadCount: Int) {
    self.threadCount = max(1, threadCount)
    let crew = Crew(spins: threadCount <= ProcessInfo.processInfo.activeProcessorCount)
    self.crew = crew
    for index in 1..<max(1, threadCount) {
      Thread.detachNewThread { crew.serve(thread: index) }
    }
  }

  deinit { crew.stop() }

  /// Calls `body(chunk, thread)` for every chunk, each once, in any order, and returns when all are done.
  ///
  /// What the chunks have written can be read afterwards. `thread` is below ``threadCount`` and belongs to one
  /// thread at a time within this call.
  package func run(chunks: Int, _ body: @escaping (_ chunk: Int, _ thread: Int) -> Void) {
    guard threadCount > 1, chunks > 1, crew.take() else {
      for chunk in 0..<chunks { body(chunk, 0) }
      return
    }
    for first in stride(from: 0, to: chunks, by: Crew.greatestRegion) {
      crew.run(Job(first: first, body: body), chunks: min(Crew.greatestRegion, chunks - first))
    }
    crew.giveBack()
  }
}

/// What the chunks of one region do.
final class Job: @unchecked Sendable {
  private let first: Int
  private let body: (Int, Int) -> Void

  init(first: Int, body: @escaping (Int, Int) -> Void) {
    self.first = first
    self.body = body
  }

  var address: UInt { UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque()) }

  /// Does one chunk of the job at `address`.
  ///
  /// Not inlined: it has let go of the job and of all that the job holds when it returns, that is before the
  /// chunk is reported as done, so that the caller's is the last reference.
  @inline(never)
  static func call(_ address: UInt, chunk: Int, thread: Int) {
    guard let pointer = UnsafeRawPointer(bitPattern: address) else { return }
    let job = Unmanaged<Job>.fromOpaque(pointer).takeUnretainedValue()
    job.body(job.first + chunk, thread)
  }
}
