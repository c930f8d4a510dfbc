import Foundation

/// The program that runs beside the tests, where a test ends a process.
enum TestProgram {
  /// Programs are built into the folder that holds the tests' own bundle.
  static let path: String = {
    let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundlePath
    let tests = URL(fileURLWithPath: bundle ?? CommandLine.arguments[0])
    return tests.deletingLastPathComponent().path + "/GoldenTestProgram"
  }()

  static func start(_ arguments: String..., output: Pipe = Pipe()) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  /// Runs to the end.
  static func run(_ arguments: String...) throws -> (status: Int32, wasKilled: Bool, output: String) {
    let output = Pipe()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (
      process.terminationStatus, process.terminationReason == .uncaughtSignal,
      String(decoding: text, as: UTF8.self)
    )
  }
}
