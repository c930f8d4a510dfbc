import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Encoder-decoders judged: a source of another length, attention to it, biases by distance, sines and cosines.
@Suite struct EncoderDecoderTests {
  static let models = [
    """
    {"model_type": "t5", "vocab_size": 29, "d_model": 18, "num_layers": 2, "num_heads": 3, "d_kv": 5, "d_ff": 11,
     "relative_attention_num_buckets": 8, "relative_attention_max_distance": 12}
    """,
    """
    {"model_type": "bart", "vocab_size": 29, "d_model": 18, "encoder_layers": 1, "decoder_layers": 2,
     "encoder_attention_heads": 3, "decoder_attention_heads": 2, "encoder_ffn_dim": 11, "decoder_ffn_dim": 9,
     "max_position_embeddings": 40}
    """,
    """
    {"model_type": "marian", "vocab_size": 29, "d_model": 18, "encoder_layers": 1, "decoder_layers": 1,
     "encoder_attention_heads": 2, "decoder_attention_heads": 3, "encoder_ffn_dim": 11, "decoder_ffn_dim": 9,
     "scale_embedding": true, "activation_function": "swish", "share_encoder_decoder_embeddings": false}
    """,
    """
    {"model_type": "t5", "vocab_size": 29, "d_model": 16, "num_layers": 1, "num_heads": 2, "d_kv": 6, "d_ff": 11,
     "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false}
    """,
  ]

  private static func weights(_ text: String, _ kind: SyntheticModel = .probing, seed: UInt64) throws
    -> Weights
  {
    let architecture = try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json")
    return try kind.weights(of: architecture.graph, names: architecture.family.tensors, seed: seed)
  }

  /// A source longer than the answer, or shorter, with masked tokens.
  private static func inputs(_ graph: Graph, source: Int = 13, isMasked: Bool = false) throws -> Inputs {
    let read = try Inputs.source(
      tokenIDs: (0..<source).map { ($0 * 5 + 2) % 29 },
      attentionMask: isMasked ? (0..<source).map { $0 != 1 && $0 < source - 2 } : nil, graph: graph)
    return try Inputs(
      tokenIDs: (0..<10).map { ($0 * 7 + 3) % 29 }, attentionMask: isMasked ? (0..<10).map { $0 != 4 } : nil,
      source: read, graph: graph)
  }

  @Test(.clause("NUM-4", "TWO-1", "TWO-2"), arguments: everyday(HonestArithmetic.ofFamilies.indices, each: 2))
  func everyHonestArithmeticIsConsistent(_ index: Int) throws {
    let model = Self.models[index % Self.models.count]
    let kind = SyntheticModel.allCases[index % SyntheticModel.allCases.count]
    let weights = try Self.weights(model, kind, seed: UInt64(160 + index))
    let inputs = try Self.inputs(weights.graph, source: index % 2 == 0 ? 13 : 7, isMasked: index % 3 == 1)
    let arithmetic = HonestArithmetic.ofFamilies[index]
    let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
    let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(arithmetic), \(kind), seed \(160 + index): \(verdict.flagged)")
  }

  /// Each is planted where it can be, proven there, and named.
  @Test(.clause("TWO-2", "TWO-3", "TWO-4", "TWO-5"), arguments: models.indices)
  func everyMistakeOfEncoderDecodersIsFound(_ index: Int) throws {
    let weights = try Self.weights(Self.models[index], seed: UInt64(170 + index))
    let inputs = try Self.inputs(weights.graph, isMasked: true)
    let faults = Fault.catalogue(of: weights.graph).filter { fault in
      ["relative-bias.", "sinusoid.", "mask.causal", "mask.padding-ignored", "attention.bias-"].contains(
        where: fault.id.hasPrefix)
    }
    #expect(faults.count > 1)
    let right = RecordedActivations(weights: weights, inputs: inputs)
    for fault in faults {
      for site in everyday(fault.sites(in: weights.graph).map(\.output), each: 2) {
        let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
        guard capture.tensors[site] != right.tensors[site] else { continue }
        let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
        #expect(verdict.flagged.first?.activation == site, "\(fault) at \(site)")
        let named = verdict.cause.map { [$0.id] + $0.equivalents } ?? []
        #expect(named.contains(fault.id), "\(fault) at \(site): \(named)")
      }
    }
  }

