import ArgumentParser
import TouchstoneGolden

/// The option of every verb that reads goldens or captures.
struct TrustOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Reads this file, or every file below this folder, without a child process first. May be given again.",
      discussion:
        "A crafted file can crash the HDF5 library. The goldens that come with the program need no child.",
      valueName: "path"))
  var trust: [String] = []

  /// The option as it is typed.
  var words: [String] { trust.flatMap { ["--trust", $0] } }

  /// Takes what is named for harmless; to be called before anything is read.
  func apply() throws {
    for path in trust { try FileReaderProcess.trust(path) }
  }
}
