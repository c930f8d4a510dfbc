import Foundation
import TouchstoneFiles
import TouchstoneModel

/// `MANIFEST.json`: which files a folder of goldens consists of, and the digest of each.
public struct GoldenManifest: Sendable, Equatable {
  /// One file.
  public struct Entry: Codable, Sendable, Equatable {
    /// Its size.
    public var bytes: Int
    /// `golden` or `capture` for files of the golden format, nil for others.
    public var kind: String?
    /// The SHA-256 of the whole file, in hexadecimal digits.
    public var sha256: String
  }

  /// The name of the file in the folder that it describes.
  public static let fileName = "MANIFEST.json"

  /// The folder that holds the manifest.
  public let folder: String
  /// The files, by path relative to the folder.
  public var files: [String: Entry]
  /// Whether it was read, and is the one that comes with this program.
  private(set) var isBundled = false

  /// The paths of the goldens, relative to the folder, sorted.
  public var goldens: [String] {
    files.filter { $0.value.kind == ActivationFile.Kind.golden.rawValue }.keys.sorted()
  }

  private struct Document: Codable {
    var files: [String: Entry]
    var format: String
  }

  private static let format = "touchstone-manifest-1"

  /// Two hundred bytes for each file: eighty thousand of them.
  private static let greatestFileSize = 16 << 20

  // MARK: Reading

  /// Reads the manifest in `folder`; nil where there is none, or one that is another program's.
  ///
  /// - Throws: `BadInput` when it cannot be read or is damaged.
  public init?(folder: String) throws(BadInput) {
    let path = Self.join(folder, Self.fileName)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let text = try SmallFile.read(path, greatest: Self.greatestFileSize)
    guard try JSONValue.parse(text, file: path).object?["format"] == .string(Self.format) else { return nil }
    guard let document = try? JSONDecoder().decode(Document.self, from: text) else {
      throw BadInput(file: path, problem: "is damaged", remedy: "restore it from version control")
    }
    for (name, entry) in document.files.sorted(by: { $0.key < $1.key }) {
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      guard !parts.contains(where: { ["", ".", ".."].contains($0) }), Digest.isWellFormed(entry.sha256),
        entry.bytes >= 0
      else {
        throw BadInput(
          file: path, place: name, problem: "is no entry of a manifest", remedy: "write it again")
      }
    }
    self.folder = folder
    files = document.files
    isBundled = Digest.of(text) == BundledManifest.digest
  }

  /// What the nearest manifest in the folders above says of the file at `path`.
  static func claim(about path: String) throws(BadInput) -> OutsideDigest.Claim? {
    // Links are followed, as libhdf5 will.
    var folder = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    var name = ""
    while folder.path != "/" {
      name = folder.lastPathComponent + (name.isEmpty ? "" : "/" + name)
      folder.deleteLastPathComponent()
      if let manifest = try GoldenManifest(folder: folder.path) {
        return manifest.files[name].map {
          .init(
            digest: $0.sha256, source: join(folder.path, fileName), isBundled: manifest.isBundled)
        }
      }
    }
    return nil
  }

  // MARK: Writing

  /// Describes the files under `folder` as they are now, hidden ones and digests beside files left out.
  ///
  /// - Throws: `BadInput` when one of them cannot be read.
  public init(describing folder: String) throws(BadInput) {
    self.folder = folder
    files = [:]
    for name in Self.fileNames(under: folder) {
      let path = Self.join(folder, name)
      let identity = try FileIdentity(path: path)
      let kind = try name.hasSuffix(".h5") ? Self.kind(of: path) : nil
      files[name] = Entry(bytes: identity.byteCount, kind: kind?.rawValue, sha256: try Digest.ofFile(path))
    }
  }

  /// The kind of a file that is whole; nil for HDF5 files of other formats.
  ///
  /// Digests are passed over here: they may be those of files that have been replaced on purpose.
  private static func kind(of path: String) throws(BadInput) -> ActivationFile.Kind? {
    do throws(BadInput) {
      try FileReaderProcess.readFirst(path)
      let file = try ActivationFile(path: path, hasTrustedDigest: false)
      try file.checkContents()
      return file.kind
    } catch {
      guard error.problem == ActivationFileHeader.otherFormat else { throw error }
      return nil
    }
  }

  /// Files under `folder` that the manifest does not list.
  public var unlisted: [String] {
    Self.fileNames(under: folder).filter { files[$0] == nil }
  }

  /// Writes the manifest into its folder, over an earlier one; the same files give the same bytes.
  public func write() throws(BadInput) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    let path = Self.join(folder, Self.fileName)
    guard let text = try? encoder.encode(Document(files: files, format: Self.format)) else {
      throw BadInput(file: path, problem: "cannot be written", remedy: "check the names of the files")
    }
    try AtomicFile.write(text + Data("\n".utf8), to: path, overwrite: true)
  }

  /// The files under `folder` that a manifest describes, relative to it, sorted.
  static func fileNames(under folder: String) -> [String] {
    let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return paths.filter { path in
      var isFolder: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: join(folder, path), isDirectory: &isFolder)
      let isHidden = path.split(separator: "/").contains { $0.hasPrefix(".") }
      return exists && !isFolder.boolValue && !isHidden && path != fileName && !path.hasSuffix(".sha256")
    }.sorted()
  }

  static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }
}
