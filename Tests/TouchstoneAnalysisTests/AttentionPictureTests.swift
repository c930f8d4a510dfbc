import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneAnalysis

/// Attention to the moments of a sound, which are more than the columns of a picture.
@Suite struct AttentionPictureTests {
  /// Two tokens that listen to `count` moments: the first to one of them alone, the second to all alike.
  private func pattern(_ count: Int, loudest: Int) throws -> AttentionPattern {
    var weights = [Double](repeating: 0, count: 2 * count)
    weights[loudest] = 1
    for moment in 0..<count { weights[count + moment] = 1 / Double(count) }
    let sizes = try Configuration(
      vocabularySize: 2, contextLength: 2_000, width: 4, layerCount: 1, headCount: 1)
    return AttentionPattern(
      layer: 0, inputs: try Inputs(tokenIDs: [0, 1], configuration: sizes),
      keys: try Inputs(tokenIDs: [Int](repeating: 0, count: count), configuration: sizes),
      probabilities: Tensor(weights, shape: [1, 2, count]), isCausal: false)
  }

  @Test(arguments: [(128, 1), (129, 2), (1_500, 12)])
  func neighbouringMomentsAreOneColumnWithTheSumOfTheirWeights(_ count: Int, _ width: Int) throws {
    let picture = try AttentionPicture(
      try pattern(count, loudest: count - 1), heads: [0], labels: ["a", "b"], frameCount: count
    ).svg
    let cells = try ParsedXML(picture).attributes("rect").filter { $0["fill-opacity"] != nil }.map { cell in
      ["x", "y", "fill-opacity"].map { cell[$0].flatMap(Double.init) ?? .nan }
    }
    let rows = Dictionary(grouping: cells) { $0[1] }.sorted { $0.key < $1.key }.map(\.value)
    let columns = (count + width - 1) / width
    let listening = try #require(rows.first { $0.count == 1 }?.first)
    let even = try #require(rows.last { $0.count == columns })
    #expect(listening[2] == 1 && listening[0] == even.map { $0[0] }.max())
    let expected = Double(width) / Double(count)
    #expect(even.dropLast().allSatisfy { abs($0[2] - expected) <= 5e-4 })
    #expect(picture.contains("moments each") == (width > 1))
  }
}
