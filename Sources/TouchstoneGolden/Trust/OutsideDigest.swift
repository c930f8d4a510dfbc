import Foundation
import TouchstoneFiles
import TouchstoneModel

/// Digests of whole files that are kept outside them.
///
/// A digest says that the bytes are those that somebody meant, not that they are harmless: only one that this program
/// holds itself (``BundledManifest``) says where a file comes from.
struct OutsideDigest {
  /// What a digest is checked against: the digest and where it was found.
  struct Claim {
    let digest: String
    let source: String
    /// Whether the file that holds it is part of this program's own checkout, unchanged.
    var isBundled = false
  }

  /// Whether there was one.
  let exists: Bool
  /// Whether one stands in the manifest whose own digest this program holds.
  let isBundled: Bool

  /// Holds the file at `path` against `path.sha256` and against the nearest `MANIFEST.json` that lists it.
  ///
  /// - Throws: `BadInput` when the file is another than one of them says.
  init(checking path: String) throws(BadInput) {
    let claims = [try Self.besideFile(path), try GoldenManifest.claim(about: path)].compactMap { $0 }
    exists = !claims.isEmpty
    isBundled = claims.contains(where: \.isBundled)
    guard exists else { return }
    let digest = try Digest.ofFile(path)
    for claim in claims where claim.digest != digest {
      throw BadInput(
        file: path, problem: "is not the file whose SHA-256 stands in \(claim.source)",
        remedy: "it is damaged or was changed: restore it, or renew the digest if the change was meant")
    }
  }

  /// A line of `sha256sum` has a digest and a path.
  private static let greatestFileSize = 1 << 14

  /// The digest in the file beside: the first word of what `sha256sum` writes.
  private static func besideFile(_ path: String) throws(BadInput) -> Claim? {
    let source = FileDestination.digestPath(of: path)
    guard FileManager.default.fileExists(atPath: source) else { return nil }
    let text = String(decoding: try SmallFile.read(source, greatest: greatestFileSize), as: UTF8.self)
    let digest = text.prefix { !$0.isWhitespace }
    guard Digest.isWellFormed(digest) else {
      throw BadInput(
        file: source, problem: "does not begin with a SHA-256 in hexadecimal digits",
        remedy: "write it again with sha256sum, or remove it")
    }
    return Claim(digest: String(digest), source: source)
  }
}
