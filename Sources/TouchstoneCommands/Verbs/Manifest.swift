import ArgumentParser
import TouchstoneGolden

/// Writes the list of a folder of goldens, with their digests.
struct Manifest: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manifest",
    abstract: "Writes MANIFEST.json: which goldens a folder holds, and the digest of each file.",
    discussion: """
      `verify` runs the goldens that the manifest lists, and every verb refuses a file whose digest differs.

      Example:
        touchstone manifest golden
      """)

  @Argument(help: ArgumentHelp("A folder of goldens.", valueName: "dir"))
  var folder: String

  func run() throws {
    let manifest = try GoldenManifest(describing: folder)
    try manifest.write()
    Console.line("\(folder)/\(GoldenManifest.fileName): \(manifest.goldens.count) goldens")
  }
}
