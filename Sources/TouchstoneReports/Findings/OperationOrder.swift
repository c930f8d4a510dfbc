import TouchstoneGraph
import TouchstoneVerdict

/// In which order the operations of blocks are shown: that of computation, although a block may lack some.
struct OperationOrder {
  /// Their names.
  private(set) var names: [String] = []

  /// Orders the names that occur in findings, which are in the order of computation.
  init(_ findings: [Finding]) { self.init(findings.map(\.activation)) }

  /// Orders the names of activations, which are in the order of computation.
  init(_ activations: [Activation]) {
    var sequences: [Activation.Block?: [String]] = [:]
    var blocks: [Activation.Block?] = []
    for activation in activations {
      if sequences[activation.block] == nil { blocks.append(activation.block) }
      sequences[activation.block, default: []].append(activation.name)
    }
    for block in blocks { merge(sequences[block] ?? []) }
  }

  /// Puts each new name behind the name before it, in front of the next that is known, and among names that no block
  /// has together with it where the format lists it.
  private mutating func merge(_ sequence: [String]) {
    var low = 0
    // What is new here does not come again in the same block.
    let known = Set(names)
    for (index, name) in sequence.enumerated() {
      if let place = names.firstIndex(of: name) {
        low = max(low, place + 1)
        continue
      }
      let next = sequence[index...].compactMap { known.contains($0) ? names.firstIndex(of: $0) : nil }
        .first { $0 >= low }
      let high = next ?? names.count
      let place = Self.rank(name).map { rank in
        (low..<high).first { Self.rank(names[$0]) ?? -1 > rank } ?? high
      }
      names.insert(name, at: place ?? low)
      low = (place ?? low) + 1
    }
  }

  private static func rank(_ name: String) -> Int? { ranks[name] }

  private static let ranks = Dictionary(
    uniqueKeysWithValues: Activation.Point.allCases.enumerated().map { ($1.rawValue, $0) })
}

/// Some blocks of one stack, such as `layers 000–003`, or `encoder layers 000–003` where a model has two.
func blocksText(_ indices: some Sequence<Int>, of stack: String) -> String {
  let parents = stack.split(separator: "/").dropLast()
  return (parents + [layersText(indices)[...]]).joined(separator: " ")
}
