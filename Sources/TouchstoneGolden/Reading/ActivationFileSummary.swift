import TouchstoneHDF5
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// What a golden or capture holds, for a person or a program to read.
public struct ActivationFileSummary: Sendable, Equatable, Encodable {
  /// Where the file is.
  public let path: String
  /// Its size.
  public let bytes: Int
  /// `golden` or `capture`.
  public let kind: String
  /// The shape of the model, as one line.
  public let model: String
  /// The digest of the weights; nil where none is recorded.
  public let weightsSHA256: String?
  /// Whether the weights are in the file.
  public let hasWeights: Bool
  /// The token ids.
  public let tokenIDs: [Int]
  /// The position ids.
  public let positionIDs: [Int]
  /// The keys that nobody may attend to, by token.
  public let maskedTokens: [Int]
  /// The token ids of what an encoder reads; nil in a model without one.
  public let encoderTokenIDs: [Int]?
  /// What the encoder hears, in words; nil where it reads.
  public let sound: String?
  /// Arrays in place of ids, each with its extents.
  public let arrays: [String]
  /// The layers that it holds, `A..<B`, where it is a shard; nil for all.
  public let layers: String?
  /// How many activations are stored in each type.
  public let activationsByType: [String: Int]
  /// Activations of the recorded layers and outside the layers that are not there.
  public let missing: [String]
  /// Layers of which nothing is recorded.
  public let missingLayerCount: Int
  /// Activations with other extents than the model gives them.
  public let wrongShapes: [String: [Int]]
  /// Activations that the engine reconstructed for the recording.
  public let derived: [String]
  /// How many activations have a noise floor.
  public let noiseFloorCount: Int
  /// Datasets under `/extra`.
  public let extras: [String]
  /// Datasets that the format does not know.
  public let unknownPaths: [String]
  /// The name of the arithmetic.
  public let precision: String
  /// What divided the logits before the probabilities.
  public let temperature: Double
  /// Who wrote the file.
  public let provenance: [String: String]
  /// Whether the whole file was held against a digest outside it.
  public let hasTrustedDigest: Bool
  /// How many datasets have a digest in the file.
  public let digestCount: Int
}

extension ActivationFile {
  /// What the file holds.
  ///
  /// - Throws: `BadInput` when the file cannot be listed.
  public func summary() throws(BadInput) -> ActivationFileSummary {
    let blocks = Set(recorded.keys.compactMap(\.block))
    let outputs = graph.operations.map(\.output)
    let own = layers.map(graph.activations(of:))
    let expected =
      own.map { own in outputs.filter(own.contains) }
      ?? outputs.filter { $0.block == nil } + outputs.filter { $0.block.map(blocks.contains) ?? false }
    var floors = 0
    for activation in recorded.keys
    where try file.kind(of: GoldenFormat.floorPath(activation)) == .dataset { floors += 1 }
    let types = recorded.values.map(\.type.rawValue)
    var wrong: [(key: Activation, value: RecordedDataset)] = []
    for entry in recorded where entry.value.shape != (try dueShape(of: entry.key)) { wrong.append(entry) }
    var missing: [Activation] = []
    for activation in expected where recorded[activation] == nil {
      if try isDue(activation) { missing.append(activation) }
    }
    return ActivationFileSummary(
      path: path, bytes: file.byteCount, kind: kind.rawValue, model: model.line,
      weightsSHA256: weightsDigest, hasWeights: try !file.members(of: GoldenFormat.weights).isEmpty,
      tokenIDs: inputs.tokenIDs, positionIDs: inputs.positionIDs,
      maskedTokens: (inputs.attentionMask ?? []).enumerated().filter { !$0.element }.map(\.offset),
      encoderTokenIDs: inputs.source.flatMap { $0.sound == nil ? $0.tokenIDs : nil },
      sound: inputs.source?.sound.map { "\($0.values.count) \($0.frontEnd == nil ? "features" : "samples")" },
      arrays: inputs.givenArrays.map { "\($0.rawValue) \(inputs.array($0).shape)" },
      layers: layers?.description,
      activationsByType: Dictionary(types.map { ($0, 1) }, uniquingKeysWith: +),
      missing: missing.map(\.path),
      missingLayerCount: own == nil ? Set(outputs.compactMap(\.block)).subtracting(blocks).count : 0,
      wrongShapes: Dictionary(uniqueKeysWithValues: wrong.map { ($0.key.path, $0.value.shape) }),
      derived: recorded.filter(\.value.isDerived).keys.map(\.path).sorted(), noiseFloorCount: floors,
      extras: extras, unknownPaths: unknownPaths, precision: precision.name, temperature: temperature,
      provenance: provenance, hasTrustedDigest: hasTrustedDigest, digestCount: manifest?.entries.count ?? 0)
  }
}

