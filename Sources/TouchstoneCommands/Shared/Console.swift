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

/// One line on standard error that says how far long work has come, from any thread; nothing when no terminal is
/// there.
final class Progress: @unchecked Sendable {
  private let isShown = Console.errorIsTerminal && !Console.isDumb
  private let clock = ContinuousClock()
  private let lock = NSLock()
  private var lastShown: ContinuousClock.Instant?

  /// Shows `text` in place of what was shown before, at most ten times a second.
  func show(_ text: @autoclosure () -> String) {
    guard isShown else { return }
    lock.withLock {
      let now = clock.now
      if let lastShown, now - lastShown < .milliseconds(100) { return }
      lastShown = now
      write(text())
    }
  }

  /// Clears the line.
  func end() {
    guard isShown else { return }
    lock.withLock {
      guard lastShown != nil else { return }
      lastShown = nil
      write("")
    }
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(
      contentsOf: Data("\r\u{1b}[K\(DisplayText.shortened(DisplayText.line(text), to: 200))".utf8))
  }
}

/// How far work of equal parts has come, and how long the rest will take, from any thread.
struct Countdown: Sendable {
  private let what: String
  private let progress: Progress
  private let start = ContinuousClock.now

  init(_ what: String, _ progress: Progress) {
    self.what = what
    self.progress = progress
  }

  /// Shows that `done` of `total` parts are finished.
  @Sendable func show(_ done: Int, of total: Int) {
    let elapsed = ContinuousClock.now - start
    let left = elapsed * (Double(total - done) / Double(max(done, 1)))
    let seconds = left.components.seconds
    progress.show(
      "\(what), \(done) of \(total), "
        + (seconds < 120 ? "\(seconds) s left" : "\(seconds / 60) minutes left"))
  }
}
