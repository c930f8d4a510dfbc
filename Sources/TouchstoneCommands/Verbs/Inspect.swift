import ArgumentParser
import Foundation
import TouchstoneGolden

/// What a golden or capture holds, in a person's terms.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Says what a golden or capture holds, and checks it against the format.",
    discussion: """
      Reads every dataset, checks shapes and digests, and says what is missing.

      Example:
        touchstone inspect golden/cases/shakespeare-short.h5
      """)

  @Argument(help: ArgumentHelp("A golden or a capture.", valueName: "file.h5"))
  var file: String

  @OptionGroup var reading: TrustOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  func run() throws {
    try reading.apply()
    let contents = try ActivationFile(path: file)
    try contents.checkContents()
    let summary = try contents.summary()
    guard json else { return Console.line(summary.description) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    Console.line(String(decoding: try encoder.encode(summary), as: UTF8.self))
  }
}
