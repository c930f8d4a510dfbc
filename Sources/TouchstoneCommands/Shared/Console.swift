import Foundation
import TouchstoneFiles
import TouchstoneModel

/// Where the program's words go: results to standard output, everything else to standard error.
///
/// Whatever has come from a file into them, no terminal obeys it: control characters are escaped once more here.
enum Console {
  /// Writes text to standard output at once, without a newline.
  static func write(_ text: String) {
    write(text, to: .standardOutput)
  }

  /// Writes a line to standard output.
  static func line(_ text: String) {
    write(text + "\n", to: .standardOutput)
  }

  /// Writes a line to standard error.
  static func error(_ text: String) {
    write(text + "\n", to: .standardError)
  }

  /// Whether a person reads standard output.
  static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Whether a person reads standard error.
  static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Whether results are coloured: for a person, at a terminal that can, unless NO_COLOR (no-color.org) is set.
  static var usesColor: Bool { outputIsTerminal && !isDumb && (variable("NO_COLOR") ?? "").isEmpty }

  /// Whether the terminal understands no escape sequences.
  static var isDumb: Bool { variable("TERM") == "dumb" }

  private static func variable(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }

  private static func write(_ text: String, to handle: FileHandle) {
    let shown = DisplayText.block(text, keepsColors: handle === FileHandle.standardOutput && usesColor)
    do {
      try handle.write(contentsOf: Data(shown.utf8))
    } catch  where handle === FileHandle.standardOutput {
      // A result that was not written must not look like one.
      let isClosed = errno == EPIPE
      Console.error(
        "touchstone: standard output "
          + (isClosed
            ? "was closed before all of it was written; read it to its end, or write it to a file"
            : "cannot be written; check the space where it goes"))
      Unfinished.endAll()
      exit(2)
    } catch {
      // Nowhere is left to say it.
    }
  }
}

/// How far long work has come, from any thread, on standard error: one line that changes at a terminal, elsewhere a line
/// every half minute, so that the log of a run shows that it lives.
final class Progress: @unchecked Sendable {
  private let isLive = Console.errorIsTerminal && !Console.isDumb
  private let clock = ContinuousClock()
  private let lock = NSLock()
  /// What is no terminal gets its first line half a minute after the beginning.
  private var lastShown: ContinuousClock.Instant?
  private var isOnScreen = false
  private let start = ContinuousClock.now

  /// How long a text stands at least.
  private var interval: Duration { isLive ? .milliseconds(100) : .seconds(30) }

  /// Shows `text` in place of what was shown before, unless that is too recent.
  func show(_ text: @autoclosure () -> String) {
    lock.withLock {
      let now = clock.now
      if let last = lastShown ?? (isLive ? nil : start), now - last < interval { return }
      lastShown = now
      isOnScreen = isLive
      let line = DisplayText.shortened(DisplayText.line(text()), to: 200)
      write(isLive ? "\r\u{1b}[K" + line : "touchstone: " + line + "\n")
    }
  }

  /// Clears the line.
  func end() {
    lock.withLock {
      guard isOnScreen else { return }
      isOnScreen = false
      write("\r\u{1b}[K")
    }
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}

/// How far work of parts that are about equal has come, and how long the rest will take, from any thread.
final class Countdown: @unchecked Sendable {
  private let what: String
  private let progress: Progress
  private let lock = NSLock()
  /// When the first of it was shown.
  private var start: ContinuousClock.Instant?

  init(_ what: String, _ progress: Progress) {
    self.what = what
    self.progress = progress
  }

  /// Shows that `done` of `total` parts are finished.
  ///
  /// - Parameter part: which of them it is at, where that says something.
  @Sendable func show(_ done: Int, of total: Int, at part: String? = nil) {
    let left = left(Double(done) / Double(total))
    progress.show("\(what), \(done) of \(total)\(part.map { " (\($0))" } ?? "")\(left)")
  }

  /// Shows what share of the work is done.
  @Sendable func show(share: Double) {
    let left = left(share)
    progress.show("\(what), \(Int(share * 100)) %\(left)")
  }

  /// Nothing is said of the rest until there is something to go by.
  private func left(_ share: Double) -> String {
    let now = ContinuousClock.now
    let elapsed = lock.withLock {
      start = start ?? now
      return now - (start ?? now)
    }
    guard share > 0, elapsed >= .seconds(2) else { return "" }
    let seconds = (elapsed * (1 / share - 1)).components.seconds
    return seconds < 120 ? ", \(seconds) s left" : ", \(seconds / 60) minutes left"
  }
}
