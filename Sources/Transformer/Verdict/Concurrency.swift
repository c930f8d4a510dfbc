import Foundation

extension Range<Int> {
  /// The results of `transform` for each index, computed on all cores.
  ///
  /// - Parameter progress: is told, after each, how many are done, in order, by the thread that did it.
  /// - Throws: what the first index throws that throws at all; the others are computed nevertheless.
  package func concurrentMap<Value: Sendable, Failure: Error>(
    progress: @Sendable (Int) -> Void = { _ in }, _ transform: @Sendable (Int) throws(Failure) -> Value
  ) throws(Failure) -> [Value] {
    let results = Results<Result<Value, Failure>>(count: count)
    DispatchQueue.concurrentPerform(iterations: count) { index in
      let result = Result { () throws(Failure) in try transform(lowerBound + index) }
      results.set(index, result, progress)
    }
    var values: [Value] = []
    values.reserveCapacity(count)
    for result in results.values { values.append(try result.get()) }
    return values
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
  private var count = 0

  init(count: Int) {
    slots = [Value?](repeating: nil, count: count)
  }

  /// Sets the result at `index`, and tells how many are set now.
  func set(_ index: Int, _ value: Value, _ progress: (Int) -> Void) {
    lock.withLock {
      slots[index] = value
      count += 1
      progress(count)
    }
  }

  var values: [Value] { slots.compactMap { $0 } }
}
