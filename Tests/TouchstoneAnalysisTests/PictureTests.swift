import Foundation
import Testing
import TouchstoneAnalysis
import TouchstoneModel
import TouchstoneReference

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What an SVG document holds, read by an XML parser.
private final class Drawing: NSObject, XMLParserDelegate {
  private(set) var elements: [(name: String, attributes: [String: String])] = []
  private(set) var texts: [String] = []

  init(_ svg: String) throws {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    let isWellFormed = parser.parse()
    try #require(isWellFormed, "not well-formed XML: \(svg)")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append((name, attributes))
    texts.append("")
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    texts[texts.count - 1] += text
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    texts.append("")
  }

  func count(_ name: String, fill: String) -> Int {
    elements.count { $0.name == name && $0.attributes["fill"] == fill }
  }
}

@Suite struct PictureTests {
  /// Texts that XML would misread.
  static let labels = ["<b>", "&amp;", "\"'", "·", "\u{0}x"]
  private static let ink = "#1f4e9c"

  private func pattern(tokens: [Int], layer: Int = 1) throws -> AttentionPattern {
    let configuration = try Configuration(
      vocabularySize: 5, contextLength: 300, width: 6, layerCount: 2, headCount: 3)
    let reference = try ReferenceTransformer(TestWeights.random(configuration, seed: 11))
    let inputs = try Inputs(tokenIDs: tokens, configuration: configuration)
    return try AttentionPattern(of: reference, inputs: inputs, layer: layer)
  }

  @Test func attentionDrawsASquareForEachVisiblePairOfEachHead() throws {
    let pattern = try pattern(tokens: [0, 1, 2, 3, 4])
    let drawing = try Drawing(AttentionPicture(pattern, heads: [0, 2], labels: Self.labels).svg)
    let visible = [0, 2].reduce(0) { count, head in
      count + pattern.head(head).values.count { $0 >= 0.0005 }
    }
    #expect(drawing.count("rect", fill: Self.ink) == visible)
    #expect(drawing.texts.contains("<b>") && drawing.texts.contains("&amp;") && drawing.texts.contains("x"))
  }

  @Test func attentionRowsSumToOne() throws {
    let pattern = try pattern(tokens: [4, 4, 0])
    for head in 0..<pattern.headCount {
      for query in 0..<3 {
        #expect(abs(pattern.head(head).row(query).reduce(0, +) - 1) < 1e-15)
      }
    }
  }

  @Test(arguments: [-1, 2])
  func aLayerThatIsNotThereIsRefused(layer: Int) {
    #expect(throws: BadInput.self) { try pattern(tokens: [0], layer: layer) }
  }

  @Test func attentionOverTooManyTokensIsRefused() throws {
    let labels = [String](repeating: "a", count: 257)
    let pattern = try pattern(tokens: [Int](repeating: 0, count: 257))
    #expect(throws: BadInput.self) { try AttentionPicture(pattern, heads: [0], labels: labels) }
  }

  @Test func theDistributionHasABarForEachTokenAndForTheOthers() throws {
    let table = try NextTokenTable(
      logits: [0, 1, 2, 3, 4, 5], options: SamplingOptions(topK: 2), count: 5)
    let drawing = try Drawing(NextTokenPicture(table, labels: Self.labels).svg)
    #expect(drawing.count("rect", fill: Self.ink) == 5 * 5)
    #expect(drawing.count("rect", fill: "#999") == 5)
    #expect(drawing.texts.contains("T = 1.0, top 2"))
  }

  @Test func aScoredTextShadesEveryTokenByItsLoss() throws {
    let configuration = try Configuration(
      vocabularySize: 5, contextLength: 4, width: 6, layerCount: 1, headCount: 3)
    let reference = try ReferenceTransformer(TestWeights.random(configuration, seed: 12))
    let score = try TextScore(tokens: [0, 1, 2, 3, 4], transformer: reference)
    let drawing = try Drawing(ScorePicture(score, labels: Self.labels).svg)
    #expect(drawing.count("rect", fill: Self.ink) == 5)
    let first = drawing.elements.first { $0.attributes["fill"] == Self.ink }
    #expect(first?.attributes["fill-opacity"] == "0")
  }

  @Test func aTextTooLongForOnePictureIsRefused() throws {
    let configuration = try Configuration(
      vocabularySize: 5, contextLength: 4, width: 6, layerCount: 1, headCount: 3)
    let reference = try ReferenceTransformer(TestWeights.random(configuration, seed: 12))
    let score = try TextScore(tokens: [0, 1], transformer: reference)
    let labels = [String](repeating: "a", count: ScorePicture.greatestTokenCount + 1)
    #expect(throws: BadInput.self) { try ScorePicture(score, labels: labels) }
  }
}
