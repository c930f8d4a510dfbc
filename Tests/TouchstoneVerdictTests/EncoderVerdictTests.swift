import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// Encoders judged: every token sees all, types are added, one row stands for the text.
@Suite struct EncoderVerdictTests {
  static let models = [
    """
    {"model_type": "bert", "vocab_size": 29, "hidden_size": 18, "num_hidden_layers": 2, "num_attention_heads": 3,
     "intermediate_size": 11, "max_position_embeddings": 32, "architectures": ["BertForPreTraining"]}
    """,
    """
    {"model_type": "roberta", "vocab_size": 29, "hidden_size": 18, "num_hidden_layers": 2, "num_attention_heads": 3,
     "intermediate_size": 11, "max_position_embeddings": 32, "type_vocab_size": 1}
    """,
    """
    {"model_type": "modernbert", "vocab_size": 29, "hidden_size": 20, "num_hidden_layers": 2,
     "num_attention_heads": 2, "intermediate_size": 11, "local_attention": 6, "global_attn_every_n_layers": 2}
    """,
    """
    {"model_type": "clip_text_model", "vocab_size": 29, "hidden_size": 18, "num_hidden_layers": 2,
     "num_attention_heads": 3, "intermediate_size": 11, "max_position_embeddings": 32, "projection_dim": 7,
     "eos_token_id": 17}
    """,
  ]

  private static func weights(_ text: String, _ kind: SyntheticModel = .probing, seed: UInt64) throws
    -> Weights
  {
    let architecture = try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json")
    return try kind.weights(of: architecture.graph, names: architecture.family.tensors, seed: seed)
  }

  private static func inputs(_ graph: Graph, isMasked: Bool = false) throws -> Inputs {
    try Inputs(
      tokenIDs: (0..<11).map { ($0 % 7 * 7 + 3) % 29 },
      attentionMask: isMasked ? (0..<11).map { $0 < 8 } : nil,
      tokenTypeIDs: graph.idCount(of: .tokenTypeIDs).map { count in (0..<11).map { $0 / 6 % count } },
      graph: graph)
  }

  @Test(
    .clause("NUM-4", "ENC-1", "ENC-2", "ENC-3"),
    arguments: everyday(HonestArithmetic.ofFamilies.indices, each: 2))
  func everyHonestArithmeticIsConsistent(_ index: Int) throws {
    let model = Self.models[index % Self.models.count]
    let kind = SyntheticModel.allCases[index % SyntheticModel.allCases.count]
    let weights = try Self.weights(model, kind, seed: UInt64(60 + index))
    let inputs = try Self.inputs(weights.graph, isMasked: index % 2 == 1)
    let arithmetic = HonestArithmetic.ofFamilies[index]
    let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
    let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(arithmetic), \(kind), seed \(60 + index): \(verdict.flagged)")
  }

  /// Each is planted where it can be, proven there, and named.
  @Test(.clause("ENC-1", "ENC-2", "ENC-3", "POS-11"), arguments: models.indices)
  func everyMistakeOfEncodersIsFound(_ index: Int) throws {
    let weights = try Self.weights(Self.models[index], seed: UInt64(70 + index))
    let inputs = try Self.inputs(weights.graph, isMasked: true)
    let faults = Fault.catalogue(of: weights.graph).filter { fault in
      ["token-type.", "pooling.", "mask.causal", "position.from-zero"].contains(where: fault.id.hasPrefix)
    }
    #expect(faults.count == [8, 5, 1, 8][index])
    for fault in faults {
      guard let site = fault.sites(in: weights.graph).first?.output else { continue }
      let right = RecordedActivations(weights: weights, inputs: inputs)
      let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
      // With one type all are the first.
      guard capture.tensors[site] != right.tensors[site] else { continue }
      let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
      #expect(verdict.flagged.first?.activation == site, "\(fault)")
      let named = verdict.cause.map { [$0.id] + $0.equivalents } ?? []
      #expect(named.contains(fault.id), "\(fault) at \(site): \(named)")
    }
  }

  @Test(.clause("GRA-1"), arguments: models.indices) func mostFaultsOfAnEncoderAreCaught(_ index: Int) throws
  {
    let weights = try Self.weights(Self.models[index], seed: UInt64(80 + index))
    let inputs = try Self.inputs(weights.graph, isMasked: true)
    let table = try PowerTable(weights: weights, inputs: inputs, temperature: 0.7)
    #expect(table.falseAlarms.isEmpty)
    #expect(table.total().share > 0.9, "\(table.total()), surviving \(table.survivors)")
  }
}
