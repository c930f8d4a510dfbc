import ArgumentParser
import Foundation
import TouchstoneGGUF
import TouchstoneGolden

/// What a golden, a capture or a GGUF file holds, in a person's terms.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Says what a golden, a capture or a GGUF file holds, and checks it against the format.",
    discussion: """
      Of a golden or capture it reads every dataset, checks shapes and digests, and says what is missing. Of a GGUF \
      file, and of the others that the model is split into, it says the architecture, the tensors with their types, the \
      tokenizer and the metadata, and why what is not read here is not.

      Examples:
        touchstone inspect golden/cases/shakespeare-short.h5
        touchstone inspect model-Q4_K_M.gguf
      """)

  @Argument(help: ArgumentHelp("A golden, a capture, or a GGUF file.", valueName: "file"))
  var file: String

  @OptionGroup var reading: TrustOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  func run() throws {
    if GGUFFile.isGGUF(file) { return try show(GGUFSummary(GGUFFile(URL(filePath: file)))) }
    try reading.apply()
    let contents = try ActivationFile(path: file)
    try contents.checkContents()
    try show(contents.summary())
  }

  private func show(_ summary: some Encodable & CustomStringConvertible) throws {
    guard json else { return Console.line(summary.description) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    Console.line(String(decoding: try encoder.encode(summary), as: UTF8.self))
  }
}
