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
    // Operations of the same layers that one reason covers stand in one line.
    var groups: [(key: Key, layers: [Int], names: [String], count: Int)] = []
    for key in order {
      let found = layers[key] ?? []
      let same = groups.firstIndex {
        $0.key.why == key.why && $0.key.stack == key.stack && (key.stack == nil || $0.layers == found)
      }
      if let same {
        groups[same].names.append(key.what)
        groups[same].count += found.count
      } else {
        groups.append((key, found, [key.what], found.count))
      }
    }
    entries = groups.map { key, layers, names, count in
      let hidden = names.count - Self.greatestNames
      let what =
        names.prefix(Self.greatestNames).joined(separator: ", ")
        + (hidden > 0 ? " and \(grouped(hidden)) more" : "")
      return Entry(
        what: key.stack.map { "\(what) in \(blocksText(layers, of: $0))" } ?? what, why: key.why, count: count
      )
    }
  }

  /// How many names one line has.
  private static let greatestNames = 24

  private struct Key: Hashable {
    let what: String
    let stack: String?
    let why: String
  }
}
