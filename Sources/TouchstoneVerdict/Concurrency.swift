import Foundation

extension Range<Int> {
  /// The results of `transform` for each index, computed on all cores.
  package func concurrentMap<Result: Sendable>(_ transform: @Sendable (Int) -> Result) -> [Result] {
    let results = Results<Result>(count: count)
    DispatchQueue.concurrentPerform(iterations: count) { index in
      results.set(index, transform(lowerBound + index))
    }
    return results.values
  }
}

extension Array {
  /// `count` elements, of which `fill`, on several threads, sets each once.
  init(count: Int, filledConcurrently fill: (Slots<Element>) -> Void) {
    self.init(unsafeUninitializedCapacity: count) { buffer, initialized in
      fill(Slots(buffer))
      initialized = count
    }
  }
}

/// The elements of an array in the making, each to be set once.
struct Slots<Element>: @unchecked Sendable {
  private let buffer: UnsafeMutableBufferPointer<Element>

  fileprivate init(_ buffer: UnsafeMutableBufferPointer<Element>) {
    self.buffer = buffer
  }

  /// Sets the element at `index`.
  func set(_ index: Int, _ value: Element) {
    buffer.initializeElement(at: index, to: value)
  }
}

/// Results that threads fill in, each at its own place.
private final class Results<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var slots: [Value?]

  init(count: Int) {
    slots = [Value?](repeating: nil, count: count)
  }

  func set(_ index: Int, _ value: Value) {
    lock.withLock { slots[index] = value }
  }

  var values: [Value] { slots.compactMap { $0 } }
}

/// Counts what several threads have done.
package final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  /// Starts at 0.
  package init() {}

  /// One more; the count so far.
  package func next() -> Int {
    lock.withLock {
      count += 1
      return count
    }
  }
}
