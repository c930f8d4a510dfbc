import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// Masks of the shapes that engines really use, on generated models.
@Suite struct MaskShapeTests {
  /// The keys that a mask leaves visible, of `count`.
  enum Shape: String, CaseIterable {
    /// Only keys in the middle: a sliding window.
    case window
    /// All but a block in the middle: a document cut out.
    case block
    /// All but the first ones: padding on the left.
    case leftPadding
    /// Every other key.
    case stripes

    func isVisible(_ key: Int, of count: Int) -> Bool {
      let middle = count / 3..<max(count / 3 + 1, 2 * count / 3)
      return switch self {
      case .window: middle.contains(key)
      case .block: !middle.contains(key)
      case .leftPadding: key >= count / 3
      case .stripes: key % 2 == 0
      }
    }
  }

  @Test(.clause("ATT-8", "ATT-15", "ATT-21"), arguments: Shape.allCases)
  func excludedTokensMightAsWellBeAbsent(_ shape: Shape) {
    expectHolds("absent as excluded, \(shape.rawValue)", of: ModelCase.self, cases: 10) { generated in
      var whole = generated
      whole.masked = Set(generated.tokens.indices.filter { !shape.isVisible($0, of: generated.tokens.count) })
      let visible = generated.tokens.indices.filter { !whole.masked.contains($0) }
      guard !visible.isEmpty else { return nil }
      let weights = try whole.model().weights()
      let inputs = try whole.inputs()
      let alone = try Inputs(
        tokenIDs: visible.map { inputs.tokenIDs[$0] }, positionIDs: visible.map { inputs.positionIDs[$0] },
        graph: weights.graph)
      let among = RecordedActivations(weights: weights, inputs: inputs)
      let apart = RecordedActivations(weights: weights, inputs: alone)
      for operation in weights.graph.operations {
        guard let left = among.tensors[operation.output], let right = apart.tensors[operation.output],
          left.shape.count == 2
        else { continue }
        for (row, token) in visible.enumerated() where !left.row(token).elementsEqual(right.row(row)) {
          return "\(operation.output) of token \(token) is another one with the excluded tokens left out"
        }
      }
      return nil
    }
  }
}
