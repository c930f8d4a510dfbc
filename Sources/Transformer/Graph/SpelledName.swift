/// A name that is not one of the format's, taken apart: `layers/0/ln1`, `transformer.h.0.attn.c_attn`, `Qcur-3`.
///
/// Engines and frameworks call the same value by many names. A name is read as the words of its last part, together
/// with those of the part before it where that says more; words are compared by what they mean (`attention` and `attn`),
/// in any order, and numbers are layers.
struct SpelledName {
  /// What it may stand for, the likeliest first; empty where it is near no name.
  let names: [String]
  /// The numbers in it, of which one may be a layer.
  let numbers: [Int]
  /// Whether it says that it is no activation.
  let isInnocent: Bool

  /// Reads the path of a dataset.
  init(_ path: String) {
    let parts = path.split(whereSeparator: { $0 == "/" || $0 == "." }).suffix(Self.greatestPartCount)
      .map { NamePart($0.prefix(Self.greatestLength)) }
    numbers = parts.flatMap(\.numbers)
    isInnocent = parts.last.map { !NamePart.innocent.isDisjoint(with: $0.words) } ?? false
    // A block by its number alone is what leaves it.
    let isBlock = !numbers.isEmpty && parts.allSatisfy(\.words.isEmpty)
    names = isBlock ? ["resid_out"] : Self.names(parts[...])
  }

  /// The layer that it gives, of those that there are.
  func layer(in layers: Set<Int>) -> Int? { numbers.first(where: layers.contains) }

  /// Longer names, and deeper ones, are cut: nobody's engine has them.
  private static let (greatestLength, greatestPartCount) = (64, 12)

  private static func names(_ parts: ArraySlice<NamePart>) -> [String] {
    guard let last = parts.last else { return [] }
    let rest = parts.dropLast()
    // A part that says nothing by itself, such as `output` or a number, leaves the word to the one before.
    if last.words.isEmpty { return names(rest) }
    let parent = rest.last { !$0.words.isEmpty }
    let own = Set(last.words)
    let joined = own.union(parent?.words ?? [])
    if let parent, Set(parent.words).isSubset(of: NamePart.innocent), !parent.words.isEmpty { return [] }
    if let exact = NameTable.words[joined] ?? NameTable.words[own] { return exact }
    if !own.isDisjoint(with: NamePart.innocent) { return [] }
    if let fusion = fusion(of: own) { return fusion }
    if let found = nearest(last, after: parent) ?? contained(in: joined, own: own) { return found }
    return own.isSubset(of: NamePart.empty) ? names(rest) : []
  }

  /// The name from which the spelling differs by few letters: one in four, and none in short names.
  private static func nearest(_ last: NamePart, after parent: NamePart?) -> [String]? {
    let spellings = [last.letters, (parent?.letters ?? []) + last.letters].filter { $0.count >= 4 }
    // Of names that are equally near any may be meant.
    var best: (distance: Int, points: [String])?
    for (name, points) in NameTable.spellings where name.count >= 4 {
      for spelling in spellings {
        let allowed = min(name.count, spelling.count) / 4
        let limit = min(allowed, best?.distance ?? .max)
        guard let distance = editDistance(name, spelling, atMost: limit) else { continue }
        let others = best.map { $0.distance == distance ? $0.points : [] } ?? []
        best = (distance, others + points.filter { !others.contains($0) })
      }
    }
    return best?.points
  }

  /// Several names that share their last words, as `kv_cache` does; nil where they leave a word out.
  private static func fusion(of words: Set<String>) -> [String]? {
    let points = contained(in: words, own: words) ?? []
    let known = NameTable.words.filter { name, meant in
      name.isSubset(of: words) && !Set(meant).isDisjoint(with: points)
    }
    let named = known.keys.reduce(into: Set<String>()) { $0.formUnion($1) }
    return points.count > 1 && known.count > 1 && named == words ? points : nil
  }

  /// The names whose words are all in it, those of most words; several of one word each are a fusion, as `qkv` is.
  private static func contained(in words: Set<String>, own: Set<String>) -> [String]? {
    let found = NameTable.words.filter { $0.key.isSubset(of: words) && !$0.key.isDisjoint(with: own) }
    guard let most = found.map(\.key.count).max() else { return nil }
    let points = Set(found.filter { $0.key.count == most }.flatMap(\.value))
    return NameTable.own.filter(points.contains)
  }