  @Test(.clause("GRA-1"), arguments: models.indices)
  func mostFaultsOfAnEncoderDecoderAreCaught(_ index: Int) throws {
    let weights = try Self.weights(Self.models[index], seed: UInt64(180 + index))
    let inputs = try Self.inputs(weights.graph, isMasked: true)
    let table = try PowerTable(weights: weights, inputs: inputs, temperature: 0.7)
    #expect(table.falseAlarms.isEmpty)
    #expect(table.total().share > 0.9, "\(table.total()), surviving \(table.survivors)")
  }

  /// The bucket of every distance beside the rule in whole numbers that need more than 64 bits.
  @Test(.clause("TWO-4"), arguments: [(32, 128, true), (32, 128, false), (8, 8, true), (10, 64, false)])
  func aBucketIsTheGreatestThatReaches(_ buckets: Int, _ distance: Int, _ isBothWays: Bool) {
    let kind = RelativeBias(
      buckets: buckets, greatestDistance: distance, isBothWays: isBothWays, ofSource: false)
    for n in 0..<distance + 3 {
      var wanted = n
      if n >= kind.exact {
        // ln n − ln e beside k/(side − e)·(ln M − ln e), in logarithms where they are far apart.
        let steps = kind.side - kind.exact
        let exact = log(Double(n) / Double(kind.exact)) * Double(steps)
        let whole = log(Double(distance) / Double(kind.exact))
        wanted = kind.exact + (0...steps).last { Double($0) * whole <= exact + 1e-9 }!
        wanted = min(wanted, kind.side - 1)
      }
      #expect(kind.bucket(of: -n) == wanted, "distance \(n)")
      if isBothWays, n > 0 { #expect(kind.bucket(of: n) == wanted + kind.side) }
    }
  }

  /// Where rounding reaches the edge of a bucket, both buckets are right; elsewhere one is.
  @Test(.clause("BND-40")) func anEdgeMayFallToEitherSide() {
    let kind = RelativeBias(buckets: 8, greatestDistance: 8, isBothWays: true, ofSource: false)
    let rounding = Rounding(.float32)
    // e = 2, M = 8: distances 4 and 8 stand on an edge.
    #expect(
      (0...9).map { kind.otherBucket(of: -$0, rounding) } == [nil, nil, nil, nil, 2, nil, nil, nil, nil, nil])
    #expect(kind.otherBucket(of: 4, rounding) == 6)
  }

  /// The bound of a wave, again from its clause.
  @Test(.clause("BND-41"), arguments: Sinusoid.Form.allCases)
  func theBoundOfAWaveIsThatOfItsClause(_ form: Sinusoid.Form) throws {
    let kind = Sinusoid(.positionIDs, width: 7, form: form)
    let inputs = try Self.inputs(try Self.weights(Self.models[0], seed: 1).graph)
    let site = JudgedSite(
      operation: Operation(kind.kind, Activation("embed/position")), activations: [], parameters: [],
      inputs: inputs, storedType: .float32)
    let estimate = kind.estimate(site, Rounding(.float32))
    let u = 0x1p-24
    for (offset, bound) in estimate.bounds.enumerated() {
      let (token, column) = (offset / 7, offset % 7)
      let pair = form == .interleaved ? column / 2 : column < 4 ? column : column - 4
      let exponent = 2 * Double(pair) / 7 * log(10_000)
      let ofAngle = (2 * exponent + 10) * u * Double(token) * exp(-exponent)
      let y = estimate.values.values[offset]
      let wanted = ofAngle * ((1 - y * y).squareRoot() + ofAngle / 2) + 4 * u + u * abs(y) + 0x1p-126
      #expect(abs(bound.det / wanted - 1) < 1e-9)
    }
  }

  @Test(.clause("TWO-1")) func aSourceIsGivenWhereThereIsAnEncoder() throws {
    let graph = try Self.weights(Self.models[0], seed: 1).graph
    #expect(throws: BadInput.self) { try Inputs(tokenIDs: [1], graph: graph) }
    #expect(throws: BadInput.self) { try Inputs.source(tokenIDs: [29], graph: graph) }
    #expect(throws: BadInput.self) { try Inputs.source(tokenIDs: [], graph: graph) }
    #expect(throws: BadInput.self) {
      try Inputs.source(tokenIDs: [1, 2], attentionMask: [true], graph: graph)
    }
    #expect(graph.inputs.contains(.encoderTokenIDs) && graph.readsSource && graph.continuesText)
    let cross = Activation("cross_probs", in: Activation.Block(0, of: "decoder/layers"))
    #expect(graph.shape(of: cross, in: try Self.inputs(graph)) == [3, 10, 13])
  }
}
