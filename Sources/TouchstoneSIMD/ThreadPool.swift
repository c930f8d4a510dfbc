import Dispatch
import Foundation
import Synchronization
import TouchstoneCPU

/// Threads that share out the chunks of one region of work after another.
///
/// A region is published in one atomic word; each thread claims the next chunk by compare-and-swap. The
/// caller claims too and then waits for claimed chunks only, so that a thread that the system has put aside
/// costs nothing unless it holds a chunk. Threads without work wait in a short loop and then sleep. A
/// caller that finds the pool taken by another caller does its work alone.
final class ThreadPool: Sendable {
  /// Threads that may work on a region, the caller's included.
  let threadCount: Int
  private let shared: Shared

  init(threadCount: Int) {
    self.threadCount = max(1, threadCount)
    let shared = Shared()
    self.shared = shared
    for index in 1..<max(1, threadCount) {
      Thread.detachNewThread { shared.serve(thread: index) }
    }
  }

  deinit { shared.stop() }

  /// Calls `body(chunk, thread)` for every chunk, each once, in any order, and returns when all are done.
  ///
  /// `thread` is below ``threadCount`` and belongs to one thread at a time within this call.
  func run(chunks: Int, _ body: @escaping (_ chunk: Int, _ thread: Int) -> Void) {
    guard threadCount > 1, chunks > 1, chunks <= Ticket.greatestCount, shared.acquire() else {
      for chunk in 0..<chunks { body(chunk, 0) }
      return
    }
    shared.run(Job(body: body), chunks: chunks)
  }
}

/// A region's work, alive until the region is done; a helper reads it only after it has claimed a chunk.
private final class Job: @unchecked Sendable {
  let body: (Int, Int) -> Void
  init(body: @escaping (Int, Int) -> Void) { self.body = body }
}

/// The state of the current region in one word: which region it is, how many chunks it has, which is next.
private struct Ticket {
  static let greatestCount = 0xffff
  var bits: UInt64

  var generation: UInt64 { bits >> 32 }
  var count: Int { Int(bits >> 16 & 0xffff) }
  var next: Int { Int(bits & 0xffff) }
  var hasWork: Bool { next < count }

  static func region(after previous: Ticket, count: Int) -> Ticket {
    Ticket(bits: (previous.generation &+ 1) << 32 | UInt64(count) << 16)
  }
}

private final class Shared: Sendable {
  private let ticket = Atomic<UInt64>(0)
  /// The address of the current region's `Job`; meaningful to a thread that has claimed a chunk of that
  /// region.
  private let job = Atomic<UInt>(0)
  private let finishedChunks = Atomic<Int>(0)
  private let isTaken = Atomic<Bool>(false)
  private let isStopping = Atomic<Bool>(false)
  /// Threads that sleep or are about to, and that nobody has promised to wake.
  private let sleepers = Atomic<Int>(0)
  private let wakeUp = DispatchSemaphore(value: 0)

  /// Turns of the waiting loop before a thread sleeps: some tens of microseconds.
  private static let patience = 3000

  func acquire() -> Bool {
    isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
  }

  func run(_ current: Job, chunks: Int) {
    job.store(UInt(bitPattern: Unmanaged.passUnretained(current).toOpaque()), ordering: .relaxed)
    finishedChunks.store(0, ordering: .relaxed)
    let previous = Ticket(bits: ticket.load(ordering: .relaxed))
    ticket.store(Ticket.region(after: previous, count: chunks).bits, ordering: .sequentiallyConsistent)
    wakeSleepers()
    while let (chunk, _) = claim() {
      current.body(chunk, 0)
      finishedChunks.add(1, ordering: .releasing)
    }
    var turns = 0
    while finishedChunks.load(ordering: .acquiring) < chunks {
      touchstone_cpu_pause()
      turns += 1
      if turns % Self.patience == 0 { sched_yield() }
    }
    withExtendedLifetime(current) {}
    isTaken.store(false, ordering: .releasing)
  }

  func serve(thread: Int) {
    while waitForWork() {
      while let (chunk, address) = claim() {
        guard let pointer = UnsafeRawPointer(bitPattern: address) else { break }
        Unmanaged<Job>.fromOpaque(pointer).takeUnretainedValue().body(chunk, thread)
        finishedChunks.add(1, ordering: .releasing)
      }
    }
  }

  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    wakeSleepers()
  }

  /// The next chunk and the job that it belongs to; nil when the region has none left.
  private func claim() -> (chunk: Int, job: UInt)? {
    var seen = Ticket(bits: ticket.load(ordering: .acquiring))
    while seen.hasWork {
      // Read before the claim: were it a later region's job already, the claim would fail.
      let address = job.load(ordering: .relaxed)
      let (claimed, now) = ticket.compareExchange(
        expected: seen.bits, desired: seen.bits + 1, ordering: .acquiringAndReleasing)
      if claimed { return (seen.next, address) }
      seen = Ticket(bits: now)
    }
    return nil
  }

  /// Waits until there is a chunk to claim; false when the pool is being put away.
  private func waitForWork() -> Bool {
    while true {
      for _ in 0..<Self.patience {
        if isStopping.load(ordering: .relaxed) { return false }
        if Ticket(bits: ticket.load(ordering: .acquiring)).hasWork { return true }
        touchstone_cpu_pause()
      }
      // Announce first, look again afterwards: the publisher stores first and looks for sleepers afterwards.
      sleepers.add(1, ordering: .sequentiallyConsistent)
      let somethingCame =
        Ticket(bits: ticket.load(ordering: .sequentiallyConsistent)).hasWork
        || isStopping.load(ordering: .sequentiallyConsistent)
      if somethingCame && withdraw() { continue }
      wakeUp.wait()
    }
  }

  /// Takes this thread off the sleepers; false when somebody has promised to wake it already.
  private func withdraw() -> Bool {
    var count = sleepers.load(ordering: .relaxed)
    while count > 0 {
      let (exchanged, now) = sleepers.compareExchange(
        expected: count, desired: count - 1, ordering: .sequentiallyConsistent)
      if exchanged { return true }
      count = now
    }
    return false
  }

  private func wakeSleepers() {
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    for _ in 0..<sleepers.exchange(0, ordering: .sequentiallyConsistent) { wakeUp.signal() }
  }
}
