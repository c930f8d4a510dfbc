import Foundation
import TouchstoneHDF5
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

/// Reads which model a file speaks of.
extension ActivationFileHeader {
  /// What to do with a capture of a family that only its golden knows.
  static let heldAgainstItsGolden =
    "a capture of another family is read with its golden, by `touchstone diff`"

  /// The model that the file speaks of.
  ///
  /// - Parameter golden: the model of the golden that a capture is held against; a capture of a family that only its
  ///   golden knows is of that model.
  func model(
    _ kind: ActivationFile.Kind, _ manifest: DatasetManifest?, golden: RecordedModel?
  ) throws(BadInput) -> RecordedModel {
    let family = try text("family", of: "model")
    guard let family, !Family.all.contains(where: { $0.name == family }) else {
      return try heldModel(kind, manifest, family: family)
    }
    let known = Family.all.map(\.name).joined(separator: ", ")
    switch kind {
    case .capture:
      guard let golden, golden.family == family else {
        throw BadInput(
          place: "model@family", problem: "\(family) is not one of \(known)",
          remedy: Self.heldAgainstItsGolden)
      }
      return try golden.trained(for: nil)
    case .golden:
      guard let graph = try storedGraph(manifest) else {
        throw BadInput(
          place: "model@family", problem: "\(family) is not one of \(known), and the golden holds no graph",
          remedy: "store it as \(GoldenFormat.graph)")
      }
      return RecordedModel(family: family, graph: graph, configJSON: try configJSON())
    }
  }

  /// The model of a family that the program holds, which its configuration describes.
  private func heldModel(
    _ kind: ActivationFile.Kind, _ manifest: DatasetManifest?, family: String?
  ) throws(BadInput) -> RecordedModel {
    let architecture = try architecture()
    guard family == nil || family == architecture.family.name else {
      throw BadInput(
        place: "model@family",
        problem: "is \(family ?? "") where config_json describes \(architecture.family.name)",
        remedy: "store the configuration of this model")
    }
    let isFirstVersion = try text("format_version", of: "/") == GoldenFormat.firstVersion
    if kind == .golden, !isFirstVersion || architecture.family.name != Family.gpt2.name {
      guard let graph = try storedGraph(manifest) else {
        throw BadInput(place: GoldenFormat.graph, problem: "is missing", remedy: "record the golden again")
      }
      if let problem = architecture.graph.difference(from: graph) {
        throw BadInput(
          place: GoldenFormat.graph, problem: "is not the graph that config_json describes: \(problem)",
          remedy: "record the golden again")
      }
    }
    return RecordedModel(architecture)
  }

  /// The graph of a golden; nil where it holds none.
  private func storedGraph(_ manifest: DatasetManifest?) throws(BadInput) -> Graph? {
    guard let dataset = try file.dataset(at: GoldenFormat.graph) else { return nil }
    guard dataset.type.byteCount == 1, dataset.shape.count == 1,
      dataset.shape[0] <= Graph.greatestTextLength
    else {
      throw BadInput(
        place: GoldenFormat.graph, problem: "holds \(dataset.type) \(dataset.shape)",
        remedy: "store the bytes of its text")
    }
    let text = try file.checkedBytes(of: dataset, manifest)
    do throws(BadInput) {
      return try Graph(json: text)
    } catch {
      throw BadInput(
        place: [GoldenFormat.graph, error.place].compactMap { $0 }.joined(separator: ": "),
        problem: error.problem, remedy: error.remedy)
    }
  }

  private func configJSON() throws(BadInput) -> String {
    guard let json = try text("config_json", of: "model") else {
      throw BadInput(
        place: "model@config_json", problem: "is missing", remedy: "store the model's config.json in it")
    }
    return json
  }

  private func architecture() throws(BadInput) -> Architecture {
    let json = try configJSON()
    do throws(BadInput) {
      return try Architecture(huggingFaceJSON: Data(json.utf8), file: "model@config_json")
    } catch {
      let place = ["model@config_json", error.place].compactMap { $0 }.joined(separator: ": ")
      throw BadInput(place: place, problem: error.problem, remedy: error.remedy)
    }
  }
}
