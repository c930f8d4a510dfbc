import Foundation
import TouchstoneFamilies
import TouchstoneGGUF
import TouchstoneGraph
import TouchstoneModel

/// A GGUF file as what a Hugging Face folder holds: a configuration, and tensors under Hugging Face's names.
struct GGUFCheckpoint {
  private let file: GGUFFile
  private let family: GGUFFamily
  private let config: GGUFConfig
  /// The `config.json` that the metadata stands for.
  let configText: Data
  /// Whether a matrix of its own reads the logits out, which the file stores.
  private let hasOwnHead: Bool

  /// Opens the file and reads its metadata.
  ///
  /// - Throws: ``BadInput`` naming the file, and what in it is malformed, missing or of no family here.
  init(_ url: URL) throws(BadInput) {
    file = try GGUFFile(url)
    do throws(BadInput) {
      let name = try file.metadata.string("general.architecture") ?? "none"
      guard let family = GGUFFamily.all.first(where: { $0.architecture == name }) else {
        throw BadInput(
          place: "general.architecture", problem: "\(name) is not supported",
          remedy: "supported are " + GGUFFamily.all.map(\.architecture).joined(separator: ", "))
      }
      self.family = family
      var config = GGUFConfig(file, architecture: name)
      try family.configure(&config)
      config.set("model_type", family.modelType)
      hasOwnHead = Self.hasOwnHead(file)
      config.set("tie_word_embeddings", !hasOwnHead)
      try config.refuseUnread()
      self.config = config
      configText = config.text
    } catch {
      throw error.inFile(url.path)
    }
  }

  /// Some converters store the embedding twice.
  private static func hasOwnHead(_ file: GGUFFile) -> Bool {
    let (head, table) = ("output.weight", "token_embd.weight")
    guard let bytes = file.bytes(of: head) else { return false }
    return file.type(of: head) != file.type(of: table) || bytes != file.bytes(of: table)
  }

  /// The file's name.
  var path: String { file.path }

  /// Every tensor that holds parameters, under Hugging Face's name and in Hugging Face's order of rows.
  ///
  /// - Throws: ``BadInput`` naming a tensor that the architecture does not have, or that cannot be turned back.
  func tensors() throws(BadInput) -> [String: StoredTensor] {
    var tensors: [String: StoredTensor] = [:]
    let hasTwoNorms = file.type(of: "blk.0.attn_norm_2.weight") != nil
    for name in file.names where !GGUFFamily.rotaryTensors.contains(name) {
      guard let place = family.place(of: name), let stored = file.tensor(name) else {
        throw BadInput(
          file: path, place: name, problem: "is no tensor of \(family.architecture) as it is read here",
          remedy: "use a model of the plain architecture")
      }
      if place.module == "output", place.part == "weight", !hasOwnHead { continue }
      do throws(BadInput) {
        for (name, tensor) in try parts(of: stored, place) {
          // Falcon's one norm is called otherwise where there are two.
          let name = hasTwoNorms ? name.replacing(".input_layernorm.", with: ".ln_mlp.") : name
          tensors[name] = tensor
        }
      } catch {
        throw BadInput(file: path, place: name, problem: error.problem, remedy: error.remedy)
      }
    }
    return tensors
  }

  private func parts(
    of tensor: StoredTensor, _ place: GGUFFamily.Place
  ) throws(BadInput) -> [(String, StoredTensor)] {
    guard place.names.count > 1 else {
      return [(place.names[0], try unchanged(tensor, family.change(place.module, place.part)))]
    }
    // Rows of queries, then of keys, then of values.
    let counts = [config.heads.query, config.heads.key, config.heads.key].map { $0 * config.headWidth }
    guard tensor.shape[0] == counts.reduce(0, +) else { throw misshapen(tensor) }
    var first = 0
    var parts: [(String, StoredTensor)] = []
    for (index, module) in ["attn_q", "attn_k", "attn_v"].enumerated() {
      let part = tensor.rearranged(rows: Array(first..<first + counts[index]))
      parts.append((place.names[index], try unchanged(part, family.change(module, place.part))))
      first += counts[index]
    }
    return parts
  }

  /// The tensor as it was before it was converted.
  private func unchanged(
    _ tensor: StoredTensor, _ change: GGUFFamily.Change?
  ) throws(BadInput) -> StoredTensor {
    let d = config.headWidth
    switch change {
    case nil: return tensor
    case .turned:
      guard tensor.shape.count == 2 else { throw misshapen(tensor) }
      return tensor.transposed()
    case .raised: return try tensor.lowered()
    case .paired(let isKey):
      let heads = isKey ? config.heads.key : config.heads.query
      guard tensor.shape[0] == heads * d, d.isMultiple(of: 2) else { throw misshapen(tensor) }
      return tensor.rearranged(
        rows: (0..<heads * d).map { row in row / d * d + row % d % (d / 2) * 2 + row % d / (d / 2) })
    case .ungrouped:
      let (query, key) = config.heads
      guard tensor.shape[0] == (query + 2 * key) * d else { throw misshapen(tensor) }
      let share = query / key
      return tensor.rearranged(
        rows: (0..<key).flatMap { group in
          let heads = (0..<share).map { group * share + $0 } + [query + group, query + key + group]
          return heads.flatMap { $0 * d..<($0 + 1) * d }
        })
    }
  }

  private func misshapen(_ tensor: StoredTensor) -> BadInput {
    BadInput(
      problem:
        "has the shape \(tensor.shape), which \(config.heads.query) heads of \(config.headWidth) columns and "
        + "\(config.heads.key) of keys do not give",
      remedy: "convert the model again")
  }
}

extension StoredTensor {
  /// The rows, or the elements of a vector, that `rows` name, in their order.
  fileprivate func rearranged(rows: [Int]) -> StoredTensor {
    let size = shape.dropFirst().reduce(type.byteCount, *)
    var result = Data(capacity: rows.count * size)
    for row in rows {
      let start = bytes.startIndex + row * size
      result += bytes[start..<start + size]
    }
    return StoredTensor(type: type, shape: [rows.count] + shape.dropFirst(), bytes: result)
  }

  /// The transpose of a matrix.
  fileprivate func transposed() -> StoredTensor {
    let (rows, columns, size) = (shape[0], shape[1], type.byteCount)
    var result = Data(count: bytes.count)
    result.withUnsafeMutableBytes { target in
      bytes.withUnsafeBytes { source in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for row in 0..<rows {
          for column in 0..<columns {
            memcpy(target + (column * rows + row) * size, source + (row * columns + column) * size, size)
          }
        }
      }
    }
    return StoredTensor(type: type, shape: [columns, rows], bytes: result)
  }

  /// A gain less the 1 that was added to it, which no rounding may change.
  fileprivate func lowered() throws(BadInput) -> StoredTensor {
    let gains = float32()
    let lowered = gains.values.map { $0 - 1 }
    guard zip(lowered, gains.values).allSatisfy({ Double($0) + 1 == Double($1) }) else {
      throw BadInput(
        problem: "holds a gain that is not 1 and a float32 number, as this architecture stores them",
        remedy: "convert the model again")
    }
    return StoredTensor(Tensor(lowered, shape: gains.shape))
  }
}
