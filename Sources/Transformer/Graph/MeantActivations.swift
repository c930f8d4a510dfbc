/// What may have been meant by a dataset that stands under none of the format's names.
extension Graph {
  /// The activations of this model for which a dataset at `path`, which is none of the format's, may have been meant:
  /// those of the layer that the name gives, or of every layer; empty where the name is near none.
  public func activations(spelled path: String) -> [Activation] {
    let name = SpelledName(path)
    guard !name.names.isEmpty else { return [] }
    let all = operations.map(\.output) + cached.keys.sorted { $0.path < $1.path }
    let layer = name.layer(in: Set(all.compactMap(\.block?.index)))
    return name.names.flatMap { name in
      all.filter { $0.name == name && ($0.block == nil || layer == nil || $0.block?.index == layer) }
    }
  }
}

/// Activations by how many elements they have, together with those beside them where engines compute several as one.
public struct ActivationSizes: Sendable {
  /// Runs of activations of one block by how many elements they have together.
  private var runs: [Int: [[Activation]]] = [:]
  private let layers: Set<Int>

  /// How many activations are computed as one: queries, keys, values and a gate.
  private static let greatestFusion = 4

  /// Measures activations.
  ///
  /// - Parameter open: some of `graph`, in its order.
  public init(_ open: [Activation], of graph: Graph, in inputs: Inputs) {
    layers = Set(graph.operations.compactMap { $0.output.block?.index })
    // Of how many rows those of some tokens are, no name says.
    let open = open.filter { graph.selection(of: $0) == nil }
    let counts = open.map { activation in
      graph.shape(of: activation, in: inputs)?.reduce(1) {
        $0.multipliedReportingOverflow(by: $1).partialValue
      } ?? 0
    }
    for start in open.indices {
      var count = 0
      for end in start..<min(start + Self.greatestFusion, open.count) {
        guard open[end].block == open[start].block else { break }
        count &+= counts[end]
        runs[count, default: []].append(Array(open[start...end]))
      }
    }
  }

  /// The activations of which a dataset may be the record by its size, whatever it is called: of the layer that the name
  /// gives, or of every layer.
  ///
  /// - Parameters:
  ///   - path: where it stands.
  ///   - elementCount: how many numbers stand there.
  public func activations(at path: String, sized elementCount: Int) -> [Activation] {
    guard elementCount > 1, let runs = runs[elementCount] else { return [] }
    let name = SpelledName(path)
    guard !name.isInnocent else { return [] }
    let layer = name.layer(in: layers)
    let possible = runs.filter { layer == nil || $0[0].block?.index == layer }
    let single = possible.filter { $0.count == 1 }
    return single.isEmpty ? possible.first ?? [] : single.flatMap(\.self)
  }
}
