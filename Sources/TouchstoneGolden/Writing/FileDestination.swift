import Foundation
import TouchstoneFiles
import TouchstoneHDF5
import TouchstoneModel

/// A file of activations that gets its name once it is whole, its digest beside it.
struct FileDestination {
  /// The final name, as the user gave it.
  var path: String { file.path }

  private let file: AtomicFile
  /// nil where no digest is written.
  private let digest: AtomicFile?
  private let overwrite: Bool

  /// Where the digest of the file at `path` stands.
  static func digestPath(of path: String) -> String { path + ".sha256" }

  /// Chooses temporary names.
  ///
  /// - Throws: `BadInput` when `path`, or the digest beside it, exists and may not be replaced.
  init(path: String, overwrite: Bool, writesDigest: Bool) throws(BadInput) {
    file = try AtomicFile(path: path, overwrite: overwrite)
    // Of another file, or of none: it would be taken for this one's.
    let beside = try AtomicFile(path: Self.digestPath(of: path), overwrite: overwrite)
    digest = writesDigest ? beside : nil
    self.overwrite = overwrite
  }

  /// Starts the file under its temporary name.
  func create() throws(BadInput) -> HDF5Writer {
    try naming { () throws(BadInput) in
      try file.create { (name) throws(BadInput) in try HDF5Writer(path: name) }
    }
  }

  /// Runs `body`; errors about the temporary file are said of the final one.
  func naming<Result>(_ body: () throws(BadInput) -> Result) throws(BadInput) -> Result {
    do throws(BadInput) {
      return try body()
    } catch {
      var error = error
      error.file = path
      throw error
    }
  }

  /// Flushes the temporary file to the disk and gives it the final name, its digest beside it.
  ///
  /// A digest of an earlier file goes first: a crash in between leaves a whole file without a digest, never
  /// a file with the digest of another.
  func publish() throws(BadInput) {
    try file.flush()
    if let digest {
      // What `sha256sum --check` reads.
      let text = "\(try Digest.ofFile(file.partial))  \(URL(fileURLWithPath: path).lastPathComponent)\n"
      try digest.fill { (sink) throws(BadInput) in try sink.write(Data(text.utf8)) }
    }
    try file.checkFree()
    if overwrite { unlink(Self.digestPath(of: path)) }
    try file.publish()
    try digest?.publish()
  }

  /// Removes what was written under temporary names.
  func discard() {
    file.discard()
    digest?.discard()
  }
}
