import Foundation
import Synchronization
import TouchstoneModel

/// A child process that reads a file of unknown origin before this one does.
///
/// libhdf5 1.10 can be crashed or hung by a crafted file. The child does all that this process would do with
/// the file, under limits of time and memory; only a file that it survives is opened here.
public enum FileReaderProcess {
  private static let argument = "--read-file-of-unknown-origin"

  /// The program that is started as the child, one whose first statement is ``runIfChild()``.
  ///
  /// nil where there is none, among others under a test runner: then this process reads every file itself.
  public static var program: String? {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }

  private static let state = Mutex<String?>(nil)

  // MARK: The child

  /// Turns this process into the child where it was started as one, and otherwise sets ``program`` to this
  /// very program; the first statement of a program that reads files.
  public static func runIfChild() {
    let arguments = CommandLine.arguments
    guard arguments.count == 3, arguments[1] == argument else {
      program = Bundle.main.executablePath
      return
    }
    limitResources(fileAt: arguments[2])
    do throws(BadInput) {
      try ActivationFile(path: arguments[2], hasTrustedDigest: false).checkContents()
      exit(0)
    } catch {
      let answer = Answer(place: error.place, problem: error.problem, remedy: error.remedy)
      if let text = try? JSONEncoder().encode(answer) { FileHandle.standardOutput.write(text) }
      exit(2)
    }
  }

  /// What the child found, on its standard output.
  private struct Answer: Codable {
    var place: String?
    var problem: String
    var remedy: String?
  }

  /// Ends this process when the file takes more than generous amounts of time or memory.
  private static func limitResources(fileAt path: String) {
    let byteCount = (try? FileIdentity(path: path).byteCount) ?? 0
    let seconds = 20 + byteCount / 10_000_000
    limit(RLIMIT_CPU, to: seconds)
    limit(RLIMIT_AS, to: 4 << 30 + 16 * min(byteCount, 1 << 40))
    limit(RLIMIT_CORE, to: 0)
    // On a busy machine a second of computing may take many.
    alarm(UInt32(clamping: 10 * seconds))
  }

  #if canImport(Darwin)
    private static func limit(_ resource: Int32, to value: Int) {
      var limits = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
      setrlimit(resource, &limits)
    }
  #else
    private static func limit(_ resource: __rlimit_resource, to value: Int) {
      var limits = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
      setrlimit(__rlimit_resource_t(resource.rawValue), &limits)
    }
  #endif

  // MARK: The parent

  /// Has `program`, as a child, read the file at `path`.
  ///
  /// - Throws: `BadInput` with what the child found wrong, or saying that it did not survive.
  static func survive(_ path: String, program: String) throws(BadInput) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = [argument, path]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    let answer: Data
    do {
      try process.run()
      answer = try output.fileHandleForReading.readToEnd() ?? Data()
    } catch {
      throw BadInput(
        file: path, problem: "cannot be checked: \(program) does not start",
        remedy: "give the file a digest (sha256sum FILE > FILE.sha256) or repair the installation")
    }
    process.waitUntilExit()
    if process.terminationReason == .exit, process.terminationStatus == 0 { return }
    guard let answer = try? JSONDecoder().decode(Answer.self, from: answer) else {
      throw BadInput(
        file: path, problem: "crashes, stalls or exhausts the HDF5 library",
        remedy: "it is damaged or was made to do harm: write it again")
    }
    throw BadInput(file: path, place: answer.place, problem: answer.problem, remedy: answer.remedy)
  }
}
