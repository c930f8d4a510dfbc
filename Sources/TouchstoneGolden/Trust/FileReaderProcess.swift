import Foundation
import Synchronization
import TouchstoneFiles
import TouchstoneModel

/// A child process that reads a file of unknown origin before this one does.
///
/// libhdf5 1.10 can be crashed or hung by a crafted file. The child does all that this process would do with
/// the file, under limits of time and memory; only a file that it survives is opened here. A digest beside a file does
/// not change that: whoever made the file could make the digest.
public enum FileReaderProcess {
  /// What of a file is read.
  enum Task: Hashable {
    /// All of it; `golden` is whose model it speaks of, where only that golden knows it.
    case everything(golden: String?)
    /// What the model was given.
    case inputs
    /// The steps of an optimiser.
    case steps

    fileprivate func arguments(_ path: String) -> [String] {
      switch self {
      case .everything(let golden): [FileReaderProcess.argument, path] + (golden.map { [$0] } ?? [])
      case .inputs: [FileReaderProcess.inputsArgument, path]
      case .steps: [FileReaderProcess.stepsArgument, path]
      }
    }

    fileprivate init?(_ arguments: [String]) {
      switch (arguments.first, arguments.count) {
      case (FileReaderProcess.argument, 2...3): self = .everything(golden: arguments.dropFirst(2).first)
      case (FileReaderProcess.inputsArgument, 2): self = .inputs
      case (FileReaderProcess.stepsArgument, 2): self = .steps
      default: return nil
      }
    }
  }

  private static let argument = "--read-file-of-unknown-origin"
  private static let inputsArgument = "--read-inputs-of-unknown-origin"
  private static let stepsArgument = "--read-steps-of-unknown-origin"

  /// The program that is started as the child, one whose first statement is ``runIfChild()``.
  ///
  /// nil where there is none, among others under a test runner: then this process reads every file itself.
  public static var program: String? {
    get { state.withLock { $0.program } }
    set { state.withLock { $0.program = newValue } }
  }

  /// Takes a file, or every file below a folder, for harmless: it is read without the child.
  ///
  /// - Throws: `BadInput` when there is nothing at `path`.
  public static func trust(_ path: String) throws(BadInput) {
    guard let real = realPath(path) else {
      throw BadInput(
        file: path, place: "--trust", problem: "does not exist",
        remedy: "name a file or a folder that you take for harmless")
    }
    state.withLock { $0.trusted.append(real) }
  }

  private struct State {
    var program: String?
    var trusted: [String] = []
    /// What children have read to the end, of files as they were then.
    var survived: [FileIdentity: Set<Task>] = [:]
  }

  private static let state = Mutex(State())

  private static func realPath(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  private static func isTrusted(_ path: String) -> Bool {
    guard let real = realPath(path) else { return false }
    return state.withLock { state in
      state.trusted.contains { real == $0 || real.hasPrefix($0 == "/" ? $0 : $0 + "/") }
    }
  }

  // MARK: The child

  /// Turns this process into the child where it was started as one, and otherwise sets ``program`` to this
  /// very program; the first statement of a program that reads files.
  public static func runIfChild() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard let task = Task(arguments) else {
      program = Bundle.main.executablePath
      // Who can write there can replace the program.
      if let folder = InstalledGoldens.folder { try? trust(folder) }
      return
    }
    let path = arguments[1]
    limitResources(fileAt: path)
    do throws(BadInput) {
      try read(path, task)
      exit(0)
    } catch {
      func short(_ text: String) -> String { DisplayText.shortened(text, to: BadInput.greatestLength) }
      let answer = Answer(
        place: error.place.map(short), problem: short(error.problem), remedy: error.remedy.map(short))
      if let text = try? JSONEncoder().encode(answer) { FileHandle.standardOutput.write(text) }
      exit(2)
    }
  }

  private static func read(_ path: String, _ task: Task) throws(BadInput) {
    switch task {
    case .everything(let golden):
      // The parent has opened the golden already.
      let golden = try golden.map { (path) throws(BadInput) in
        try ActivationFile(path: path, hasTrustedDigest: false).model
      }
      try ActivationFile(path: path, hasTrustedDigest: false, golden: golden).checkContents()
    case .inputs:
      _ = try RecordedInputs(ofUnknownOrigin: path)
    case .steps:
      try StepFile(ofUnknownOrigin: path).checkContents()
    }
  }

  /// What the child found, on its standard output.
  private struct Answer: Codable {
    var place: String?
    var problem: String
    var remedy: String?
  }

  /// How long reading the file may take, in seconds of computing: a hundred times what it takes.
  private static func greatestSeconds(_ byteCount: Int) -> Int { 5 + byteCount / 20_000_000 }

  /// The same by the clock: on a busy machine a second of computing takes many.
  ///
  /// What computes without end meets ``greatestSeconds(_:)`` first.
  private static func patience(_ byteCount: Int) -> Int { 60 + 3 * greatestSeconds(byteCount) }

  /// Ends this process when the file takes more than generous amounts of time or memory.
  private static func limitResources(fileAt path: String) {
    let byteCount = (try? FileIdentity(path: path).byteCount) ?? 0
    let stored = StoredBytes.count(in: path, of: byteCount)
    limit(RLIMIT_CPU, to: greatestSeconds(stored))
    if SystemLimits.canLimitAddresses { limit(RLIMIT_AS, to: 1 << 30 + 64 * min(stored, 1 << 40)) }
    limit(RLIMIT_CORE, to: 0)
    // Also where the parent is gone that would end it.
    alarm(UInt32(clamping: patience(stored)))
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

  /// Has the child read the file at `path`, unless there is no ``program``, or the user takes the file for harmless.
  ///
  /// - Throws: `BadInput` with what the child found wrong, or saying that it did not survive.
  static func readFirst(_ path: String, _ task: Task = .everything(golden: nil)) throws(BadInput) {
    guard let program, !isTrusted(path) else { return }
    try survive(path, task, program: program)
  }

  /// Has `program`, as a child, read the file at `path`; once for each state of a file.
  ///
  /// - Throws: `BadInput` with what the child found wrong, or saying that it did not survive.
  static func survive(
    _ path: String, _ task: Task = .everything(golden: nil), program: String
  ) throws(BadInput) {
    let identity = try FileIdentity(path: path)
    if state.withLock({ $0.survived[identity]?.contains(task) ?? false }) { return }
    let result: ChildProcess.Result
    do throws(BadInput) {
      // The child keeps an eye on the clock too, and knows of holes in the file.
      let timeout = Double(patience(identity.byteCount) + 1)
      result = try ChildProcess.run(program, task.arguments(path), output: .kept, timeout: timeout)
    } catch {
      throw BadInput(
        file: path, problem: "cannot be checked: \(program) does not start",
        remedy: "repair the installation, or name the file by --trust")
    }
    if result.end == .exited(0) {
      state.withLock { _ = $0.survived[identity, default: []].insert(task) }
      return
    }
    if result.end == .timedOut || result.end == .signalled(SIGALRM) {
      throw BadInput(
        file: path, problem: "was not read within \(patience(identity.byteCount)) s",
        remedy: "repeat the command when the machine and its disk have less to do")
    }
    guard let answer = try? JSONDecoder().decode(Answer.self, from: result.output) else {
      throw BadInput(
        file: path, problem: "crashes, stalls or exhausts the HDF5 library",
        remedy: "it is damaged or was made to do harm: write it again")
    }
    throw BadInput(file: path, place: answer.place, problem: answer.problem, remedy: answer.remedy)
  }
}
