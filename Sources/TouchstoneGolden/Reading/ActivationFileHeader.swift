import Foundation
import TouchstoneHDF5
import TouchstoneGraph
import TouchstoneModel

/// Reads what a file says of itself, before any activation.
struct ActivationFileHeader {
  let file: HDF5Reader

  init(_ file: HDF5Reader) {
    self.file = file
  }

  /// The kind of a file that another program computed in float64, to be compared with a golden.
  private static let candidate = "golden-candidate"

  /// What is wrong with an HDF5 file that somebody else's program made for its own use.
  static let otherFormat =
    "is an HDF5 file, but no golden or capture (its attribute format is not touchstone)"

  /// Checks format, version and completeness.
  func checkFormat() throws(BadInput) {
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
        place: "@complete",
        problem: "is not the number 1: its writer did not finish, or wrote something else",
        remedy: "write the file again")
    }
  }

  /// What made the file.
  func kind() throws(BadInput) -> ActivationFile.Kind {
    let name = try text("kind", of: "/") ?? "none"
    guard name != Self.candidate else {
      throw BadInput(
        place: "@kind", problem: "is \(name): what somebody computed in float64, and no golden",
        remedy: "record its inputs by `touchstone record --inputs`, and compare the two")
    }
    guard let kind = ActivationFile.Kind(rawValue: name) else {
      throw BadInput(place: "@kind", problem: "is \(name)", remedy: "store golden or capture")
    }
    return kind
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
        place: "provenance@precision", problem: name.isEmpty ? "is empty" : "\(name) is not known",
        remedy: "store one of " + ScalarType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return precision
  }

  /// In what products with a matrix read their inputs; as they are recorded where nothing is said.
  func productInputs() throws(BadInput) -> ProductInputs {
    guard let text = try text("product_inputs", of: GoldenFormat.provenance) else { return .recorded }
    guard let inputs = ProductInputs(text: text) else {
      throw BadInput(
        place: "provenance@product_inputs", problem: "\(JSONValue.quoted(text)) is not known",
        remedy: "name one of " + ProductInputs.Format.allCases.map(\.rawValue).joined(separator: ", ")
          + ", and exceptions as mlp_out = q8_0")
    }
    return inputs
  }

  /// What divided the logits before the probabilities.
  func temperature(_ graph: Graph) throws(BadInput) -> Double {
    guard let path = graph.probabilities?.path else { return 1 }
    let temperature: Double
    let place = try isSketch() ? GoldenFormat.sketch + "/" + path : path
    switch try file.attribute("temperature", of: place) {
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

  /// Whether the file holds sketches in place of activations.
  func isSketch() throws(BadInput) -> Bool {
    guard let form = try text(GoldenFormat.sketch, of: "/") else { return false }
    guard form == GoldenFormat.sketchForm else {
      throw BadInput(
        place: "@" + GoldenFormat.sketch,
        problem: "is \(JSONValue.quoted(form)), a way of sketching that is not known",
        remedy: "sketch it again with this program")
    }
    return true
  }

  /// Which layers the file holds; nil where it may hold all.
  func layers(_ graph: Graph) throws(BadInput) -> LayerRange? {
    guard let text = try text(GoldenFormat.layers, of: "/") else { return nil }
    let place = "@" + GoldenFormat.layers
    guard let layers = LayerRange(text) else {
      throw BadInput(
        place: place, problem: "is \(JSONValue.quoted(text))",
        remedy: "store A..<B, the layers that are recorded")
    }
    do throws(BadInput) {
      try layers.check(in: graph)
    } catch {
      throw BadInput(place: place, problem: error.problem, remedy: "store the layers that are recorded")
    }
    return layers
  }

  /// A text; nil where there is no such attribute.
  func text(_ name: String, of place: String) throws(BadInput) -> String? {
    switch try file.attribute(name, of: place) {
    case .text(let text): text
    case nil: nil
    default: throw BadInput(place: "\(place)@\(name)", problem: "is not a text", remedy: "store a string")
    }
  }
}