  /// Insertions, deletions and replacements from one to the other; nil where they are more than `limit`.
  private static func editDistance(_ a: [Character], _ b: [Character], atMost limit: Int) -> Int? {
    guard limit >= 0, abs(a.count - b.count) <= limit else { return nil }
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let replaced = diagonal + (a[i] == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
      }
    }
    return row[b.count] <= limit ? row[b.count] : nil
  }
}

/// One part of a name, between slashes or dots.
struct NamePart {
  /// What it says, in the words of ``meanings``.
  let words: [String]
  /// Its letters alone, in lower case.
  let letters: [Character]
  /// The numbers in it that belong to no word.
  let numbers: [Int]

  init(_ text: Substring) {
    var words: [String] = []
    var numbers: [Int] = []
    for piece in Self.pieces(text) {
      guard let number = Int(piece) else {
        words += Self.meanings[piece] ?? [piece]
        continue
      }
      // The two LayerNorms and the two products of a block are told apart by their numbers.
      if let last = words.last, Self.numbered.contains(last), number == 1 || number == 2 {
        words[words.count - 1] = last + piece
      } else {
        numbers.append(number)
      }
    }
    self.words = words
    self.numbers = numbers
    letters = text.lowercased().filter(\.isLetter).map { $0 }
  }

  /// Runs of letters and of digits; a capital after a small letter, or before one, begins a run.
  private static func pieces(_ text: Substring) -> [String] {
    let characters = Array(text)
    var pieces: [String] = []
    var current = ""
    for (index, character) in characters.enumerated() {
      let previous = index > 0 ? characters[index - 1] : "_"
      let next = index + 1 < characters.count ? characters[index + 1] : "_"
      let isCapital = character.isUppercase && (previous.isLowercase || next.isLowercase)
      if isCapital || character.isNumber != previous.isNumber || !character.isLetter && !character.isNumber {
        if !current.isEmpty { pieces.append(current) }
        current = ""
      }
      if character.isLetter || character.isNumber { current += character.lowercased() }
    }
    return current.isEmpty ? pieces : pieces + [current]
  }

  private static let numbered: Set = ["ln", "fc"]

  /// Words of a part that says only that it is some operation's result.
  static let empty: Set = ["out", "in", "result", "normalized", "x", "y"]

  /// Words of what is no activation.
  static let innocent: Set = [
    "bias", "config", "count", "dtype", "ids", "label", "labels", "loss", "mask", "name", "names", "note",
    "notes",
    "prompt", "seed", "shape", "text", "time", "times", "timing", "timings", "version", "weight",
  ]

  /// Words that mean the same, or nothing.
  private static let meanings: [String: [String]] = {
    let same = [
      "attn": "att attention attentions selfattn selfattention", "scores": "score", "logits": "logit",
      "probs": "prob probability probabilities softmax pattern", "resid": "res residual residuals",
      "out": "output outputs", "in": "input inputs inp", "q": "query queries qcur", "k": "key keys kcur",
      "v": "value values val vals vcur", "mlp": "ffn ff feedforward feed",
      "ln": "layernorm norm lnorm layernorms rmsnorm", "embed": "embedding embeddings embd emb embeds",
      "token": "tok tokens", "position": "pos positional positions", "mid": "middle",
      "act": "activation activated gelu relu silu swish", "context": "ctx", "fc": "linear", "state": "states",
      "cache": "cached caches", "up": "gate",
      "proj": "projection",
    ]
    let nothing =
      "hook layer layers block blocks blk h transformer model models decoder gpt module modules tensor tensors data "
      + "self forward stream cur fused"
    var meanings = ["qkv": ["q", "k", "v"], "kv": ["k", "v"]]
    for (word, others) in same {
      for other in others.split(separator: " ") { meanings[String(other)] = [word] }
    }
    for word in nothing.split(separator: " ") { meanings[String(word)] = [] }
    return meanings
  }()
}

