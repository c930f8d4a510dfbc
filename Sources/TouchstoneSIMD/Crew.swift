import Dispatch
import Synchronization
import TouchstoneCPU

/// The state that the threads of a pool share.
///
/// A region is published in one atomic word, its ticket; a thread claims the next chunk by compare-and-swap on
/// it. Threads without work look at the ticket in a short loop and then sleep.
final class Crew: Sendable {
  /// The most chunks of one region.
  static let greatestRegion = Ticket.greatestCount

  private let ticket = Atomic<UInt64>(0)
  /// The address of the current region's `Job`, which the caller keeps alive until every chunk is reported.
  private let job = Atomic<UInt>(0)
  /// Twice the chunks of the current region that are not reported as done, plus 1 when its caller sleeps.
  private let pending = Atomic<Int>(0)
  private let allDone = DispatchSemaphore(value: 0)

  private let isTaken = Atomic<Bool>(false)
  private let isStopping = Atomic<Bool>(false)

  /// Threads that sleep or are about to, and that nobody has promised to wake.
  private let sleepers = Atomic<Int>(0)
  private let wakeUp = DispatchSemaphore(value: 0)

  /// Turns of a waiting loop before a thread sleeps: some tens of microseconds to 150, by the processor's pause.
  private let patience: Int

  /// - Parameter spins: whether each thread has a processor to itself; waiting threads then look for work in a
  ///   loop for a while, where otherwise they would take the time from those that have some.
  init(spins: Bool) { patience = spins ? 3000 : 30 }

  // MARK: The caller

  /// Whether the threads are now the caller's, to run regions and be given back.
  func take() -> Bool {
    isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
  }

  func giveBack() { isTaken.store(false, ordering: .releasing) }

  /// Runs a region of at least one chunk.
  func run(_ current: Job, chunks: Int) {
    job.store(current.address, ordering: .relaxed)
    pending.store(2 * chunks, ordering: .relaxed)
    let previous = Ticket(bits: ticket.load(ordering: .relaxed))
    ticket.store(Ticket.region(after: previous, count: chunks).bits, ordering: .sequentiallyConsistent)
    wakeSleepers(atMost: chunks - 1)
    work(thread: 0)
    waitForOthers()
    withExtendedLifetime(current) {}
  }

  /// Waits until every chunk is reported; called when every chunk is claimed.
  private func waitForOthers() {
    for _ in 0..<patience {
      if pending.load(ordering: .acquiring) == 0 { return }
      touchstone_cpu_pause()
    }
    // Whoever reports the last chunk from here on signals.
    if pending.add(1, ordering: .acquiringAndReleasing).newValue > 1 { allDone.wait() }
  }

  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    wakeSleepers(atMost: .max)
  }

  // MARK: Chunks

  /// Does chunks of the current region until none is left, then reports them.
  ///
  /// The region cannot end before they are reported, so that all belong to the same one.
  private func work(thread: Int) {
    var done = 0
    while let (chunk, address) = claim() {
      Job.call(address, chunk: chunk, thread: thread)
      done += 1
    }
    guard done > 0 else { return }
    let left = pending.subtract(2 * done, ordering: .acquiringAndReleasing).newValue
    if left == 1 { allDone.signal() }
  }

  /// The next chunk and the address of the job that it belongs to; nil when the region has none left.
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

  // MARK: The other threads

  /// Works on one region after another until the crew is stopped.
  func serve(thread: Int) {
    while waitForWork() { work(thread: thread) }
  }

  /// Waits until there is a chunk to claim; false when the crew is being put away.
  private func waitForWork() -> Bool {
    while true {
      for _ in 0..<patience {
        if isStopping.load(ordering: .relaxed) { return false }
        if Ticket(bits: ticket.load(ordering: .acquiring)).hasWork { return true }
        touchstone_cpu_pause()
      }
      // Announce first, look again afterwards: the publisher stores first and looks for sleepers afterwards.
      sleepers.add(1, ordering: .sequentiallyConsistent)
      let somethingCame =
        Ticket(bits: ticket.load(ordering: .sequentiallyConsistent)).hasWork
        || isStopping.load(ordering: .sequentiallyConsistent)
      if somethingCame && takeSleepers(atMost: 1) == 1 { continue }
      wakeUp.wait()
    }
  }

  private func wakeSleepers(atMost count: Int) {
    for _ in 0..<takeSleepers(atMost: count) { wakeUp.signal() }
  }

  /// Takes some threads off the sleepers: each has to be woken or is awake; how many they are.
  private func takeSleepers(atMost count: Int) -> Int {
    var seen = sleepers.load(ordering: .sequentiallyConsistent)
    while seen > 0 {
      let taken = min(seen, count)
      let (exchanged, now) = sleepers.compareExchange(
        expected: seen, desired: seen - taken, ordering: .sequentiallyConsistent)
      if exchanged { return taken }
      seen = now
    }
    return 0
  }
}

/// The state of the current region in one word: which region it is, how many chunks it has, which is next.
private struct Ticket {
  static let greatestCount = 0xffff
  let bits: UInt64

  var generation: UInt64 { bits >> 32 }
  var count: Int { Int(bits >> 16 & 0xffff) }
  var next: Int { Int(bits & 0xffff) }
  var hasWork: Bool { next < count }

  static func region(after previous: Ticket, count: Int) -> Ticket {
    Ticket(bits: (previous.generation &+ 1) << 32 | UInt64(count) << 16)
  }
}
