import CHDF5
import Foundation
import TouchstoneModel

/// The one entrance to libhdf5.
///
/// The library keeps global state and is not thread-safe everywhere (Debian's is, Homebrew's is not), so
/// every call is made inside ``locked(_:)``.
enum HDF5Library {
  /// Recursive, because handles are closed wherever their last owner goes out of scope.
  private static let lock = NSRecursiveLock()

  /// Prepares the library once in the life of the process.
  private static let isReady: Bool = {
    // After a failed close (a full disk) the library's exit handler of 1.10 reads freed memory.
    _ = H5dont_atexit()
    guard H5open() >= 0 else { return false }
    // Only the built-in filters are read; a file must not choose a shared library to load.
    _ = H5PLset_loading_state(0)
    return true
  }()

  /// Runs `body` as the library's only caller, its failures kept off standard error.
  static func locked<Result: ~Copyable, Failure>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.lock()
    defer { lock.unlock() }
    if isReady {
      // The setting belongs to the thread, and tasks move between threads.
      _ = H5Eset_auto2(chdf5_default(), nil, nil)
    }
    return try body()
  }

  /// Runs `body` likewise, and names the file in what it throws.
  static func locked<Result: ~Copyable>(
    naming file: String, _ body: () throws(BadInput) -> Result
  ) throws(BadInput) -> Result {
    try locked { () throws(BadInput) in
      do throws(BadInput) { return try body() } catch { throw error.inFile(file) }
    }
  }

  /// An error that says what was attempted and gives the library's own reasons for the failure.
  static func failure(_ attempt: String, at place: String? = nil) -> BadInput {
    let reasons = reasons()
    return BadInput(
      place: place,
      problem: "cannot \(attempt)" + (reasons.isEmpty ? "" : " (HDF5: \(reasons.joined(separator: ": ")))"))
  }

  /// The outermost and the innermost entry of the library's error stack of this thread.
  private static func reasons() -> [String] {
    var descriptions: [String] = []
    withUnsafeMutablePointer(to: &descriptions) { list in
      _ = H5Ewalk2(
        chdf5_default(), H5E_WALK_DOWNWARD,
        { _, entry, context in
          guard let text = entry?.pointee.desc, let context else { return 0 }
          context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: text))
          return 0
        }, list)
    }
    // Closing an identifier adds nothing to what made it fail.
    let telling = descriptions.filter { $0 != "can't decrement ID ref count" }
    guard let first = telling.first, let last = telling.last else { return [] }
    return (telling.count == 1 ? [last] : [first, last]).map(inOneLine)
  }

  /// The system's own words where the library quotes them among times and addresses; else the text as it is.
  private static func inOneLine(_ text: String) -> String {
    let quoted = text.split(separator: "error message = '", maxSplits: 1).dropFirst().first
    return quoted.map { String($0.prefix { $0 != "'" }) }
      ?? text.split(separator: "\n").joined(separator: " ")
  }

  /// Throws when a call of the library reported failure by a negative result.
  static func check(
    _ result: some SignedInteger, _ attempt: @autoclosure () -> String, at place: String? = nil
  ) throws(BadInput) {
    guard result >= 0 else { throw failure(attempt(), at: place) }
  }
}

/// Ownership of one identifier of the library, of any kind.
struct Handle: ~Copyable, Sendable {
  let id: hid_t

  /// Takes over `id`, unless it reports that `attempt` failed.
  init(_ id: hid_t, _ attempt: @autoclosure () -> String, at place: String? = nil) throws(BadInput) {
    guard id >= 0 else { throw HDF5Library.failure(attempt(), at: place) }
    self.id = id
  }

  deinit {
    HDF5Library.locked { _ = H5Idec_ref(id) }
  }

  /// Closes now, and reports what closing found: data may be written no earlier than this.
  consuming func close(_ attempt: String, at place: String? = nil) throws(BadInput) {
    let id = self.id
    discard self
    try HDF5Library.check(H5Idec_ref(id), attempt, at: place)
  }
}
