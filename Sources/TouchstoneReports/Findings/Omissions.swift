import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What was not compared and why, the layers of one operation taken together.
struct Omissions {
  /// Activations that one reason covers.
  struct Entry {
    /// For example `attn_scores in layers 000–003`.
    let what: String
    let why: String
    let count: Int
  }

  let entries: [Entry]
  let count: Int

  init(_ notCompared: [NotCompared]) {
    count = notCompared.count
    var order: [Key] = []
    var layers: [Key: [Int]] = [:]
    for one in notCompared {
      let activation = Activation(path: one.path)
      let block = activation?.block
      let key = Key(what: activation?.name ?? one.path, stack: block?.stack, why: one.why)
      if layers[key] == nil { order.append(key) }
      layers[key, default: []].append(block?.index ?? 0)
    }
    entries = order.map { key in
      let found = layers[key] ?? []
      return Entry(
        what: key.stack.map { "\(key.what) in \(blocksText(found, of: $0))" } ?? key.what, why: key.why,
        count: found.count)
    }
  }

  private struct Key: Hashable {
    let what: String
    let stack: String?
    let why: String
  }
}
