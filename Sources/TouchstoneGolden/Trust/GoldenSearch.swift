import Foundation
import TouchstoneModel

/// Which goldens a path stands for.
package enum GoldenSearch {
  /// The file itself; or what the folder's `MANIFEST.json` lists; or every golden below the folder.
  ///
  /// - Throws: ``BadInput`` for a path that does not exist.
  package static func goldens(at path: String) throws -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw BadInput(file: path, problem: "does not exist", remedy: "give a golden or a folder of goldens")
    }
    guard isFolder.boolValue else { return [path] }
    if let manifest = try GoldenManifest(folder: path) { return manifest.goldens.map { path + "/" + $0 } }
    return try GoldenManifest(describing: path).goldens.map { path + "/" + $0 }
  }
}
