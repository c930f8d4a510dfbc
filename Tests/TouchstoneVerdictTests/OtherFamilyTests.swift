import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// Faults and honest arithmetic belong to kinds of operations: a family that is none of GPT-2's has both.
@Suite struct OtherFamilyTests {
  /// A Llama with everything that Llamas have; of four heads of queries, and as many of keys as is said.
  private static func llama(
    stretched scaling: String = """
    {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
     "original_max_position_embeddings": 16}
    """, keyHeads: Int = 2
  ) throws -> Architecture {
    let text = """
      {"model_type": "llama", "vocab_size": 53, "hidden_size": 36, "num_hidden_layers": 2, "head_dim": 10,
       "num_attention_heads": 4, "num_key_value_heads": \(keyHeads), "intermediate_size": 41,
       "rms_norm_eps": 1e-5, "attention_bias": true, "tie_word_embeddings": false,
       "max_position_embeddings": 12, "rope_theta": 500.0, "rope_scaling": \(scaling)}
      """
    return try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json")
  }

  /// Every way to stretch rotary positions, in models where queries and keys have equally many heads, and in others.
  static let stretches: [(scaling: String, keyHeads: Int)] = [
    (
      """
      {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
       "original_max_position_embeddings": 16}
      """, 2
    ),
    ("{\"rope_type\": \"linear\", \"factor\": 3.0}", 1),
    ("{\"rope_type\": \"dynamic\", \"factor\": 3.0}", 2),
    (
      """
      {"rope_type": "yarn", "factor": 4.0, "beta_fast": 4.0, "beta_slow": 0.75,
       "original_max_position_embeddings": 64}
      """, 4
    ),
    (
      """
      {"rope_type": "longrope", "factor": 4.0, "original_max_position_embeddings": 8,
       "short_factor": [1, 1.25, 1.5, 2, 3], "long_factor": [1.5, 2, 4, 7, 9]}
      """, 2
    ),
  ]

  private func weights(_ kind: SyntheticModel, seed: UInt64) throws -> Weights {
    let architecture = try Self.llama()
    return try kind.weights(of: architecture.graph, names: architecture.family.tensors, seed: seed)
  }

  private func inputs(_ graph: Graph, isMasked: Bool) throws -> Inputs {
    try Inputs(
      tokenIDs: (0..<13).map { ($0 * 7 + 3) % 53 },
      attentionMask: isMasked ? (0..<13).map { $0 % 5 != 1 } : nil, graph: graph)
  }

  /// Each has its turn on one model, when all is asked for on two: of two families, and of two of the four kinds of weights.
  @Test(.clause("NUM-4", "GRA-1"), arguments: HonestArithmetic.ofFamilies.indices)
  func everyHonestArithmeticOfARandomModelIsConsistent(_ index: Int) throws {
    let arithmetic = HonestArithmetic.ofFamilies[index]
    for number in everyday([2 * index, 2 * index + 1], each: 2, from: index / Family.all.count) {
      let family = Family.all[number % Family.all.count]
      let kind = SyntheticModel.allCases[(number / Family.all.count + number) % 4]
      let model = RandomDecoder(family, kind: kind, width: 35 + number * 11 % 30, seed: UInt64(index))
      let weights = try model.weights()
      let inputs = try model.inputs(weights.graph)
      let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
      let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(arithmetic), \(model): \(verdict.flagged)")
    }
  }

  /// Of every family models are drawn, and hardly two alike.
  @Test(.clause("GRA-1"), arguments: Family.all.map(\.name))
  func aRandomModelOfEveryFamilyCanBeDrawn(_ name: String) throws {
    let family = try #require(Family.all.first { $0.name == name })
    let graphs = try (1...12 as ClosedRange<UInt64>).map { seed in
      try RandomDecoder(family, width: 35 + Int(seed), seed: seed).architecture()
    }
    #expect(Set(graphs.map(\.configJSON)).count == 12)
    #expect(
      graphs.allSatisfy {
        // What is given vectors is blocks alone.
        $0.family.name == name
          && $0.graph.operations.last?.output.path.hasPrefix("final/") == !$0.graph.arrays.contains(.hidden)
      })
  }

  /// Between them these models show every fault that Llamas have and GPT-2 has not.
  @Test(.clause("GRA-1")) func everyFaultOfALlamasKindsIsCaught() throws {
    let other = Set(Fault.catalogue(of: try Sample.visible.weights().graph).map(\.id))
    var (own, caught): (Set<String>, Set<String>) = ([], [])
    for (index, stretch) in Self.stretches.enumerated() {
      let architecture = try Self.llama(stretched: stretch.scaling, keyHeads: stretch.keyHeads)
      let weights = try SyntheticModel.probing.weights(
        of: architecture.graph, names: architecture.family.tensors, seed: UInt64(index))
      let inputs = try Inputs(
        tokenIDs: (0..<13).map { ($0 * 7 + 3) % 53 }, positionIDs: (0..<13).map { 5 + $0 },
        attentionMask: (0..<13).map { $0 % 5 != 1 }, graph: weights.graph)
      let table = try PowerTable(weights: weights, inputs: inputs, temperature: 0.7)
      #expect(table.falseAlarms.isEmpty)
      #expect(table.total().share > 0.9, "\(table.total()), surviving \(table.survivors)")
      own.formUnion(Fault.catalogue(of: weights.graph).map(\.id).filter { !other.contains($0) })
      caught.formUnion(table.entries.filter(\.isCaught).map(\.fault))
    }
    #expect(own.count >= 60, "\(own.count)")
    #expect(own.subtracting(caught).isEmpty, "\(own.subtracting(caught).sorted())")
  }

  @Test(.clause("GRA-1")) func theCauseOfAMistakeOfRotaryPositionsIsNamed() throws {
    let weights = try weights(.probing, seed: 4)
    let inputs = try inputs(weights.graph, isMasked: false)
    for id in ["rotary.other-pairs", "rotary.not-stretched", "rotary.one-later", "gate.exchanged"] {
      let fault = try #require(Fault.named(id))
      let site = try #require(fault.sites(in: weights.graph).first?.output)
      let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
      let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
      #expect(verdict.flagged.first?.activation == site, "\(id)")
      #expect(
        verdict.cause.map { [$0.id] + $0.equivalents }?.contains(id) == true, "\(id): \(verdict.cause as Any)"
      )
    }
  }
}
