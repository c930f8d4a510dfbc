import Foundation
import TouchstoneFiles
import TouchstoneModel

/// One file of a model: all of it, or one of those that llama.cpp's `gguf-split` makes.
///
/// Each has a header of its own. The first has the model's metadata; all of them say which they are (`split.no`, from 0) and
/// of how many (`split.count`), and so do their names: `NAME-00001-of-00003.gguf`.
struct GGUFPart {
  let file: URL
  let metadata: Metadata
  let entries: [String: GGUFFile.Entry]
  let byteCount: Int
  private let number: Int
  private let count: Int
  /// Of all files together.
  private let declaredCount: Int?

  /// What five digits of a name can say.
  private static let greatestCount = 99_999

  /// Maps the file and checks its header, metadata and list of tensors.
  ///
  /// - Throws: ``BadInput`` naming the file and what in it is malformed or not read.
  init(_ file: URL) throws(BadInput) {
    self.file = file
    let contents = try MappedFile.contents(of: file)
    byteCount = contents.count
    do throws(BadInput) {
      var cursor = ByteCursor(bytes: contents)
      let tensorCount = try GGUFFile.header(at: &cursor)
      metadata = try Metadata(count: try cursor.integer(UInt64.self), at: &cursor)
      number = try metadata.integer("split.no") ?? 0
      count = try metadata.integer("split.count") ?? 1
      declaredCount = try metadata.integer("split.tensors.count")
      entries = try TensorList(
        count: tensorCount, at: &cursor, alignment: GGUFFile.alignment(metadata)
      ).entries
    } catch {
      var inside = error
      inside.remedy = inside.remedy ?? "download or convert the file again"
      throw inside.inFile(file.path)
    }
  }

  /// The files behind this one, in their order; none where the model is in one.
  ///
  /// - Throws: ``BadInput`` where this is not the first, and naming a file that is missing or another than is due.
  func others() throws(BadInput) -> [GGUFPart] {
    guard count > 1 else { return [] }
    let ending = Self.ending(number: 0, of: count)
    guard number == 0, count <= Self.greatestCount, file.lastPathComponent.hasSuffix(ending) else {
      throw BadInput(
        file: file.path, place: "split.count", problem: "says that this is one of \(count) files",
        remedy: "give the first, of a name that ends with \(ending), or join them by llama-gguf-split --merge"
      )
    }
    let folder = file.deletingLastPathComponent()
    let name = file.lastPathComponent.dropLast(ending.count)
    var others: [GGUFPart] = []
    for number in 1..<count {
      let part = try GGUFPart(folder.appending(path: name + Self.ending(number: number, of: count)))
      guard part.number == number, part.count == count else {
        throw BadInput(
          file: part.file.path, place: "split.no",
          problem: "is \(part.number) of \(part.count), where \(number) of \(count) is due",
          remedy: "download or split the model again")
      }
      others.append(part)
    }
    let found = others.reduce(entries.count) { $0 + $1.entries.count }
    guard declaredCount ?? found == found else {
      throw BadInput(
        file: file.path, place: "split.tensors.count",
        problem: "is \(declaredCount ?? found), and the files hold \(found) tensors together",
        remedy: "download or split the model again")
    }
    return others
  }

  private static func ending(number: Int, of count: Int) -> String {
    func digits(_ number: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
    return "-\(digits(number + 1))-of-\(digits(count)).gguf"
  }
}
