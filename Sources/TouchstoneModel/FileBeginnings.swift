import Foundation

/// A file of Git LFS that stands where the file itself should be.
public enum GitLFSPointer {
  /// How every pointer begins; the second is the name under which the first version came out.
  private static let beginnings = [
    "version https://git-lfs.github.com/spec/", "version https://hawser.github.com/spec/",
  ]

  /// Refuses the contents of `file`, or the first bytes of them, where they are a pointer.
  ///
  /// - Throws: ``BadInput`` that says how to fetch the file.
  public static func refuse(_ contents: some Sequence<UInt8>, file: String) throws(BadInput) {
    guard beginnings.contains(where: { contents.starts(with: $0.utf8) }) else { return }
    throw BadInput(
      file: file, problem: "is a Git LFS pointer, not the file itself",
      remedy: "fetch the file: git lfs pull in the repository that it comes from")
  }
}

/// The bytes that some programs put before a text to say how it is encoded.
public enum ByteOrderMark {
  private static let utf8: [UInt8] = [0xEF, 0xBB, 0xBF]
  private static let others: [([UInt8], String)] = [
    ([0xFF, 0xFE], "UTF-16"), ([0xFE, 0xFF], "UTF-16"), ([0x00, 0x00, 0xFE, 0xFF], "UTF-32"),
  ]

  /// How many bytes of a text in UTF-8 are its byte order mark: 3 or 0.
  ///
  /// - Throws: ``BadInput`` where the mark is that of another encoding.
  public static func length(in text: some Collection<UInt8>) throws(BadInput) -> Int {
    if let (_, name) = others.first(where: { text.starts(with: $0.0) }) {
      throw BadInput(
        problem: "begins with the byte order mark of \(name)", remedy: "save it as UTF-8")
    }
    return text.starts(with: utf8) ? utf8.count : 0
  }

  /// A text in UTF-8 without its byte order mark.
  ///
  /// - Throws: ``BadInput`` naming `file` where the mark is that of another encoding.
  public static func removed(from text: [UInt8], file: String) throws(BadInput) -> [UInt8] {
    do {
      return Array(text.dropFirst(try length(in: text)))
    } catch {
      throw error.inFile(file)
    }
  }
}
