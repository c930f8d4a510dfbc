import Foundation
import TouchstoneModel

/// What `/provenance/manifest` says of every dataset of one file.
struct DatasetManifest: Equatable {
  /// One dataset.
  struct Entry: Codable, Equatable {
    var dtype: String
    var sha256: String
    var shape: [Int]
  }

  /// By path in the file, such as `layers/003/mlp_act`.
  var entries: [String: Entry] = [:]

  init() {}

  /// Reads the text of a manifest.
  init(json: Data) throws(BadInput) {
    do {
      let entries = try JSONDecoder().decode([String: Entry].self, from: json)
      self.entries = Dictionary(
        entries.map { (String($0.key.drop { $0 == "/" }), $0.value) }, uniquingKeysWith: { first, _ in first }
      )
    } catch {
      throw BadInput(
        place: GoldenFormat.manifest, problem: "is no manifest of datasets", remedy: "record it again")
    }
  }

  /// The text, in ASCII, the paths sorted.
  var json: Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return (try? encoder.encode(entries)) ?? Data()
  }
}
