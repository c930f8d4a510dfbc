import Foundation
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneHDF5

/// A file of `Fixtures`: what Hugging Face computed of a tiny model in float64, with the model inside.
struct Fixture {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures")

  let reader: HDF5Reader

  init(_ path: String) throws { reader = try HDF5Reader(path: path) }

  init(named name: String) throws { try self.init(Self.folder.appendingPathComponent(name).path) }

  /// The files that `make_llama.py` wrote into a folder.
  static func files(in folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".h5") }.sorted()
      .map { folder.appendingPathComponent($0).path }
  }

  /// The text of an attribute of `/model`.
  func config(_ name: String) throws -> Data {
    guard case .text(let text) = try reader.attribute(name, of: "model") else {
      throw BadInput(file: reader.path, place: name, problem: "is missing")
    }
    return Data(text.utf8)
  }

  /// Every dataset below `root`, by its path there.
  func datasets(below root: String) throws -> [String: HDF5Dataset] {
    var found: [String: HDF5Dataset] = [:]
    var groups = [""]
    while let group = groups.popLast() {
      for member in try reader.members(of: root + group) {
        let path = "\(group)/\(member)"
        if let dataset = try reader.dataset(at: root + path) {
          found[String(path.dropFirst())] = dataset
        } else {
          groups.append(path)
        }
      }
    }
    return found
  }

  func tensor(_ dataset: HDF5Dataset) throws -> StoredTensor {
    if case .integer = dataset.type {
      let ids = try integers(at: dataset.path)
      return StoredTensor(Tensor(ids.map(Double.init), shape: dataset.shape))
    }
    guard case .float(let type) = dataset.type else {
      throw BadInput(file: reader.path, place: dataset.path, problem: "holds no numbers")
    }
    return StoredTensor(type: type, shape: dataset.shape, bytes: try reader.bytes(of: dataset))
  }

  func integers(at path: String) throws -> [Int] {
    guard let dataset = try reader.dataset(at: path),
      case .integer(let byteCount, let isSigned) = dataset.type
    else { throw BadInput(file: reader.path, place: path, problem: "holds no integers") }
    let bytes = try reader.bytes(of: dataset)
    return stride(from: 0, to: bytes.count, by: byteCount).map { offset in
      let value = (0..<byteCount).reduce(UInt64(0)) {
        $0 | UInt64(bytes[bytes.startIndex + offset + $1]) << (8 * $1)
      }
      let shift = 64 - 8 * UInt64(byteCount)
      return isSigned ? Int(Int64(bitPattern: value << shift) >> Int64(shift)) : Int(value)
    }
  }

  /// The sequence inside.
  func inputs(_ graph: Graph) throws -> Inputs {
    try Inputs(
      tokenIDs: try integers(at: "inputs/token_ids"), positionIDs: try integers(at: "inputs/position_ids"),
      attentionMask: try integers(at: "inputs/attention_mask").map { $0 != 0 }, graph: graph)
  }

  /// What the encoder reads.
  func source(_ graph: Graph) throws -> Inputs {
    if let sound = try sound() { return try Inputs.source(sound, graph: graph) }
    return try Inputs.source(
      tokenIDs: try integers(at: "inputs/encoder_token_ids"),
      positionIDs: try integers(at: "inputs/encoder_position_ids"),
      attentionMask: try integers(at: "inputs/encoder_attention_mask").map { $0 != 0 }, graph: graph)
  }

  /// What the encoder hears; nil where it reads.
  func sound() throws -> Sound? {
    if let features = try reader.dataset(at: "inputs/input_features") {
      return Sound(features: try tensor(features).float32())
    }
    guard let audio = try reader.dataset(at: "inputs/audio"),
      let filters = try reader.dataset(at: "inputs/mel_filters")
    else { return nil }
    return Sound(
      samples: try tensor(audio).float32().values, filters: try tensor(filters).float64(),
      frontEnd: FrontEnd(
        windowLength: try integers(at: "inputs/n_fft")[0], hop: try integers(at: "inputs/hop_length")[0]))
  }

  /// The arrays in place of ids; none where there are ids.
  func arrays() throws -> [Input: Tensor<Float>] {
    var arrays: [Input: Tensor<Float>] = [:]
    for input in Input.allCases where input.isArray {
      arrays[input] = try reader.dataset(at: "inputs/" + input.rawValue).map { try tensor($0).float32() }
    }
    return arrays
  }

  /// The weights inside, for a graph.
  func weights(_ architecture: Architecture) throws -> Weights {
    let tensors = try datasets(below: "weights").mapValues(tensor)
    return try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
  }
}

/// The rows of some tokens, those of `tokens` that are not skipped.
func rows(_ value: Tensor<Double>, of tokens: [Int], without skipped: Set<Int>) -> Tensor<Double> {
  let kept = tokens.indices.filter { !skipped.contains(tokens[$0]) }
  return Tensor(kept.flatMap { value.row($0) }, shape: [kept.count, value.rowWidth])
}

/// How far `actual` is from `expected`, over the greatest magnitude expected; rows of `skipped` tokens aside.
///
/// NaN where the shapes differ, or where one of the two is not finite and the other is not the same.
func deviation(
  _ actual: Tensor<Double>, from expected: Tensor<Double>, axes: [Axis], skippedTokens: Set<Int>
) -> Double {
  guard actual.shape == expected.shape else { return .nan }
  let rowAxis = axes.firstIndex { $0 == .token || $0 == .query }
  var (worst, greatest) = (0.0, 0.0)
  for offset in 0..<actual.count {
    if !skippedTokens.isEmpty, let rowAxis, skippedTokens.contains(actual.index(of: offset)[rowAxis]) {
      continue
    }
    let (one, other) = (actual.values[offset], expected.values[offset])
    if one == other {
      if other.isFinite { greatest = max(greatest, abs(other)) }
      continue
    }
    let difference = abs(one - other)
    guard difference.isFinite else { return .nan }
    worst = max(worst, difference)
    greatest = max(greatest, abs(other))
  }
  return worst == 0 ? 0 : worst / greatest
}
