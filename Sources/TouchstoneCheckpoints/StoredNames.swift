import TouchstoneModel

/// How the names of a file correspond to those of a model: what wrappers put into them is taken out.
struct StoredNames {
  /// Modules of PyTorch that hold another and pass everything through, wherever they stand (`torch.compile`, and
  /// the wrappers of fully sharded training and of activation checkpointing).
  private static let wrappers: Set<Substring> = [
    "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
  ]

  /// What the file puts before every name of the model, such as `module.`; empty where it puts nothing.
  let prefix: String

  /// Finds the prefix under which most of the model's tensors stand.
  ///
  /// - Parameters:
  ///   - stored: every name of the checkpoint.
  ///   - needed: the model's tensors, by their full names.
  ///   - root: what the full names begin with and a file of the inner model leaves out, such as `transformer.`.
  /// - Throws: ``BadInput`` when the model stands there more than once.
  init(_ stored: some Sequence<String>, needed: [String], root: String) throws(BadInput) {
    // By their last two components, which are enough to find the prefixes that may be meant.
    var prefixes: [String: Int] = [:]
    let short = needed.map { $0.hasPrefix(root) ? String($0.dropFirst(root.count)) : $0 }
    let endings = Dictionary(grouping: short, by: Self.ending)
    for name in stored {
      let name = Self.unwrapped(name)
      for tail in endings[Self.ending(name)] ?? [] where name == tail || name.hasSuffix("." + tail) {
        var prefix = String(name.dropLast(tail.count))
        if prefix == root || prefix.hasSuffix("." + root) { prefix = String(prefix.dropLast(root.count)) }
        prefixes[prefix, default: 0] += 1
      }
    }
    let most = prefixes.values.max() ?? 0
    // Quantisers leave norms and embeddings under their names: a fifth of a model and more.
    guard 8 * most > needed.count else {
      // Not this model: its names are missed one by one.
      prefix = ""
      return
    }
    let best = prefixes.filter { $0.value == most }.keys.sorted()
    if best.count > 1, !best.contains(""), 2 * most > needed.count {
      throw BadInput(
        problem: "the model stands there under each of the prefixes "
          + best.prefix(4).joined(separator: ", "),
        remedy: "keep the tensors of one model")
    }
    prefix = best.contains("") ? "" : best.first ?? ""
  }

  /// The model's name of a stored tensor.
  func plain(_ stored: String) -> String {
    let name = Self.unwrapped(stored)
    return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
  }

  private static func unwrapped(_ name: String) -> String {
    guard name.contains("_") else { return name }
    let components = name.split(separator: ".", omittingEmptySubsequences: false)
    guard components.contains(where: wrappers.contains) else { return name }
    return components.filter { !wrappers.contains($0) }.joined(separator: ".")
  }

  private static func ending(_ name: String) -> String {
    name.split(separator: ".").suffix(2).joined(separator: ".")
  }
}

/// What a file has in place of a tensor that is missing.
enum Replacement {
  /// Names by which quantised weights are stored: of GPTQ and AWQ, compressed-tensors, bitsandbytes, MXFP4.
  private static let quantised: Set<Substring> = [
    "qweight", "qzeros", "scales", "g_idx", "weight_packed", "weight_scale", "weight_scale_inv",
    "weight_zero_point",
    "weight_shape", "SCB", "absmax", "quant_map", "quant_state", "blocks", "_packed_params",
  ]
  /// Modules that adapters put around a layer (PEFT).
  private static let adapters: Set<Substring> = [
    "base_layer", "original_module", "modules_to_save", "lora_A", "lora_B", "lora_embedding_A",
  ]

  /// Refuses a checkpoint in which tensors are missing, and says what stands in place of the first.
  ///
  /// - Parameters:
  ///   - missing: names of the model's tensors, one at least.
  ///   - needed: the names of all of them.
  ///   - stored: the names that are there, without what wrappers put into them.
  static func refusal(missing: [String], needed: [String], stored: some Sequence<String>) -> BadInput {
    let name = missing[0]
    let wanted = name.split(separator: ".")
    let module = wanted.dropLast()
    let others = Set(stored).subtracting(needed)
    var near = others.filter { other in
      let components = other.split(separator: ".")
      return components.starts(with: module) || isInside(wanted, components)
    }
    if near.isEmpty {
      near = others.filter { !adapters.union(quantised).isDisjoint(with: $0.split(separator: ".")) }
    }
    var problem = "the tensor is missing" + BadInput.andOthers(missing.dropFirst(), " and so ")
    var remedy = "check that the checkpoint is whole"
    // The nearest: what has the same last component, and then what is shortest.
    let nearest = near.min { one, other in
      let ends = (one.hasSuffix("." + (wanted.last ?? "")), other.hasSuffix("." + (wanted.last ?? "")))
      return ends.0 != ends.1 ? ends.0 : (one.utf8.count, one) < (other.utf8.count, other)
    }
    guard let nearest else { return BadInput(place: name, problem: problem, remedy: remedy) }
    let marks = Set(near.flatMap { $0.split(separator: ".") }).subtracting(wanted)
    if !marks.isDisjoint(with: adapters) {
      problem += "; the file has \(nearest): an adapter is attached"
      remedy = "merge it into the model and save that (in PEFT, merge_and_unload)"
    } else if !marks.isDisjoint(with: quantised) {
      problem += "; the file has \(nearest): quantised weights are not read"
      remedy = "dequantise the model and save that"
    } else {
      problem += "; the file has \(nearest)"
      remedy = "check what wrote the file, and save the plain model"
    }
    return BadInput(place: name, problem: problem, remedy: remedy)
  }

  /// Whether `name` is made of `longer` by leaving components out.
  private static func isInside(_ name: [Substring], _ longer: [Substring]) -> Bool {
    guard name.count < longer.count else { return false }
    var rest = name[...]
    for component in longer where rest.first == component { rest = rest.dropFirst() }
    return rest.isEmpty
  }
}
