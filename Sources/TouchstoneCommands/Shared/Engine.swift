import Foundation
import TouchstoneCheckpoints
import TouchstoneGolden
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

/// A program of the user's that reads a golden and writes a capture.
struct ExternalEngine: Engine {
  /// The command line for `/bin/sh`, with {model}, {golden} and {capture} in it.
  let command: String

  var name: String { command }

  func withActivations<Result>(
    for golden: ActivationFile, weights: Weights, _ body: (any ActivationSource) throws -> Result
  ) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "touchstone-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = folder.appending(path: "model")
    if command.contains("{model}") { try write(weights, to: model) }
    let capture = folder.appending(path: "capture.h5")
    let filled = [("{model}", model.path), ("{golden}", golden.path), ("{capture}", capture.path)]
      .reduce(command) { $0.replacing($1.0, with: quoted($1.1)) }
    try run(filled)
    guard FileManager.default.fileExists(atPath: capture.path) else {
      throw BadInput(
        file: golden.path, problem: "the program ended without writing a capture",
        remedy: "write it where {capture} stands in the command")
    }
    return try body(ActivationFile(path: capture.path))
  }

  /// Makes a Hugging Face folder of the weights.
  private func write(_ weights: Weights, to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let tensors = Dictionary(uniqueKeysWithValues: weights.stored.map { ($0.key.name, $0.value) })
    try SafetensorsWriter.write(tensors, to: folder.appending(path: "model.safetensors"))
    try Data(weights.configuration.huggingFaceJSON.utf8).write(to: folder.appending(path: "config.json"))
  }

  /// Runs a shell command; its standard output goes to our standard error, so that results stay apart.
  private func run(_ filled: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", filled]
    process.standardOutput = FileHandle.standardError
    try process.run()
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      let how = process.terminationReason == .exit ? "exit code" : "signal"
      throw BadInput(
        place: "--exec", problem: "the program ended with \(how) \(process.terminationStatus)",
        remedy: "run it by hand: \(filled)")
    }
  }

  private func quoted(_ path: String) -> String {
    "'" + path.replacing("'", with: "'\\''") + "'"
  }
}
