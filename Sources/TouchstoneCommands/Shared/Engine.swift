import Foundation
import TouchstoneCheckpoints
import TouchstoneFiles
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// Something that can be put through a golden: one of our implementations, or somebody's program.
protocol Engine {
  /// What it is called in reports.
  var name: String { get }

  /// Hands `body` what it computes from the golden's inputs with the golden's weights.
  func withActivations<Result>(
    for golden: ActivationFile, weights: Weights, _ body: (any ActivationSource) throws -> Result
  ) throws -> Result
}

extension Implementation: Engine {
  var name: String { rawValue }

  func withActivations<Result>(
    for golden: ActivationFile, weights: Weights, _ body: (any ActivationSource) throws -> Result
  ) throws -> Result {
    try body(record(transformer(weights), golden.inputs))
  }

  private func record(_ transformer: some Transformer, _ inputs: Inputs) throws -> RecordedActivations {
    try RecordedActivations(of: transformer, inputs: inputs)
  }
}

/// An engine says that it does not run a golden's model or inputs.
struct NotSupported: Error {}

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
    for golden: ActivationFile, weights: Weights, _ body: (any ActivationSource) throws -> Result
  ) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "touchstone-\(UUID().uuidString)")
    try Unfinished.create(folder.path) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    defer {
      try? FileManager.default.removeItem(at: folder)
      Unfinished.forget(folder.path)
    }
    let model = folder.appending(path: "model")
    if command.contains("{model}") { try write(weights, golden.model.configJSON, to: model) }
    let capture = folder.appending(path: "capture.h5")
    let filled = [("{model}", model.path), ("{golden}", golden.path), ("{capture}", capture.path)]
      .reduce(command) { $0.replacing($1.0, with: quoted($1.1)) }
    // The golden stays where it is; the other two are gone when somebody reads this.
    try run(filled, byHand: command.replacing("{golden}", with: quoted(golden.path)))
    guard FileManager.default.fileExists(atPath: capture.path) else {
      throw BadInput(
        file: golden.path, problem: "the program ended without writing a capture",
        remedy: "write it where {capture} stands in the command")
    }
    return try body(ActivationFile(path: capture.path, against: golden))
  }

  /// Makes a Hugging Face folder of the weights.
  private func write(_ weights: Weights, _ configJSON: String, to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    try SafetensorsWriter.write(weights.stored, to: folder.appending(path: "model.safetensors"))
    let text = Data(configJSON.utf8)
    try AtomicFile.write(text, to: folder.appending(path: "config.json").path, overwrite: false)
  }

  /// Runs a shell command; its standard output goes to our standard error, so that results stay apart.
  private func run(_ filled: String, byHand: String) throws {
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
    case .exited(Self.notSupported): throw NotSupported()
    case .exited(126): problem = "the shell cannot run the program (exit code 126)"
    case .exited(127): problem = "the shell does not find the program (exit code 127)"
    case .exited(let code): problem = "the program ended with exit code \(code)"
    case .signalled(let number): problem = "the program ended with signal \(number)"
    case .timedOut:
      throw BadInput(
        place: "--exec",
        problem:
          "the program was ended with all that it started, after the \(timeout.formatted()) seconds of --timeout",
        remedy: "give it more, or run it by hand: \(byHand)")
    }
    throw BadInput(place: "--exec", problem: problem, remedy: "run it by hand: \(byHand)")
  }

  private func quoted(_ path: String) -> String {
    "'" + path.replacing("'", with: "'\\''") + "'"
  }
}
