import Foundation
import TouchstoneModel

/// Which goldens a path stands for.
package enum GoldenSearch {
  /// What is meant where no path is given: `golden` in the current folder, or else ``InstalledGoldens``.
  package static var standard: String {
    let here = "golden"
    return FileManager.default.fileExists(atPath: here) ? here : InstalledGoldens.folder ?? here
  }

  /// The file itself; or what the folder's `MANIFEST.json` lists as goldens; or every HDF5 file below the folder that
  /// is no capture, those too that cannot be read: opening them says why.
  ///
  /// - Throws: ``BadInput`` for a path that does not exist, and for a damaged manifest.
  package static func goldens(at path: String) throws(BadInput) -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw BadInput(file: path, problem: "does not exist", remedy: "give a golden or a folder of goldens")
    }
    guard isFolder.boolValue else { return [path] }
    if let manifest = try GoldenManifest(folder: path) {
      return manifest.goldens.map { GoldenManifest.join(path, $0) }
    }
    return files(below: path, GoldenManifest.fileNames(under: path))
  }

  /// The files below a folder that ``goldens(at:)`` passes over because the folder's `MANIFEST.json` does not list them.
  ///
  /// - Throws: ``BadInput`` for a damaged manifest.
  package static func leftOut(at path: String) throws(BadInput) -> [String] {
    guard let manifest = try GoldenManifest(folder: path) else { return [] }
    return files(below: path, manifest.unlisted)
  }

  /// The paths of the HDF5 files among `names` that are not known to be captures.
  private static func files(below folder: String, _ names: [String]) -> [String] {
    names.filter { $0.hasSuffix(".h5") }.map { GoldenManifest.join(folder, $0) }.filter { path in
      do throws(BadInput) {
        return try ActivationFile(path: path).kind != .capture
      } catch {
        return error.remedy != ActivationFileHeader.heldAgainstItsGolden
      }
    }
  }
}
