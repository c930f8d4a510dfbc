import TouchstoneGGUF
import TouchstoneModel

/// An architecture of llama.cpp as data: the `config.json` that its metadata stands for, Hugging Face's names of its
/// tensors, and what the converter changed in them.
struct GGUFFamily: Sendable {
  /// What the converter did to a tensor, and reading undoes.
  enum Change: Sendable {
    /// [in, out] became [out, in].
    case turned
    /// In each head of queries or of keys, the two columns that turn together were put side by side.
    case paired(isKey: Bool)
    /// Queries, keys and values of a group of heads, stored together, became all queries, all keys, all values.
    case ungrouped
    /// 1 was added to a gain.
    case raised
  }

  /// The value of `general.architecture`.
  let architecture: String
  /// Hugging Face's name of the family.
  let modelType: String
  /// Hugging Face's modules outside blocks, by ggml's.
  let outside: [String: String]
  /// What stands before the number of a block.
  let block: String
  /// Hugging Face's modules in a block, by ggml's.
  let inside: [String: String]
  /// What was done to a tensor of ggml's module, `weight` or `bias`; nil for nothing.
  let change: @Sendable (_ module: String, _ part: String) -> Change?
  /// The fields of the configuration that are not the same everywhere.
  let configure: @Sendable (inout GGUFConfig) throws(BadInput) -> Void

  init(
    _ architecture: String, modelType: String? = nil, outside: [String: String], block: String,
    inside: [String: String],
    change: @escaping @Sendable (_ module: String, _ part: String) -> Change? = { _, _ in nil },
    configure: @escaping @Sendable (inout GGUFConfig) throws(BadInput) -> Void
  ) {
    self.architecture = architecture
    self.modelType = modelType ?? architecture
    self.outside = outside
    self.block = block
    self.inside = inside
    self.change = change
    self.configure = configure
  }

  static let all = [
    llama, qwen2, qwen3, gemma, gemma2, gemma3, olmo2, phi3, starCoder2, phi2, gpt2, gptNeoX, falcon, bloom,
    mpt,
  ]

  /// Where the factors stand by which frequencies are divided: part of the configuration here.
  static let rotaryTensors: Set = [
    "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight",
  ]

  /// What a tensor of the file is here.
  struct Place {
    /// ggml's module, without the block.
    let module: String
    let part: String
    /// Hugging Face's modules: one, or those whose rows follow each other in the tensor.
    let names: [String]
  }

  /// Where a tensor belongs; nil for one that the family does not have.
  func place(of tensor: String) -> Place? {
    var words = tensor.split(separator: ".").map(String.init)
    guard words.count >= 2, let part = words.popLast(), ["weight", "bias"].contains(part) else { return nil }
    guard words[0] == "blk" else {
      let module = words.joined(separator: ".")
      return outside[module].map { Place(module: module, part: part, names: ["\($0).\(part)"]) }
    }
    guard words.count == 3, let layer = Int(words[1]), layer >= 0 else { return nil }
    func name(_ module: String) -> String { "\(block)\(layer).\(module).\(part)" }
    if let module = inside[words[2]] {
      return Place(module: words[2], part: part, names: [name(module)])
    }
    // Converters may put queries, keys and values on top of each other.
    let split = ["attn_q", "attn_k", "attn_v"].compactMap { inside[$0] }
    guard words[2] == "attn_qkv", split.count == 3 else { return nil }
    return Place(module: words[2], part: part, names: split.map(name))
  }
}
