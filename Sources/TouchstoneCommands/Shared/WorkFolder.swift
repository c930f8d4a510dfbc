import Foundation
import TouchstoneCheckpoints
import TouchstoneFiles
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// A folder for what somebody's program reads and writes, gone afterwards, also where this process is interrupted.
struct WorkFolder: Sendable {
  let url: URL

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "touchstone-\(UUID().uuidString)")
    try Unfinished.create(url.path) {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    self.url = url
  }

  func remove() {
    try? FileManager.default.removeItem(at: url)
    Unfinished.forget(url.path)
  }

  /// Makes a Hugging Face folder of a golden's weights.
  static func write(_ weights: Weights, of golden: ActivationFile, to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    try SafetensorsWriter.write(weights.stored, to: folder.appending(path: "model.safetensors"))
    let text = Data(golden.model.configJSON.utf8)
    try AtomicFile.write(text, to: folder.appending(path: "config.json").path, overwrite: false)
  }
}

extension CaptureDestination {
  /// Its path, at which nothing stands any more, so that what stands there afterwards is this run's.
  func cleared() throws -> String {
    try AtomicFile(path: path, overwrite: overwrite).checkFree()
    if overwrite { try? FileManager.default.removeItem(atPath: path) }
    return path
  }
}
