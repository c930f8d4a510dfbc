import Foundation
import Testing

/// The guide shows what the program really prints.
@Suite struct GuideTests {
  /// A block of the guide: commands, each after `$ `, and what they print together.
  struct Session: CustomTestStringConvertible, Sendable {
    var commands: [String] = []
    var output = ""
    var testDescription: String { commands.joined(separator: "; ") }
  }

  static let docs = Program.checkout.appending(path: "Docs")

  private static func text() throws -> String {
    try String(contentsOf: docs.appending(path: "Guide.md"), encoding: .utf8)
  }

  /// The blocks marked `console`, in order.
  static func sessions() throws -> [Session] {
    var sessions: [Session] = []
    var isInside = false
    for line in try text().split(separator: "\n", omittingEmptySubsequences: false) {
      if line == "```console" {
        isInside = true
        sessions.append(Session())
      } else if line == "```" {
        isInside = false
      } else if isInside, line.hasPrefix("$ ") {
        sessions[sessions.count - 1].commands.append(String(line.dropFirst(2)))
      } else if isInside {
        sessions[sessions.count - 1].output += line + "\n"
      }
    }
    return sessions
  }

  @Test func everyCommandPrintsAndDrawsWhatTheGuideShows() throws {
    let sessions = try Self.sessions()
    #expect(sessions.count >= 15)
    try Program.inFolder { program in
      // As in the checkout, but what is drawn goes elsewhere.
      let pictures = program.folder.appending(path: "Docs/Pictures")
      try FileManager.default.createDirectory(at: pictures, withIntermediateDirectories: true)
      for name in ["golden", "Examples"] {
        try FileManager.default.createSymbolicLink(
          at: program.folder.appending(path: name), withDestinationURL: Program.checkout.appending(path: name)
        )
      }
      for session in sessions {
        var output = ""
        for command in session.commands {
          let result = try program.shell(command)
          #expect(result.code == 0 && result.errors == "", "\(command): \(result)")
          output += result.output
        }
        #expect(trimmed(output) == trimmed(session.output), "\(session.testDescription)")
      }
      let committed = Self.docs.appending(path: "Pictures")
      let names = try Self.text().matches(of: /\]\(Pictures\/([^)]+)\)/).map { String($0.1) }.sorted()
      #expect(names == (try FileManager.default.contentsOfDirectory(atPath: pictures.path)).sorted())
      for name in names {
        let (shown, drawn) = (committed.appending(path: name), pictures.appending(path: name))
        #expect(try Data(contentsOf: shown) == Data(contentsOf: drawn), "\(name)")
      }
    }
  }

  /// The text without the line ends after it: a block shows none.
  private func trimmed(_ text: String) -> Substring {
    text.prefix(upTo: text.lastIndex { $0 != "\n" }.map(text.index(after:)) ?? text.startIndex)
  }
}
