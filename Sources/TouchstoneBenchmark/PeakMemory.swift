import Foundation

/// The memory of this process.
enum PeakMemory {
  /// The most bytes that were resident at once since the process began, or since ``restart()``.
  static var residentBytes: Int {
    #if os(Linux)
      if let kibibytes = highWaterMark { return kibibytes * 1024 }
    #endif
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Int(usage.ru_maxrss) * 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #endif
  }

  /// Forgets what was resident before, where the system can (Linux).
  static func restart() {
    #if os(Linux)
      try? Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))
    #endif
  }

  #if os(Linux)
    private static var highWaterMark: Int? {
      let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      // VmHWM:	  512340 kB
      return line.flatMap { Int($0.split(whereSeparator: \.isWhitespace).dropFirst().first ?? "") }
    }
  #endif
}
