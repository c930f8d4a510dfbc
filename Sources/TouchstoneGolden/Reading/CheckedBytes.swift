import Foundation
import TouchstoneFiles
import TouchstoneHDF5
import TouchstoneModel

extension HDF5Reader {
  /// The bytes of a dataset, held against the manifest's digest where there is one.
  ///
  /// - Parameter isVouchedFor: whether the whole file, checksums and all, was held against a digest.
  func checkedBytes(
    of dataset: HDF5Dataset, _ manifest: DatasetManifest?, isVouchedFor: Bool = false
  ) throws(BadInput) -> Data {
    let bytes = try bytes(of: dataset, checksums: !isVouchedFor)
    guard let entry = manifest?.entries[dataset.path] else { return bytes }
    guard entry.shape == dataset.shape, entry.sha256 == Digest.of(bytes) else {
      throw BadInput(
        file: path, place: dataset.path, problem: "is not what \(GoldenFormat.manifest) says",
        remedy: "the file is damaged or was edited: copy or record it again")
    }
    return bytes
  }
}
