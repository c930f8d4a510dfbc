import TouchstoneGraph
import TouchstoneModel

/// A dataset of a capture whose name is not one of the format's, so that nothing read it.
public struct UnknownName: Sendable, Equatable {
  /// Its path in the file.
  public let path: String
  /// The activations that may have been meant, the likeliest first: those that its name is near, then those of its size of
  /// which nothing was compared by itself; empty where there are none.
  public let candidates: [Activation]
  /// Those of which nothing was compared by itself: what this dataset holds may be their only record.
  public let open: [Activation]

  /// Whether something may have been meant of which nothing was compared.
  public var isMistaken: Bool { !open.isEmpty }

  /// Names a dataset and what may have been meant by it.
  public init(path: String, candidates: [Activation], open: [Activation]) {
    self.path = path
    self.candidates = candidates
    self.open = open
  }

  /// The unknown datasets of a capture, those that matter first.
  ///
  /// - Parameter compared: the activations that a comparison of their own covers.
  static func all(in capture: any ActivationSource, compared: Set<Activation>) -> [UnknownName] {
    let graph = capture.graph
    let open = graph.operations.map(\.output).filter { !compared.contains($0) }
    let sizes = ActivationSizes(open, of: graph, in: capture.inputs)
    let groups = Set(
      open.flatMap { activation in
        activation.path.indices.filter { activation.path[$0] == "/" }.map { String(activation.path[..<$0]) }
      })
    // What stands beside the inputs is nobody's activation.
    let names = capture.unknownPaths.filter { !$0.hasPrefix("inputs/") }.map { path in
      let spelled = graph.activations(spelled: path)
      let sized = capture.elementCount(atUnknown: path).map { sizes.activations(at: path, sized: $0) }
      // One dataset where a group is due holds what is due in it, stacked or not.
      let isGroup = sized != nil && groups.contains(path)
      let inside = isGroup ? open.filter { $0.path.hasPrefix(path + "/") } : []
      let candidates = spelled + ((sized ?? []) + inside).filter { !spelled.contains($0) }
      return UnknownName(
        path: path, candidates: candidates, open: candidates.filter { !compared.contains($0) })
    }
    return names.filter(\.isMistaken) + names.filter { !$0.isMistaken }
  }

  /// The path, with what was probably meant by it.
  var question: String {
    let path = DisplayText.shortened(DisplayText.line(path), to: 80)
    guard let meant = open.first ?? candidates.first else { return path }
    return "\(path) (did you mean \(meant)?)"
  }
}
