import Testing
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

/// Which of the inputs differ, and where first; and the next tokens of two captures of the same ones.
@Suite struct SequenceTests {
  private struct Source: ActivationSource {
    var recorded: RecordedActivations
    var givesPositions = true

    var graph: Graph { recorded.graph }
    var inputs: Inputs { recorded.inputs }
    func storedType(of activation: Activation) -> ScalarType? { recorded.storedType(of: activation) }
    func storedShape(of activation: Activation) -> [Int]? { recorded.storedShape(of: activation) }
    func tensor(_ activation: Activation) -> Tensor<Double>? { recorded.tensor(activation) }
  }

  private static let configuration = try? Configuration(
    vocabularySize: 9, contextLength: 8, width: 4, layerCount: 1, headCount: 2)

  private func source(
    _ tokens: [Int] = [1, 2, 3, 4], _ positions: [Int]? = nil, mask: [Bool]? = nil,
    givesPositions: Bool = true,
    logits: Tensor<Double>? = nil
  ) throws -> Source {
    let configuration = try #require(Self.configuration)
    var recorded = RecordedActivations(
      graph: configuration.graph,
      inputs: try Inputs(
        tokenIDs: tokens, positionIDs: positions, attentionMask: mask, configuration: configuration))
    recorded.tensors[Activation(.logits)] = logits
    return Source(recorded: recorded, givesPositions: givesPositions)
  }

  private func refusal(_ capture: Source, _ golden: Source) throws -> String {
    try #require(throws: BadInput.self) { try Judge(weights: nil).verdict(on: capture, golden: golden) }
      .description
  }

  @Test func theFirstDifferenceIsNamed() throws {
    let padded = try source([1, 2, 3, 4], [0, 0, 1, 2], mask: [false, true, true, true])
    let own = try refusal(try source(mask: [false, true, true, true]), padded)
    #expect(own.contains("position_ids"))
    #expect(own.contains("from token 1 on (1 instead of 0); token_ids and attention_mask agree"), "\(own)")
    #expect(own.contains("does not skip masked tokens"), "\(own)")
    let absent = try refusal(try source(mask: [false, true, true, true], givesPositions: false), padded)
    #expect(
      absent.contains("is not recorded, which stands for 0…3, where the golden has others from token 1 on"))
    let tokens = try refusal(try source([1, 2, 5, 4]), try source())
    #expect(tokens.contains("inputs/token_ids") && tokens.contains("from token 2 on (5 instead of 3)"))
    let all = try refusal(try source([1, 2, 5]), padded)
    #expect(
      all.contains("3 instead of 4 tokens") && all.contains("so does position_ids and attention_mask"),
      "\(all)")
    let mask = try refusal(try source(mask: [true, true, false, true]), try source())
    #expect(mask.contains("attention_mask: differs from that of the golden from token 2 on (0 instead of 1)"))
    _ = try Judge(weights: nil).verdict(on: try source(mask: [true, true, true, true]), golden: try source())
  }

  @Test(arguments: [1e300, 0, -1, .nan, .infinity, 1e-4, 1001])
  func aTemperatureThatSaysNothingIsRefused(_ temperature: Double) throws {
    var capture = try source()
    capture.recorded.temperature = temperature
    #expect(throws: BadInput.self) { try Judge(weights: nil).verdict(on: capture.recorded) }
  }

  @Test func theLineOnTheNextTokenSpeaksOfTheCapture() throws {
    func logits(_ greatest: [Int]) -> Tensor<Double> {
      Tensor(greatest.flatMap { id in (0..<9).map { $0 == id ? 5.0 : 0 } }, shape: [greatest.count, 9])
    }
    let golden = try source(logits: logits([1, 2, 3, 4]))
    func line(_ value: Tensor<Double>?) throws -> String? {
      try NextTokens(of: try source(logits: value), golden: golden)?.sentence
    }
    #expect(
      try line(logits([1, 2, 3, 4]))
        == "Next token: the capture's arg max is the golden's at 4 of 4 positions.")
    #expect(
      try line(logits([1, 0, 3, 0]))
        == "Next token: the capture's arg max is another at 2 of 4 positions (1, 3).")
    #expect(
      try line(logits([0, 0, 0, 0])) == "Next token: the capture's arg max is another at 4 of 4 positions.")
    #expect(try line(nil) == nil)
    #expect(try line(Tensor(repeating: 0, shape: [3, 9])) == nil)
    var poisoned = logits([1, 2, 3, 4])
    poisoned.values[20] = .nan
    #expect(
      try line(poisoned)?.contains("at 1 of 4 positions the capture's logits are not all finite") == true)
  }

  @Test func tiesWithinRoundingAreTold() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let golden = try Golden(weights, inputs)
    var capture = golden.recorded
    capture.precision = .float32
    let certain = try #require(try NextTokens(of: capture, golden: golden))
    #expect(certain.ties != nil && certain.differing.isEmpty)
    #expect(certain.sentence?.contains("at 13 of 13 positions, and certain at ") == true)
    let logits = Activation(.logits)
    capture.tensors[logits] = capture.tensors[logits].map { Tensor($0.values.map { -$0 }, shape: $0.shape) }
    let other = try #require(try NextTokens(of: capture, golden: golden)?.sentence)
    #expect(other.contains("another at 13 of 13 positions; rounding explains"), "\(other)")
    capture.precision = Precision(.bfloat16)
    #expect(try NextTokens(of: capture, golden: golden)?.ties == nil)
  }
}
