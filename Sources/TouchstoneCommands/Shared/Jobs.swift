import Foundation

/// Work that waits for other programs: as many threads as are asked for, however many cores there are.
enum Jobs {
  /// The result of `work` for each index below `count`, at most `width` of them under way at a time.
  static func map<Value: Sendable>(
    _ count: Int, width: Int, _ work: @escaping @Sendable (Int) -> Value
  ) -> [Value] {
    guard width > 1, count > 1 else { return (0..<count).map(work) }
    let pool = Pool<Value>(count: count)
    let group = DispatchGroup()
    for _ in 0..<min(width, count) {
      group.enter()
      let thread = Thread {
        while let index = pool.next() { pool.set(index, work(index)) }
        group.leave()
      }
      // What judging needs; the system's own for secondary threads may be less.
      thread.stackSize = 8 << 20
      thread.start()
    }
    group.wait()
    return pool.results
  }

  private final class Pool<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var slots: [Value?]
    private var taken = 0

    init(count: Int) { slots = [Value?](repeating: nil, count: count) }

    func next() -> Int? {
      lock.withLock {
        guard taken < slots.count else { return nil }
        defer { taken += 1 }
        return taken
      }
    }

    func set(_ index: Int, _ value: Value) { lock.withLock { slots[index] = value } }

    var results: [Value] { slots.compactMap(\.self) }
  }
}
