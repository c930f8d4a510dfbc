import CSystem
import Foundation
import TouchstoneModel

/// A program run to its end, or to the end of its time, and everything that it started with it.
package enum ChildProcess {
  /// How a program ended.
  package enum End: Sendable, Equatable {
    case exited(Int32)
    case signalled(Int32)
    case timedOut
  }

  /// What a program left.
  package struct Result: Sendable {
    /// How it ended.
    package let end: End
    /// Its standard output, where that is kept, up to ``greatestOutput`` bytes.
    package let output: Data
    /// How many processes it left running, which were ended.
    package let leftRunning: Int
  }

  /// Where standard output and standard error go.
  package enum Output: Sendable {
    /// Output is kept, errors are dropped.
    case kept
    /// Both go where this process writes its errors, so that its own output stays apart.
    case toStandardError
  }

  /// More is not kept of an output.
  package static let greatestOutput = 1 << 16

  /// How long a program whose time is over may take to end by itself.
  private static let grace = Duration.seconds(2)

  /// Runs `program` with an empty standard input, in a process group of its own.
  ///
  /// - Parameters:
  ///   - timeout: seconds after which the group is ended, first by SIGTERM, then by SIGKILL.
  ///   - endsStrays: whether processes that it leaves in other groups or sessions are ended too, where the system can
  ///     tell (Linux); those in its own group always are.
  /// - Throws: ``BadInput`` where the program cannot be started.
  package static func run(
    _ program: String, _ arguments: [String], output: Output, timeout: Double, endsStrays: Bool = false
  ) throws(BadInput) -> Result {
    if endsStrays { _ = csystem_adopt_orphans() }
    var pipe = try output == .kept ? Pipe() : nil
    let leader = try Unfinished.start { () throws(BadInput) in
      try spawn(program, arguments, outputTo: pipe?.writing)
    }
    defer { Unfinished.forget(group: leader) }
    pipe?.closeWriting()
    let timedOut = !wait(for: leader, until: .now + .seconds(timeout), draining: &pipe)
    if timedOut {
      kill(-leader, SIGTERM)
      _ = wait(for: leader, until: .now + grace, draining: &pipe)
    }
    // Before the leader is reaped, so that its number still stands for its group.
    kill(-leader, SIGKILL)
    var status: Int32 = 0
    while waitpid(leader, &status, 0) < 0, errno == EINTR {}
    pipe?.finish()
    let end: End =
      timedOut ? .timedOut : status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
    return Result(end: end, output: pipe?.bytes ?? Data(), leftRunning: endsStrays ? endStrays() : 0)
  }

  /// Waits for the process without reaping it; whether it ended in time.
  private static func wait(
    for leader: pid_t, until deadline: ContinuousClock.Instant, draining pipe: inout Pipe?
  ) -> Bool {
    var pause: UInt32 = 500
    while true {
      pipe?.drain()
      var facts = siginfo_t()
      if waitid(P_PID, id_t(leader), &facts, WEXITED | WNOHANG | WNOWAIT) == 0, facts.si_signo == SIGCHLD {
        return true
      }
      guard ContinuousClock.now < deadline else { return false }
      usleep(pause)
      pause = min(2 * pause, 5_000)
    }
  }

  /// Ends the orphans that have come to this process; how many there were.
  private static func endStrays() -> Int {
    var count = 0
    // Each may leave children of its own.
    for _ in 0..<100 {
      let strays = children().subtracting(Unfinished.leaders)
      if strays.isEmpty { break }
      for stray in strays {
        kill(stray, SIGKILL)
        var status: Int32 = 0
        if waitpid(stray, &status, 0) == stray, status & 0x7f == SIGKILL { count += 1 }
      }
    }
    return count
  }

  /// The children of this process, as Linux lists them.
  private static func children() -> Set<pid_t> {
    let tasks = "/proc/self/task"
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
    return Set(
      threads.flatMap { thread in
        let text = FileManager.default.contents(atPath: "\(tasks)/\(thread)/children") ?? Data()
        return String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
      })
  }

  // MARK: Starting

  private static func spawn(
    _ program: String, _ arguments: [String], outputTo output: Int32?
  ) throws(BadInput) -> pid_t {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    if let output {
      posix_spawn_file_actions_adddup2(&actions, output, 1)
      posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    } else {
      posix_spawn_file_actions_adddup2(&actions, 2, 1)
    }
    // What this process blocks or ignores for itself (`Interruption`) is no concern of the program.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGPIPE)
    sigaddset(&signals, SIGXFSZ)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var list: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] =
      ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in list + variables { free(text) } }
    var child: pid_t = 0
    let code = posix_spawn(&child, program, &actions, &attributes, &list, &variables)
    guard code == 0 else {
      throw BadInput(
        file: program, problem: "does not start: \(String(cString: strerror(code)))",
        remedy: "check that it is there and may be run")
    }
    return child
  }

  /// What a program writes, taken as it comes.
  private struct Pipe {
    private let reading: Int32
    private(set) var writing: Int32
    private(set) var bytes = Data()
    private var isOpen = true

    init() throws(BadInput) {
      var ends: [Int32] = [0, 0]
      guard Foundation.pipe(&ends) == 0 else {
        throw BadInput(problem: "no pipe can be made: \(SystemError.current)", remedy: "close some files")
      }
      (reading, writing) = (ends[0], ends[1])
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      _ = fcntl(reading, F_SETFL, O_NONBLOCK)
    }

    mutating func closeWriting() {
      close(writing)
      writing = -1
    }

    /// Reads what is there, until the writers are gone.
    mutating func drain() {
      guard isOpen else { return }
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = read(reading, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        if count < 0 && errno == EAGAIN { return }
        guard count > 0, bytes.count < greatestOutput else { break }
        bytes.append(contentsOf: buffer[..<count])
      }
      isOpen = false
      close(reading)
    }

    /// Reads what is there, whoever may still hold the other end.
    mutating func finish() {
      drain()
      if isOpen { close(reading) }
      isOpen = false
    }
  }
}
