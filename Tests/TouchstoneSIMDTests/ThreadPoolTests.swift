import Foundation
import Synchronization
import Testing
import TouchstoneModel
import TouchstoneSIMD
import TouchstoneTestSupport

/// Plain memory that several threads write, each its own places: what a region must make visible to its caller,
/// and what ThreadSanitizer watches.
private final class PlainCells: @unchecked Sendable {
  let cells: UnsafeMutablePointer<Int>
  let count: Int

  init(_ count: Int) {
    self.count = count
    cells = .allocate(capacity: max(count, 1))
    cells.initialize(repeating: 0, count: count)
  }

  deinit { cells.deallocate() }

  var sum: Int { (0..<count).reduce(0) { $0 &+ cells[$1] } }
}

private final class Counters: Sendable {
  let byCaller = Atomic<Int>(0)
  let byOther = Atomic<Int>(0)
}

/// Starts `count` threads of the system's, and returns when `body` has returned on each.
private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let group = DispatchGroup()
  for index in 0..<count {
    group.enter()
    Thread.detachNewThread {
      body(index)
      group.leave()
    }
  }
  group.wait()
}

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 3, 7, 1000, 65535, 65536, 150_000])
  func everyChunkIsDoneOnceAndEachThreadNumberBelongsToOneThread(_ threads: Int, _ chunks: Int) {
    let pool = ThreadPool(threadCount: threads)
    let (done, busy) = (PlainCells(chunks), PlainCells(threads))
    let clashes = Mutex(0)
    for _ in 0..<3 {
      pool.run(chunks: chunks) { chunk, thread in
        if busy.cells[thread] != 0 { clashes.withLock { $0 += 1 } }
        busy.cells[thread] = 1
        done.cells[chunk] += 1
        busy.cells[thread] = 0
      }
    }
    #expect((0..<chunks).allSatisfy { done.cells[$0] == 3 })
    #expect(clashes.withLock { $0 } == 0)
  }

  @Test func aRegionSeesWhatTheOnesBeforeItWrote() {
    let pool = ThreadPool(threadCount: 4)
    let (one, other) = (PlainCells(64), PlainCells(64))
    for round in 0..<1000 {
      let (source, target) = round % 2 == 0 ? (one, other) : (other, one)
      pool.run(chunks: 64) { chunk, _ in target.cells[chunk] = source.cells[(chunk + 1) % 64] + 1 }
    }
    #expect((0..<64).allSatisfy { one.cells[$0] == 1000 })
  }

  @Test(arguments: [1, 2, 4]) func callersAtOnceGetEachTheirOwn(_ threads: Int) {
    let pool = ThreadPool(threadCount: threads)
    let wrong = Mutex<[String]>([])
    onThreads(6) { caller in
      for round in 0..<200 {
        let chunks = (caller * 31 + round * 7) % 97
        let mine = PlainCells(chunks)
        pool.run(chunks: chunks) { chunk, _ in mine.cells[chunk] += caller * 1000 + chunk }
        let expected = chunks * caller * 1000 + chunks * (chunks - 1) / 2
        if mine.sum != expected { wrong.withLock { $0.append("caller \(caller), round \(round)") } }
      }
    }
    #expect(wrong.withLock { $0 } == [])
  }

  @Test(arguments: [1, 2, 4]) func aChunkMayRunARegion(_ threads: Int) {
    let pool = ThreadPool(threadCount: threads)
    let results = PlainCells(40)
    pool.run(chunks: 40) { outer, _ in
      let inner = PlainCells(17)
      pool.run(chunks: 17) { chunk, _ in
        pool.run(chunks: 3) { innermost, _ in inner.cells[chunk] += outer + chunk + innermost }
      }
      results.cells[outer] = inner.sum
    }
    #expect((0..<40).allSatisfy { results.cells[$0] == 3 * (17 * $0 + 136) + 17 * 3 })
  }

  /// A thread that has claimed a chunk is held until the caller has done every other one.
  @Test func theCallerWaitsOnlyForWhatOthersHaveClaimed() {
    let pool = ThreadPool(threadCount: 2)
    var helped = 0
    for _ in 0..<50 {
      let shared = Counters()
      pool.run(chunks: 20) { _, thread in
        if thread == 0 {
          usleep(20)
          shared.byCaller.add(1, ordering: .sequentiallyConsistent)
        } else {
          shared.byOther.add(1, ordering: .sequentiallyConsistent)
          while shared.byCaller.load(ordering: .sequentiallyConsistent) < 19 { usleep(20) }
          usleep(500)
        }
      }
      helped += shared.byOther.load(ordering: .sequentiallyConsistent)
    }
    #expect(helped > 0)
  }

  @Test func whatTheChunksHoldIsLetGo() {
    let pool = ThreadPool(threadCount: 4)
    for _ in 0..<200 {
      weak var held: PlainCells?
      do {
        let cells = PlainCells(8)
        held = cells
        pool.run(chunks: 8) { chunk, _ in cells.cells[chunk] += 1 }
      }
      #expect(held == nil)
    }
  }

  @Test func poolsComeAndGo() {
    for round in 0..<200 {
      let pool = ThreadPool(threadCount: 1 + round % 5)
      let cells = PlainCells(round % 9)
      if round % 3 > 0 { pool.run(chunks: cells.count) { chunk, _ in cells.cells[chunk] += 1 } }
      #expect(cells.sum == (round % 3 > 0 ? cells.count : 0))
    }
  }
}
