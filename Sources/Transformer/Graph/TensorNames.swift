/// How the checkpoints of a family spell and pad what the graph names.
public struct TensorNames: Sendable {
  /// What checkpoints of the bare model, without its head, leave out in front: `transformer.`, `model.`.
  public let root: String
  /// How the names of stored tensors end that hold no parameters, such as masks and tables of frequencies.
  public let bufferEndings: [String]
  /// Tensors that may be stored although the model ties them to a parameter: name, and name of the parameter.
  public let ties: [String: String]

  /// How names end in old checkpoints, and what that means.
  public let endings: [String: String]

  /// Describes the checkpoints of a family.
  public init(
    root: String, bufferEndings: [String] = [], ties: [String: String] = [:], endings: [String: String] = [:]
  ) {
    self.endings = endings
    self.root = root
    self.bufferEndings = bufferEndings
    self.ties = ties
  }

  /// The full names of tensors by the names that they are stored under: with the root in front where a name begins
  /// like a parameter of `graph` that has it.
  public func fullNames(ofStored names: some Sequence<String>, in graph: Graph) -> [String: String] {
    let beginnings = beginnings(in: graph)
    return Dictionary(
      uniqueKeysWithValues: names.map { name in
        let today = spelledToday(name)
        return (name, beginnings.contains(String(today.prefix { $0 != "." })) ? root + today : today)
      })
  }

  /// A name as checkpoints have it today.
  private func spelledToday(_ name: String) -> String {
    for (old, new) in endings where name.hasSuffix(old) { return name.dropLast(old.count) + new }
    return name
  }

  /// The first words behind the root, such as `embed_tokens`, `layers`, `norm`.
  private func beginnings(in graph: Graph) -> Set<String> {
    Set(
      graph.parameters.lazy.filter { $0.name.hasPrefix(root) }
        .map { String($0.name.dropFirst(root.count).prefix { $0 != "." }) })
  }

  /// Whether a tensor of that name holds no parameter.
  public func isBuffer(_ name: String) -> Bool {
    bufferEndings.contains(where: name.hasSuffix)
  }
}
