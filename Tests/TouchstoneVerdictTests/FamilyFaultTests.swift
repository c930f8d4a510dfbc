import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// The mistakes that people make in families whose blocks differ, that normalise heads or what a half makes, and that store
/// several projections in one matrix.
@Suite struct FamilyFaultTests {
  private static let sizes = """
    "vocab_size": 29, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 11, "rope_theta": 50
    """
  private static let own: [(family: String, fields: String)] = [
    (
      "qwen3",
      """
      "head_dim": 6, "use_sliding_window": true, "sliding_window": 4, "max_window_layers": 1
      """
    ),
    (
      "gemma3_text",
      """
      "head_dim": 6, "query_pre_attn_scalar": 5, "sliding_window": 5, "sliding_window_pattern": 2,
      "rope_local_base_freq": 20, "final_logit_softcapping": 2
      """
    ),
    ("olmo2", "\"rms_norm_eps\": 1e-5"),
    ("phi3", "\"partial_rotary_factor\": 0.67"),
  ]

  private static func weights(_ index: Int) throws -> Weights {
    let text = "{\"model_type\": \"\(own[index].family)\", \(sizes), \(own[index].fields)}"
    let architecture = try Architecture(huggingFaceJSON: Data(text.utf8), file: "config.json")
    return try SyntheticModel.probing.weights(
      of: architecture.graph, names: architecture.family.tensors, seed: UInt64(index + 1))
  }

  /// Each is planted at every place that it can spoil, and proven there unless it changes nothing.
  @Test(.clause("RMS-3", "GRA-4", "GRA-8"))
  func everyMistakeIsProvenWhereItIsMade() throws {
    var caught: Set<String> = []
    for index in Self.own.indices {
      let weights = try Self.weights(index)
      let inputs = try Inputs(tokenIDs: (0..<11).map { ($0 * 7 + 3) % 29 }, graph: weights.graph)
      for fault in Fault.familyFaults {
        for site in fault.sites(in: weights.graph).map(\.output) {
          let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
          let verdict = try Judge(weights: weights).verdict(on: capture)
          let first = verdict.flagged.first?.activation
          #expect(first == site, "\(fault) at \(site) of \(Self.own[index].family)")
          caught.insert(fault.id)
        }
      }
    }
    #expect(caught == Set(Fault.familyFaults.map(\.id)))
  }

  /// Models of GPT-2's and Llama's form have none of these places.
  @Test func otherFamiliesHaveNoneOfThem() throws {
    let graphs = [
      try Sample.visible.weights().graph,
      try Architecture(
        huggingFaceJSON: Data("{\"model_type\": \"llama\", \(Self.sizes)}".utf8), file: "config.json"
      ).graph,
    ]
    for graph in graphs {
      #expect(Fault.familyFaults.flatMap { $0.sites(in: graph) }.isEmpty)
    }
  }

  @Test func theirIDsAreTheirOwn() {
    let ids = Fault.catalogue.map(\.id)
    #expect(Set(ids).count == ids.count && Fault.familyFaults.count == 16)
  }
}
