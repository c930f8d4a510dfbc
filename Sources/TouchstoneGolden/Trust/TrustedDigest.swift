import Foundation
import TouchstoneModel

/// Digests of whole files that are kept outside them.
enum TrustedDigest {
  /// Holds the file at `path` against `path.sha256` and against the nearest `MANIFEST.json` that lists it.
  ///
  /// - Returns: whether either of them was there.
  /// - Throws: `BadInput` when the file is another than it says.
  static func check(_ path: String) throws(BadInput) -> Bool {
    let claims = [try besideFile(path), try GoldenManifest.digest(of: path)].compactMap { $0 }
    guard !claims.isEmpty else { return false }
    let digest = try Digest.ofFile(path)
    for claim in claims where claim.digest != digest {
      throw BadInput(
        file: path, problem: "is not the file whose SHA-256 stands in \(claim.source)",
        remedy: "it is damaged or was changed: restore it, or renew the digest if the change was meant")
    }
    return true
  }

  /// A digest and where it was found.
  struct Claim {
    let digest: String
    let source: String
  }

  /// The digest in the file beside: the first word of what `sha256sum` writes.
  private static func besideFile(_ path: String) throws(BadInput) -> Claim? {
    let source = FileDestination.digestPath(of: path)
    guard FileManager.default.fileExists(atPath: source) else { return nil }
    let text = (try? String(contentsOfFile: source, encoding: .utf8)) ?? ""
    let digest = text.prefix { !$0.isWhitespace }
    guard Digest.isWellFormed(digest) else {
      throw BadInput(
        file: source, problem: "does not begin with a SHA-256 in hexadecimal digits",
        remedy: "write it again with sha256sum, or remove it")
    }
    return Claim(digest: String(digest), source: source)
  }
}
