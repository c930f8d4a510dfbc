import Foundation
import Testing

/// The built program, run as a person runs it.
struct Program {
  /// What a run left behind.
  struct Result {
    let code: Int32
    let output: String
    let errors: String
  }

  /// A folder for one test's files, removed with `withFolder`.
  let folder: URL

  /// Runs `body` with a fresh folder.
  static func inFolder<Value>(_ body: (Program) throws -> Value) throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "touchstone-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(Program(folder: folder))
  }

  /// The folder of the checkout.
  static let checkout = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The trained model.
  static let shakespeare = checkout.appending(path: "golden/models/shakespeare-gpt2").path

  /// The path of a file in the test's folder.
  func path(_ name: String) -> String { folder.appending(path: name).path }

  /// The names of the files in the test's folder.
  var files: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }

  /// Runs `touchstone` with the given arguments.
  func touchstone(_ arguments: String..., environment: [String: String] = [:]) throws -> Result {
    try run(Self.executable, arguments, environment: environment)
  }

  /// Runs `touchstone` with the given arguments.
  func touchstone(_ arguments: [String]) throws -> Result {
    try run(Self.executable, arguments)
  }

  /// Runs a shell command in the test's folder, with `touchstone` standing for the built program.
  func shell(_ command: String) throws -> Result {
    let function = "touchstone() { '\(Self.executable.path)' \"$@\"; }; "
    return try run(URL(filePath: "/bin/sh"), ["-c", function + command])
  }

  /// Expects that no process runs a command any more; one that was just killed may take a moment.
  static func expectGone(_ command: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    try inFolder { program in
      let pattern = "[\(command.prefix(1))]\(command.dropFirst())$"
      let count = "$(ps -eo stat=,args= | grep -v '^Z' | grep -c '\(pattern)')"
      let running = try program.shell(
        "for i in 1 2 3 4 5; do n=\(count); [ $n = 0 ] && break; sleep 0.2; done; echo $n")
      #expect(running.output == "0\n", "\(running)", sourceLocation: sourceLocation)
    }
  }

  static let executable: URL = {
    // The test runner lies beside the programs that were built with it.
    let runner = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    return runner.deletingLastPathComponent().appending(path: "touchstone")
  }()

  private func run(
    _ executable: URL, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Result {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    // Files, not pipes: no output is long enough to block the program.
    let captured = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    let (output, errors) = (captured.appendingPathExtension("out"), captured.appendingPathExtension("err"))
    defer { for file in [output, errors] { try? FileManager.default.removeItem(at: file) } }
    for file in [output, errors] { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationReason == .exit, "\(arguments) ended by signal \(process.terminationStatus)")
    return Result(
      code: process.terminationStatus, output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
  }
}
