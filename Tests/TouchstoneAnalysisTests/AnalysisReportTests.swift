import Foundation
import Testing
import TouchstoneAnalysis
import TouchstoneCheckpoints
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneReports
import TouchstoneTestSupport
import TouchstoneTokenizer

/// The trained model of the checkout and a text with everything in it that markup could misread.
struct AnalysedModel {
  static let text = "<b>&amp; \"it's\"\n\u{1b}[1m é"

  let reference: ReferenceTransformer
  let tokenizer: Tokenizer
  let tokens: [Int]
  var text: TokenText { TokenText(tokenizer) }

  init() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "golden/models/shakespeare-gpt2")
    reference = ReferenceTransformer(try Checkpoint(directory: folder).weights)
    tokenizer = try Tokenizer(folder: folder.path)
    tokens = try tokenizer.encode(Self.text)
  }

  func pattern(layer: Int = 1, count: Int? = nil) throws -> AttentionPattern {
    let inputs = try Inputs(
      tokenIDs: Array(tokens.prefix(count ?? tokens.count)), graph: reference.graph)
    return try AttentionPattern(of: reference, inputs: inputs, layer: layer)
  }

  func table(_ options: SamplingOptions, count: Int = 5) throws -> NextTokenTable {
    try NextTokenTable(logits: reference.nextTokenLogits(after: tokens), options: options, count: count)
  }
}

/// The members of a JSON object.
private func members(_ json: String) throws -> [String: JSONValue] {
  try #require(try JSONValue.parse(Data(json.utf8), file: "report").object)
}

/// Whether a text would move the cursor or break a line.
private func holdsControls(_ text: String) -> Bool {
  text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" }
}

@Suite struct CensusReportTests {
  private func gpt3() throws -> CensusReport {
    CensusReport(
      name: "gpt3", configuration: try Configuration(Preset.named("gpt3").architecture.graph))
  }

  @Test func aPersonReadsTheKnownTotals() throws {
    let lines = try gpt3().terminal().split(separator: "\n").map(String.init)
    for (words, ending) in [
      ("embedding", "617,558,016    0.35%"), ("key ", "14,495,514,624    8.27%"),
      ("the eight families", "27,938 175,181,291,520 100.00%"),
      ("all, unembedding of its own", "175,221,817,344"),
      ("all, unembedding tied", "174,604,259,328 this model"),
    ] {
      let line = try #require(lines.first { $0.hasPrefix(words) })
      let squeezed = line.split(separator: " ").joined(separator: " ")
      #expect(squeezed.hasSuffix(ending.split(separator: " ").joined(separator: " ")), "\(line)")
    }
  }

  @Test(arguments: [
    ("gpt2-124m", 124_439_808), ("gpt2-medium", 354_823_168), ("gpt2-large", 774_030_080),
    ("gpt2-xl", 1_557_611_200),
  ])
  func theSizesOfGPT2HaveTheirPublishedNumberOfParameters(preset: String, count: Int) throws {
    let configuration = try Configuration(Preset.named(preset).architecture.graph)
    #expect(ParameterCensus(configuration).storedWeights == count)
  }

  @Test func aProgramReadsTheSameTotals() throws {
    let object = try members(gpt3().json())
    #expect(object["matrices"] == .integer(27938))
    #expect(object["matrix_weights"] == .integer(175_181_291_520))
    #expect(object["weights"] == .integer(175_221_817_344))
    #expect(object["tied_weights"] == .integer(174_604_259_328))
    #expect(object["stored_weights"] == .integer(174_604_259_328))
    guard case .array(let families) = object["families"] else { throw BadInput(problem: "no families") }
    #expect(families.count == 8)
  }
}

@Suite struct AttentionReportTests {
  private static let ink = "#1f4e9c"

  @Test func thePictureHasASquareForEachVisiblePairOfEachHead() throws {
    let model = try AnalysedModel()
    let pattern = try model.pattern()
    let drawing = try ParsedXML(AttentionReport(pattern, heads: [0, 3], text: model.text).svg())
    let visible = [0, 3].reduce(0) { count, head in count + pattern.head(head).values.count { $0 >= 0.0005 } }
    #expect(drawing.attributes("rect").count { $0["fill"] == Self.ink } == visible)
    #expect(drawing.text.contains("<") && drawing.text.contains("&") && drawing.text.contains("\\u{1b}"))
  }

  @Test func everyRowOfTheWeightsSumsToOne() throws {
    let pattern = try AnalysedModel().pattern()
    for head in 0..<pattern.headCount {
      for query in 0..<pattern.inputs.count {
        #expect(abs(pattern.head(head).row(query).reduce(0, +) - 1) < 1e-14)
      }
    }
  }

  @Test func aPersonReadsThreeKeysAtMostForEachToken() throws {
    let model = try AnalysedModel()
    let text = try AttentionReport(model.pattern(count: 2), heads: [2], text: model.text).terminal()
    let lines = text.split(separator: "\n")
    #expect(lines.count == 3 && lines[0].contains("layer 1, head 2"))
    #expect(lines[1].contains("100.0%"))
  }

  @Test func aProgramReadsEveryWeight() throws {
    let model = try AnalysedModel()
    let object = try members(AttentionReport(model.pattern(count: 3), heads: [1], text: model.text).json())
    guard case .array(let heads) = object["heads"], case .array(let rows) = heads.first?.object?["weights"]
    else {
      throw BadInput(problem: "no weights")
    }
    #expect(rows.count == 3)
  }

