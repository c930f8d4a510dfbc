import Foundation
import TouchstoneFiles
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// A program of the user's that reads a golden and writes a capture.
struct ExternalEngine: Engine {
  /// The command line for `/bin/sh`, with {model}, {golden} and {capture} in it.
  let command: String
  /// Seconds after which it is ended.
  let timeout: Double

  /// The exit code by which a program says that it does not support what is asked, as test suites of Autotools do.
  static let notSupported: Int32 = 77

  var name: String { command }

  func withActivations<Result>(
    for golden: ActivationFile, weights: Weights, keeping kept: CaptureDestination?,
    _ body: (any ActivationSource) throws -> Result
  ) throws -> Result {
    let folder = try WorkFolder()
    defer { folder.remove() }
    let model = folder.url.appending(path: "model")
    if command.contains("{model}") { try WorkFolder.write(weights, of: golden, to: model) }
    let capture = try kept?.cleared() ?? folder.url.appending(path: "capture.h5").path
    let filled = [("{model}", model.path), ("{golden}", golden.path), ("{capture}", capture)]
      .reduce(command) { $0.replacing($1.0, with: Self.quoted($1.1)) }
    // The golden stays where it is; the other two are gone when somebody reads this.
    try Self.run(
      filled, byHand: command.replacing("{golden}", with: Self.quoted(golden.path)), option: "--exec",
      timeout: timeout)
    guard FileManager.default.fileExists(atPath: capture) else {
      throw BadInput(
        file: golden.path, problem: "the program ended without writing a capture",
        remedy: "write it where {capture} stands in the command")
    }
    return try body(ActivationFile(path: capture, against: golden))
  }

  /// Runs a shell command; its standard output goes to our standard error, so that results stay apart.
  static func run(_ filled: String, byHand: String, option: String, timeout: Double) throws {
    let result = try ChildProcess.run(
      "/bin/sh", ["-c", filled], output: .toStandardError, timeout: timeout, endsStrays: true)
    if result.leftRunning > 0 {
      Console.error(
        "touchstone: the program left \(result.leftRunning) "
          + (result.leftRunning == 1
            ? "process running, which was ended" : "processes running, which were ended"))
    }
    let problem: String
    switch result.end {
    case .exited(0): return
    case .exited(notSupported): throw NotSupported()
    case .exited(126): problem = "the shell cannot run the program (exit code 126)"
    case .exited(127): problem = "the shell does not find the program (exit code 127)"
    case .exited(let code): problem = "the program ended with exit code \(code)"
    case .signalled(let number): problem = "the program ended with signal \(number)"
    case .timedOut:
      throw BadInput(
        place: option,
        problem:
          "the program was ended with all that it started, after the \(timeout.formatted()) seconds of --timeout",
        remedy: "give it more, or run it by hand: \(byHand)")
    }
    throw BadInput(place: option, problem: problem, remedy: "run it by hand: \(byHand)")
  }

  /// A word of a shell command.
  static func quoted(_ path: String) -> String {
    "'" + path.replacing("'", with: "'\\''") + "'"
  }
}