/// The names of the format and the commonest others, by their words.
enum NameTable {
  /// What each set of words stands for.
  static let words: [Set<String>: [String]] = Dictionary(
    names.map { name, points in (Set(name.flatMap { NamePart($0).words }), points) },
    uniquingKeysWith: { own, _ in own })

  /// The same by their letters.
  static let spellings: [(name: [Character], points: [String])] = names.map { name, points in
    (name.flatMap { NamePart($0).letters }, points)
  }

  /// The format's own.
  static let own = [
    "embed/token", "embed/position", "embed/sum", "resid_in", "ln_1", "q", "k", "v", "k_cache", "v_cache",
    "attn_scores", "attn_probs", "attn_context", "attn_out", "resid_mid", "ln_2", "mlp_pre", "mlp_act",
    "mlp_out",
    "resid_out", "final/ln_f", "final/logits", "final/probs",
  ]

  /// The parts of each name; of the format's own names first, so that they win.
  private static let names: [(name: [Substring], points: [String])] =
    own.map { ($0.split(separator: "/"), [$0]) }
    + others.sorted { $0.key < $1.key }.map { ($0.key.split(separator: "/"), $0.value) }

  /// Hugging Face's, TransformerLens's and llama.cpp's, as far as their words are not the format's.
  private static let others: [String: [String]] = [
    // Into the stream, and the stream itself.
    "embed": ["embed/token", "embed/sum"], "wte": ["embed/token"], "wpe": ["embed/position"],
    "drop": ["embed/sum"], "inp_embd": ["embed/token", "embed/sum"],
    "inpL": ["embed/sum", "resid_in"], "resid": ["resid_out", "resid_in", "resid_mid"],
    "resid_pre": ["resid_in"], "resid_post": ["resid_out"], "l_out": ["resid_out"],
    "ffn_inp": ["resid_mid"],
    "hidden_states": ["resid_out", "resid_in", "embed/sum", "final/ln_f"],
    "hidden": ["resid_out", "resid_in"], "last_hidden_state": ["final/ln_f", "resid_out"],
    // LayerNorms.
    "ln": ["ln_1", "ln_2"], "input_layernorm": ["ln_1"], "attn_norm": ["ln_1"],
    "post_attention_layernorm": ["ln_2"], "ffn_norm": ["ln_2"], "ln_f": ["final/ln_f"],
    "lnf": ["final/ln_f"], "final_norm": ["final/ln_f"], "output_norm": ["final/ln_f"],
    "result_norm": ["final/ln_f"],
    // Attention.
    "c_attn": ["q", "k", "v"], "attn": ["attn_probs", "attn_context", "attn_out"],
    "attn_weights": ["attn_probs"], "attn_weight": ["attn_probs"],
    "attn_maps": ["attn_probs"], "kq": ["attn_scores"], "qk": ["attn_scores"],
    "scores": ["attn_scores"], "probs": ["attn_probs", "final/probs"],
    "kq_soft_max": ["attn_probs"], "context": ["attn_context"], "attn_z": ["attn_context"],
    "z": ["attn_context"], "kqv": ["attn_context"], "kqv_out": ["attn_out", "attn_context"],
    "attn_c_proj": ["attn_out"], "c_proj": ["attn_out", "mlp_out"],
    "o_proj": ["attn_out"], "out_proj": ["attn_out"],
    "dense": ["attn_out", "mlp_out"],
    // The feed-forward part.
    "mlp": ["mlp_out"], "mlp_c_fc": ["mlp_pre"], "c_fc": ["mlp_pre"],
    "fc1": ["mlp_pre"], "fc_in": ["mlp_pre"], "fc2": ["mlp_out"],
    "fc_out": ["mlp_out"], "up": ["mlp_pre"], "mlp_up": ["mlp_pre"],
    "down": ["mlp_out"], "mlp_down": ["mlp_out"], "mlp_c_proj": ["mlp_out"],
    "intermediate": ["mlp_pre", "mlp_act"], "act": ["mlp_act"],
    "mlp_post": ["mlp_act"], "mlp_hidden": ["mlp_pre", "mlp_act"],
    // Readout.
    "logits": ["final/logits"], "lm_head": ["final/logits"], "unembed": ["final/logits"],
    "result_output": ["final/logits"],
  ]
}