  @Test(arguments: [-1, 4])
  func whatIsNotThereIsRefused(index: Int) throws {
    let model = try AnalysedModel()
    #expect(throws: BadInput.self) { try model.pattern(layer: index) }
    let pattern = try model.pattern()
    #expect(throws: BadInput.self) { try AttentionReport(pattern, heads: [index], text: model.text) }
  }
}

@Suite struct NextTokenReportTests {
  @Test func thePictureHasABarForEachTokenAndOneForTheOthers() throws {
    let model = try AnalysedModel()
    let report = NextTokenReport(try model.table(SamplingOptions(topK: 2)), text: model.text)
    let drawing = try ParsedXML(report.svg())
    #expect(drawing.attributes("rect").count { $0["fill"] == "#1f4e9c" } == 5 * 5)
    #expect(drawing.attributes("rect").count { $0["fill"] == "#999" } == 5)
    #expect(drawing.text.contains("T = 1.0, top 2"))
  }

  @Test func aPersonReadsOneColumnForEachTemperature() throws {
    let model = try AnalysedModel()
    let table = try model.table(SamplingOptions(temperature: 0.9, topP: 0.5))
    let text = NextTokenReport(table, text: model.text).terminal()
    let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(lines[0] == ["temperature", "0.2", "0.7", "0.9", "1.0", "1.5", "0.9"])
    #expect(lines[1] == ["top-p", "0.5"])
    #expect(lines.count == 2 + 5 + 3)
    #expect(!holdsControls(text))
  }

  @Test func aProgramReadsProbabilitiesThatSumToOne() throws {
    let model = try AnalysedModel()
    let object = try members(NextTokenReport(model.table(SamplingOptions()), text: model.text).json())
    guard case .array(let columns) = object["columns"] else { throw BadInput(problem: "no columns") }
    for column in columns {
      guard case .array(let shown) = column.object?["probabilities"],
        case .number(let others) = column.object?["others"]
      else { throw BadInput(problem: "no probabilities") }
      let total = shown.reduce(others) { sum, value in
        if case .number(let number) = value { sum + number } else { sum }
      }
      #expect(abs(total - 1) < 1e-12)
    }
  }
}

@Suite struct ScoreReportTests {
  private func score(_ model: AnalysedModel) throws -> TextScore {
    try TextScore(tokens: model.tokens, transformer: model.reference)
  }

  @Test func thePictureShadesEveryTokenByItsLoss() throws {
    let model = try AnalysedModel()
    let report = ScoreReport(try score(model), text: model.text)
    let drawing = try ParsedXML(report.svg(first: model.tokens[0]))
    let shades = drawing.attributes("rect").filter { $0["fill"] == "#1f4e9c" }.map { $0["fill-opacity"] }
    #expect(shades.count == model.tokens.count)
    #expect(shades[0] == "0" && Set(shades).count > 5)
  }

  @Test func aPersonReadsEachTokenAndTheMeans() throws {
    let model = try AnalysedModel()
    let score = try score(model)
    let report = ScoreReport(score, text: model.text)
    let lines = report.terminal().split(separator: "\n")
    #expect(lines.count == 1 + score.predictions.count + 2)
    #expect(report.terminal(withTokens: false).split(separator: "\n").count == 2)
    #expect(!holdsControls(report.terminal()))
    #expect(report.terminal().contains(String(format: "perplexity %.2f", score.perplexity)))
  }

  @Test func bitsAByteAreTheWholeLossOverTheWholeText() throws {
    let model = try AnalysedModel()
    let score = try score(model)
    let object = try members(ScoreReport(score, text: model.text).json(withTokens: false))
    let bytes = AnalysedModel.text.utf8.count - (try model.tokenizer.token(model.tokens[0]).count)
    let expected = score.predictions.map(\.loss).reduce(0, +) / log(2.0) / Double(bytes)
    guard case .number(let found) = object["bits_per_byte"] else { throw BadInput(problem: "no bits") }
    #expect(abs(found - expected) < 1e-12)
    #expect(object["tokens"] == nil)
  }

  @Test func aTextTooLongForOnePictureIsRefused() throws {
    let model = try AnalysedModel()
    let tokens = (0..<4100).map { $0 % 7 }
    let score = try TextScore(tokens: tokens, transformer: UniformModel(graph: model.reference.graph))
    let report = ScoreReport(score, text: model.text)
    #expect(throws: BadInput.self) { try report.svg(first: tokens[0]) }
  }
}

/// Predicts every token with the same probability.
private struct UniformModel: Transformer {
  let graph: Graph

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) throws {
    let shape = graph.shape(of: Activation(.logits), tokenCount: inputs.count) ?? []
    try observe(Activation(.logits), Tensor(repeating: 0, shape: shape))
  }
}

@Suite struct EmbeddingReportTests {
  @Test func neighboursAndDirectionsAreNamedByTheirTokens() throws {
    let model = try AnalysedModel()
    let space = try EmbeddingSpace(model.reference.weights)
    let words = try ["thou", "thy", "you", "your"].map { try Word($0, in: model.tokenizer) }
    let near = try space.nearest(to: space.vector(words[0].token), by: .cosine, count: 2)
    let report = NeighboursReport(point: "\" thou\"", similarity: .cosine, neighbours: near, text: model.text)
    #expect(report.terminal().split(separator: "\n")[2].hasPrefix(" 1.000  \" thou\""))
    #expect(try members(report.json())["similarity"] == .string("cosine"))

    let direction = DirectionReport(from: words[0], to: words[1], pairs: [(words[2], words[3])], space: space)
    #expect(direction.terminal().hasSuffix("1 of 1 pair lies along it\n"))
    #expect(try members(direction.json())["along"] == .integer(1))
  }
}
