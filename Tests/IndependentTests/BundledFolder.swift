import Foundation
import Synchronization
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph

/// The goldens of this checkout, and what they show of the catalogue.
enum BundledFolder {
  private static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../golden")
    .standardizedFileURL

  /// The goldens of a folder by name, in order.
  static func names(in folder: String) -> [String] {
    let files = try? FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path)
    return (files ?? []).filter { $0.hasSuffix(".h5") }.map { String($0.dropLast(3)) }.sorted()
  }

  /// Those that some test has opened: opening checks the whole file.
  private static let opened = Mutex<[String: ActivationFile]>([:])

  /// The golden at a path such as `probes/probe-caps`, opened once for all tests.
  static func golden(_ path: String) throws -> ActivationFile {
    if let known = opened.withLock({ $0[path] }) { return known }
    let file = try ActivationFile(path: root.appendingPathComponent(path + ".h5").path)
    opened.withLock { $0[path] = file }
    return file
  }

  /// Its model, and every fault planted in it.
  static func table(of path: String) throws -> (graph: Graph, table: PowerTable) {
    let golden = try golden(path)
    guard let weights = try golden.weights() else { throw MissingWeights(path: path) }
    return (weights.graph, try PowerTable(weights: weights, inputs: golden.inputs))
  }

  /// The same of every probe, once for all tests.
  static let probes = Result { try names(in: "probes").map { try table(of: "probes/\($0)") } }

  struct MissingWeights: Error {
    let path: String
  }
}
