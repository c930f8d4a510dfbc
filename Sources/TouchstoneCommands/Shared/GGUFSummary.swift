import Foundation
import TouchstoneFamilies
import TouchstoneCheckpoints
import TouchstoneGGUF
import TouchstoneGolden
import TouchstoneModel
import TouchstoneTokenizer

/// What a GGUF file holds, for a person or a program to read.
struct GGUFSummary: Encodable {
  /// One tensor.
  struct Tensor: Encodable, Hashable {
    /// Its name; of several alike, with `*` in place of the block.
    var name: String
    /// Its type, as ggml spells it.
    let type: String
    /// Its extents, outermost first.
    let shape: [Int]
  }

  /// Where the file is.
  let path: String
  /// The size of it, and of the others that the model is split into.
  let bytes: Int
  /// How many files the model is split into.
  let fileCount: Int
  /// `general.architecture`.
  let architecture: String
  /// The shape of the model in one line; nil where it is not read.
  let model: String?
  /// Why the model is not read; nil where it is.
  let refusal: String?
  /// Every tensor, by name.
  let tensors: [Tensor]
  /// How many numbers the tensors hold.
  let numberCount: Int
  /// The kind of the tokenizer, and why it is not read where it is not.
  let tokenizer: String
  /// Every key, with a value or what an array holds.
  let metadata: [String: String]

  /// - Throws: ``BadInput`` where the architecture is no text.
  init(_ file: GGUFFile) throws(BadInput) {
    path = file.path
    bytes = file.byteCount
    fileCount = file.partCount
    do throws(BadInput) {
      architecture = try file.metadata.string("general.architecture") ?? "none"
    } catch {
      throw error.inFile(file.path)
    }
    do throws(BadInput) {
      model = RecordedModel(try Architecture(at: URL(filePath: file.path))).line
      refusal = nil
    } catch {
      model = nil
      refusal = error.description
    }
    tensors = file.names.compactMap { name in
      guard let type = file.type(of: name), let shape = file.shape(of: name) else { return nil }
      return Tensor(name: name, type: type.name, shape: shape)
    }
    numberCount = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    tokenizer = Self.tokenizer(file)
    metadata = Dictionary(uniqueKeysWithValues: file.metadata.keys.map { ($0, file.metadata.text($0)) })
  }

  private static func tokenizer(_ file: GGUFFile) -> String {
    guard GGUFTokenizer.isIn(file) else { return "none" }
    let keys = ["model", "pre", "tokens"].map { "tokenizer.ggml.\($0)" }
    let kind = keys.filter(file.metadata.keys.contains).map(file.metadata.text).joined(separator: ", ")
    do throws(BadInput) {
      _ = try GGUFTokenizer(file)
      return kind
    } catch {
      return "\(kind); not read: \(error)"
    }
  }
}

extension GGUFSummary: CustomStringConvertible {
  /// Lines, each a label and what there is to say; tensors that differ in their block alone are one.
  var description: String {
    let parts = fileCount == 1 ? "" : ", in \(fileCount) files"
    let lines =
      [
        ("GGUF", "\(path), \(bytes) bytes\(parts)"), ("architecture", architecture),
        model.map { ("model", $0) } ?? ("not read", refusal ?? ""),
        ("tensors", "\(tensors.count), of \(numberCount) numbers together: \(types)"),
      ] + rows.map { ("", $0) } + [("tokenizer", tokenizer)]
      + metadata.sorted { $0.key < $1.key }.enumerated().map { number, pair in
        (number == 0 ? "metadata" : "", "\(pair.key): \(pair.value)")
      }
    return lines.map { label, text in
      let text = DisplayText.shortened(DisplayText.line(text), to: BadInput.greatestLength)
      return label.padding(toLength: 14, withPad: " ", startingAt: 0) + text
    }.joined(separator: "\n")
  }

  private var types: String {
    let counts = Dictionary(tensors.map { ($0.type, 1) }, uniquingKeysWith: +)
    return counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
  }

  private var rows: [String] {
    var counts: [(tensor: Tensor, count: Int)] = []
    var places: [Tensor: Int] = [:]
    for tensor in tensors {
      var alike = tensor
      alike.name = tensor.name.replacing(/^blk\.[0-9]+\./, with: "blk.*.")
      if let place = places[alike] {
        counts[place].count += 1
      } else {
        places[alike] = counts.count
        counts.append((alike, 1))
      }
    }
    let names = counts.map { $0.tensor.name + ($0.count == 1 ? "" : " ×\($0.count)") }
    let width = min(names.map(\.count).max() ?? 0, 60)
    return zip(names, counts).map { name, row in
      let name = name + String(repeating: " ", count: max(0, width - name.count))
      return "\(name)  \(row.tensor.type) \(row.tensor.shape)"
    }
  }
}
