import Foundation
import TouchstoneHDF5
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// Reads what a file says of itself, before any activation.
struct ActivationFileHeader {
  private let file: HDF5Reader

  init(_ file: HDF5Reader) {
    self.file = file
  }

  /// What is wrong with an HDF5 file that somebody else's program made for its own use.
  static let otherFormat =
    "is an HDF5 file, but no golden or capture (its attribute format is not touchstone)"

  /// Checks format, version and completeness.
  func kind() throws(BadInput) -> ActivationFile.Kind {
    guard try text("format", of: "/") == GoldenFormat.format else {
      throw BadInput(problem: Self.otherFormat, remedy: "Docs/Format.md describes the format")
    }
    let version = try text("format_version", of: "/") ?? "none"
    guard version.split(separator: ".").first == GoldenFormat.version.split(separator: ".").first else {
      throw BadInput(
        place: "@format_version", problem: "is \(version); this program reads \(GoldenFormat.version)",
        remedy: "record the file again with this program, or use the program that wrote it")
    }
    guard try file.attribute("complete", of: "/") == .integer(1) else {
      throw BadInput(
        place: "@complete", problem: "is not 1: its writer did not finish", remedy: "write the file again")
    }
    let name = try text("kind", of: "/") ?? "none"
    guard let kind = ActivationFile.Kind(rawValue: name) else {
      throw BadInput(place: "@kind", problem: "is \(name)", remedy: "store golden or capture")
    }
    return kind
  }

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
          place: "model@family", problem: "\(family) is not supported",
          remedy: "models of the families \(known) are; hold a capture of another against its golden")
      }
      return golden
    case .golden:
      guard let graph = try storedGraph(manifest) else {
        throw BadInput(
          place: "model@family", problem: "\(family) is not supported, and the golden holds no graph",
          remedy: "models of the families \(known) are; store the graph of another as \(GoldenFormat.graph)")
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
        problem: "is \(family ?? "") where config_json describes a \(architecture.family.name)",
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

  /// Two hundred bytes for each dataset of the deepest model.
  private static let greatestManifest = 16 << 20

  func manifest(isRequired: Bool) throws(BadInput) -> DatasetManifest? {
    guard let dataset = try file.dataset(at: GoldenFormat.manifest) else {
      guard !isRequired else {
        throw BadInput(
          place: GoldenFormat.manifest, problem: "is missing, and every golden has one",
          remedy: "record the golden again")
      }
      return nil
    }
    guard dataset.type.byteCount == 1 else {
      throw BadInput(place: GoldenFormat.manifest, problem: "is not an array of bytes", remedy: "store uint8")
    }
    guard dataset.shape.count == 1, dataset.shape[0] <= Self.greatestManifest else {
      throw BadInput(
        place: GoldenFormat.manifest,
        problem: "has the shape \(dataset.shape), which no list of datasets has",
        remedy: "record it again")
    }
    return try DatasetManifest(json: file.bytes(of: dataset))
  }

  func inputs(_ graph: Graph, _ manifest: DatasetManifest?) throws(BadInput) -> Inputs {
    guard let tokenIDs = try integers(GoldenFormat.tokenIDs, graph, manifest) else {
      throw BadInput(place: GoldenFormat.tokenIDs, problem: "is missing", remedy: "store the token ids")
    }
    return try Inputs(
      tokenIDs: tokenIDs,
      positionIDs: integers(GoldenFormat.positionIDs, graph, manifest),
      attentionMask: integers(GoldenFormat.attentionMask, graph, manifest)?.map { $0 != 0 },
      graph: graph)
  }

  /// One integer for each token, in any integer type, with or without a batch axis of 1.
  private func integers(
    _ path: String, _ graph: Graph, _ manifest: DatasetManifest?
  ) throws(BadInput) -> [Int]? {
    guard let dataset = try file.dataset(at: path) else { return nil }
    guard dataset.shape.count == 1 || (dataset.shape.count == 2 && dataset.shape[0] == 1) else {
      throw BadInput(
        place: path, problem: "has the shape \(dataset.shape)",
        remedy: "store one sequence, one number a token")
    }
    let count = dataset.shape.last ?? 0
    let contextLength = graph.contextLength ?? Inputs.greatestCount
    guard count <= contextLength else {
      throw BadInput(
        place: path,
        problem: "holds \(count) numbers, and the model reads at most \(contextLength) tokens",
        remedy: "give a shorter sequence")
    }
    guard case .integer = dataset.type else {
      throw BadInput(place: path, problem: "holds \(dataset.type)", remedy: "store int32 or int64")
    }
    guard let values = dataset.type.integers(try file.checkedBytes(of: dataset, manifest)) else {
      throw BadInput(place: path, problem: "holds a number beyond the range of int64", remedy: "store int32")
    }
    return values
  }

  func weightsDigest() throws(BadInput) -> String? {
    guard let digest = try text("weights_sha256", of: "model"), !digest.isEmpty else { return nil }
    guard Digest.isWellFormed(digest) else {
      throw BadInput(
        place: "model@weights_sha256", problem: "is not 64 hexadecimal digits",
        remedy: "correct it or leave it out")
    }
    return digest
  }

  func provenance() throws(BadInput) -> [String: String] {
    var provenance: [String: String] = [:]
    for name in try file.attributeNames(of: GoldenFormat.provenance) {
      switch try? file.attribute(name, of: GoldenFormat.provenance) {
      case .text(let text): provenance[name] = text
      case .integer(let value): provenance[name] = String(value)
      case .number(let value): provenance[name] = String(value)
      case nil: continue
      }
    }
    return provenance
  }

  func precision(_ kind: ActivationFile.Kind) throws(BadInput) -> Precision {
    guard let name = try text("precision", of: GoldenFormat.provenance) else {
      return Precision(kind == .golden ? .float64 : .float32)
    }
    guard let precision = Precision(name: name) else {
      throw BadInput(
        place: "provenance@precision", problem: "\(name) is not known",
        remedy: "store one of " + ScalarType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return precision
  }

  /// What divided the logits before the probabilities.
  func temperature(_ graph: Graph) throws(BadInput) -> Double {
    guard let path = graph.probabilities?.path else { return 1 }
    let temperature: Double
    switch try file.attribute("temperature", of: path) {
    case nil: return 1
    case .number(let value): temperature = value
    case .integer(let value): temperature = Double(value)
    case .text: temperature = .nan
    }
    guard Temperature.range.contains(temperature) else {
      let range = Temperature.range
      throw BadInput(
        place: path + "@temperature",
        problem:
          "is \(temperature.isNaN ? "no number" : "\(temperature)"), at which probabilities say nothing of logits",
        remedy: "store what divided the logits, from \(range.lowerBound) to \(range.upperBound)")
    }
    return temperature
  }

  private func text(_ name: String, of place: String) throws(BadInput) -> String? {
    switch try file.attribute(name, of: place) {
    case .text(let text): text
    case nil: nil
    default: throw BadInput(place: "\(place)@\(name)", problem: "is not a text", remedy: "store a string")
    }
  }
}
