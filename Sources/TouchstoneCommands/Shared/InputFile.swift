import Foundation
import TouchstoneModel

/// Texts that a verb reads.
enum InputFile {
  /// More than any text that can be scored in a day.
  private static let greatestSize = 1 << 28

  /// Everything in a file; `-` is standard input.
  static func read(_ path: String) throws(BadInput) -> [UInt8] {
    let contents: Data
    do {
      let handle = path == "-" ? .standardInput : try FileHandle(forReadingFrom: URL(filePath: path))
      contents = try handle.read(upToCount: greatestSize + 1) ?? Data()
    } catch {
      throw BadInput(
        file: path, problem: "cannot be read (\(error.localizedDescription))",
        remedy: "check its name and its permissions")
    }
    guard contents.count <= greatestSize else {
      throw BadInput(
        file: path, problem: "is larger than \(greatestSize >> 20) MiB", remedy: "give a part of it")
    }
    try GitLFSPointer.refuse(contents, file: path)
    return [UInt8](contents)
  }
}