extension ActivationFileSummary: CustomStringConvertible {
  /// A few lines, each a label and what there is to say.
  public var description: String {
    lines.map { label, text in
      let text = DisplayText.shortened(DisplayText.line(text), to: BadInput.greatestLength)
      return label + String(repeating: " ", count: max(1, 14 - label.count)) + text
    }.joined(separator: "\n")
  }

  private var lines: [(String, String)] {
    var lines = [
      (kind, "\(path), \(bytes) bytes"), ("model", model), ("weights", weightsLine), ("tokens", tokensLine),
      ("activations", activationsLine),
    ]
    func add(_ label: String, _ paths: [String], _ meaning: String, length: Int = 40) {
      guard !paths.isEmpty else { return }
      let few = paths.prefix(8).map { DisplayText.shortened(DisplayText.line($0), to: length) }
        .joined(separator: ", ")
      lines.append((label, few + (paths.count > 8 ? " and \(paths.count - 8) more" : "") + meaning))
    }
    if let sound { lines.insert(("sound", sound), at: 3) }
    if let encoderTokenIDs { lines.insert(("source", Self.shown(encoderTokenIDs)), at: 3) }
    add("missing", missing, "")
    if missingLayerCount > 0 { lines.append(("missing", "\(missingLayerCount) whole layers")) }
    add("wrong shape", wrongShapes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }, "")
    add("derived", derived, " (reconstructed for the capture)")
    lines.append(("noise floor", noiseFloorCount == 0 ? "none" : "\(noiseFloorCount) activations"))
    add("extra", extras, " (never judged)")
    add("unknown", unknownPaths, " (not of the format, not judged)")
    lines.append(("precision", precision + (temperature == 1 ? "" : ", temperature \(temperature)")))
    add("provenance", provenance.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }, "", length: 80)
    lines.append(("integrity", integrityLine))
    return lines
  }

  private var weightsLine: String {
    [hasWeights ? "embedded" : "not embedded", weightsSHA256.map { "SHA-256 " + $0 } ?? "no digest"]
      .joined(separator: ", ")
  }

  private static func shown(_ ids: [Int]) -> String {
    "\(ids.count): " + ids.prefix(16).map(String.init).joined(separator: " ") + (ids.count > 16 ? " …" : "")
  }

  private var tokensLine: String {
    if !arrays.isEmpty { return "\(positionIDs.count): " + arrays.joined(separator: ", ") }
    var line = Self.shown(tokenIDs)
    if positionIDs != Array(0..<tokenIDs.count) {
      line += "; positions " + positionIDs.prefix(16).map(String.init).joined(separator: " ")
    }
    if !maskedTokens.isEmpty {
      line += "; masked " + maskedTokens.prefix(16).map(String.init).joined(separator: " ")
    }
    return line
  }

  private var activationsLine: String {
    activationsByType.isEmpty
      ? "none"
      : activationsByType.sorted { $0.key < $1.key }.map { "\($0.value) in \($0.key)" }.joined(
        separator: ", ")
  }

  private var integrityLine: String {
    let inside = digestCount == 0 ? "no manifest inside" : "\(digestCount) datasets with a digest inside"
    return inside + (hasTrustedDigest ? ", the file's own digest matches" : ", no digest outside the file")
  }
}
