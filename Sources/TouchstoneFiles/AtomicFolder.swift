import Foundation
import TouchstoneModel

/// A folder that appears under its name whole or not at all: filled beside it, then renamed.
package enum AtomicFolder {
  /// Makes the folder at `path`, which must not exist, of what `fill` puts into the folder that it is given.
  ///
  /// - Throws: ``BadInput`` with the system's reason, or what `fill` throws; nothing is left then.
  package static func write(
    to path: String, _ fill: (URL) throws(BadInput) -> Void
  ) throws(BadInput) {
    let whole = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    try checkFree(whole)
    let partial = whole + ".partial-" + String(UInt64.random(in: .min ... .max), radix: 16)
    let isMade = Unfinished.create(partial) { mkdir(partial, 0o777) == 0 }
    guard isMade else {
      let error = failure(whole)
      Unfinished.forget(partial)
      throw error
    }
    do throws(BadInput) {
      try fill(URL(filePath: partial, directoryHint: .isDirectory))
      try checkFree(whole)
      guard Unfinished.settle(partial, { rename(partial, whole) == 0 }) else { throw failure(whole) }
    } catch {
      try? FileManager.default.removeItem(atPath: partial)
      Unfinished.forget(partial)
      throw error
    }
  }

  private static func checkFree(_ path: String) throws(BadInput) {
    var facts = stat()
    guard lstat(path, &facts) != 0 else {
      throw BadInput(file: path, problem: "already exists", remedy: "give the name of a new folder")
    }
  }

  private static func failure(_ path: String) -> BadInput {
    BadInput(
      file: path, problem: "cannot be made: \(SystemError.current)",
      remedy: "check the path, the free space and the permissions")
  }
}
