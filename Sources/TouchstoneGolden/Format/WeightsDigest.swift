import Crypto
import Foundation
import TouchstoneGraph
import TouchstoneModel

/// One digest of a model's weights, however they are stored.
///
/// SHA-256 over the model's tensors in the byte order of their full Hugging Face names, each as one line of
/// ASCII `name type extent,extent…` ended by a line feed, followed by its little-endian bytes, row-major.
/// `Docs/Format.md` has the same in ten lines of Python.
public enum WeightsDigest {
  /// The digest of `weights`: 64 hexadecimal digits.
  public static func of(_ weights: Weights) -> String {
    var hash = SHA256()
    for (name, tensor) in weights.stored.sorted(by: { $0.key < $1.key }) {
      let extents = tensor.shape.map(String.init).joined(separator: ",")
      hash.update(data: Data("\(name) \(tensor.type.rawValue) \(extents)\n".utf8))
      hash.update(data: tensor.bytes)
      tensor.release()
    }
    return Digest.text(hash.finalize())
  }
}
