import Foundation

/// What must not outlive this process: files under temporary names, temporary folders, and processes it started.
///
/// Entries are made before what they name exists and in one step with it, so that an interruption finds either both
/// or neither (``Interruption``).
package enum Unfinished {
  private static let lock = NSLock()
  // Guarded by the lock.
  nonisolated(unsafe) private static var paths: Set<String> = []
  nonisolated(unsafe) private static var groups: Set<pid_t> = []

  /// Runs `make`, which creates the file or folder at `path`; it is removed if this process is interrupted.
  package static func create<Result: ~Copyable, Failure>(
    _ path: String, _ make: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.lock()
    defer { lock.unlock() }
    paths.insert(path)
    do throws(Failure) {
      return try make()
    } catch {
      paths.remove(path)
      throw error
    }
  }

  /// Runs `settle`, which gives what is at `path` its final name; whether it did.
  ///
  /// An interruption comes before or after, so that a folder which goes as a whole does so.
  static func settle(_ path: String, _ settle: () -> Bool) -> Bool {
    lock.withLock {
      guard settle() else { return false }
      paths.remove(path)
      return true
    }
  }

  /// Leaves what is at `path` where it is, or gone.
  package static func forget(_ path: String) {
    lock.withLock { _ = paths.remove(path) }
  }

  /// Runs `start`, which starts a process that leads a group of its own and gives its id.
  static func start<Failure>(_ start: () throws(Failure) -> pid_t) throws(Failure) -> pid_t {
    lock.lock()
    defer { lock.unlock() }
    let leader = try start()
    groups.insert(leader)
    return leader
  }

  /// The process and all of its group are gone.
  static func forget(group leader: pid_t) {
    lock.withLock { _ = groups.remove(leader) }
  }

  /// The processes that this one started and still waits for.
  static var leaders: Set<pid_t> { lock.withLock { groups } }

  /// Removes everything, and lets nothing new begin: the process is about to end.
  package static func endAll() {
    // Never given back.
    lock.lock()
    for group in groups { kill(-group, SIGKILL) }
    for path in paths {
      // A folder, if it is no file.
      if unlink(path) != 0, errno != ENOENT { removeFolder(path) }
    }
  }

  /// Removes a folder in which another thread may be making one still: then once more.
  private static func removeFolder(_ path: String) {
    for _ in 0..<50 {
      try? FileManager.default.removeItem(atPath: path)
      guard FileManager.default.fileExists(atPath: path) else { return }
      usleep(2000)
    }
  }
}
