import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// What a `config.json` of BERT, RoBERTa, DistilBERT, ModernBERT and CLIP's text encoder may say, and what their checkpoints hold besides.
@Suite struct EncoderTests {
  private static let base: [String: [String: String]] = [
    "bert": [
      "vocab_size": "11", "hidden_size": "8", "num_hidden_layers": "1", "num_attention_heads": "2",
      "intermediate_size": "5",
    ],
    "roberta": [
      "vocab_size": "11", "hidden_size": "8", "num_hidden_layers": "1", "num_attention_heads": "2",
      "intermediate_size": "5", "max_position_embeddings": "12", "type_vocab_size": "1",
    ],
    "distilbert": ["vocab_size": "11", "dim": "8", "n_layers": "1", "n_heads": "2", "hidden_dim": "5"],
    "modernbert": [
      "vocab_size": "11", "hidden_size": "8", "num_hidden_layers": "4", "num_attention_heads": "2",
      "intermediate_size": "5",
    ],
    "clip_text_model": [
      "vocab_size": "11", "hidden_size": "8", "num_hidden_layers": "1", "num_attention_heads": "2",
      "intermediate_size": "5",
    ],
  ]

  private static func architecture(_ family: String, _ changes: [String: String] = [:]) throws -> Architecture
  {
    let fields = (base[family] ?? [:]).merging(changes) { $1 }.merging(["model_type": "\"\(family)\""]) { $1 }
    let lines = fields.filter { !$0.value.isEmpty }.map { "\"\($0)\": \($1)" }
    return try Architecture(
      huggingFaceJSON: Data("{\(lines.sorted().joined(separator: ", "))}".utf8), file: "config.json")
  }

  private static func has(_ graph: Graph, _ path: String) -> Bool {
    graph.operations.contains { $0.output.path == path }
  }

  @Test(
    .clause("GRA-6", "ENC-2"),
    arguments: [
      ("bert", "", [true, false, false]), ("bert", "BertForMaskedLM", [true, false, false]),
      ("bert", "BertForPreTraining", [true, true, true]), ("bert", "BertModel", [false, true, false]),
      ("bert", "BertForNextSentencePrediction", [false, true, true]),
      ("roberta", "RobertaForMaskedLM", [true, false, false]),
      ("roberta", "RobertaModel", [false, true, false]),
      ("distilbert", "DistilBertModel", [false, false, false]),
      ("modernbert", "ModernBertModel", [false, false, false]),
    ])
  func headsAreThoseOfTheArchitecture(family: String, name: String, expected: [Bool]) throws {
    let architecture = try Self.architecture(family, ["architectures": name.isEmpty ? "" : "[\"\(name)\"]"])
    let paths = ["final/logits", "final/pooled", "final/nsp_logits"]
    #expect(paths.map { Self.has(architecture.graph, $0) } == expected)
    #expect((architecture.graph.results.logits != nil) == expected[0])
    #expect(!architecture.graph.continuesText)
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == architecture.graph)
  }

  /// An id of 2 stood for the end where it was not; what is projected is said by the architecture.
  @Test(
    .clause("GRA-6", "ENC-3"),
    arguments: [
      ("2", "", .greatestID, true), ("7", "CLIPTextModelWithProjection", .firstOf(id: 7), true),
      ("", "CLIPTextModel", .firstOf(id: 49407), false),
    ] as [(String, String, PickedRow.Rule, Bool)])
  func endOfATextOfCLIP(end: String, name: String, rule: PickedRow.Rule, isProjected: Bool) throws {
    let architecture = try Self.architecture(
      "clip_text_model", ["eos_token_id": end, "architectures": name.isEmpty ? "" : "[\"\(name)\"]"])
    let graph = architecture.graph
    let picked = graph.operations.compactMap { $0.kind.payload as? PickedRow }
    #expect(picked.map(\.rule) == [rule])
    #expect(Self.has(graph, "final/projected") == isProjected)
    #expect(!graph.continuesText && graph.contextLength == 77)
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == graph)
  }

  /// Windows to both sides in all blocks but every third, or those that a list names; rotations of two bases.
  @Test(
    .clause("GRA-6", "GRA-8"),
    arguments: [
      ([:], [nil, 64, 64, nil]),
      (["local_attention": "7", "global_attn_every_n_layers": "2"], [nil, 3, nil, 3]),
      (
        [
          "layer_types":
            "[\"sliding_attention\", \"full_attention\", \"full_attention\", \"sliding_attention\"]",
          "local_attention": "10",
        ], [5, nil, nil, 5]
      ),
    ] as [([String: String], [Int?])])
  func windowsOfModernBERT(changes: [String: String], expected: [Int?]) throws {
    let graph = try Self.architecture(
      "modernbert", changes.merging(["local_rope_theta": "77", "global_rope_theta": "99"]) { $1 }
    ).graph
    let seen = graph.operations.compactMap { operation -> Visibility? in
      if case .probabilities(let kind) = operation.kind { kind.visibility } else { nil }
    }
    #expect(seen == expected.map { Visibility(isCausal: false, window: $0) })
    let bases = graph.operations.compactMap { operation -> Double? in
      if case .rotate(let kind) = operation.kind, operation.output.name == "q_rope" {
        kind.frequencies.theta
      } else {
        nil
      }
    }
    #expect(bases == expected.map { $0 == nil ? 99 : 77 })
    #expect(!Self.has(graph, "layers/000/ln_1") && Self.has(graph, "layers/001/ln_1"))
  }

  /// Positions that nobody gives are counted over what is no padding, which itself stands at its own id.
  @Test(.clause("POS-11")) func positionsOfRoBERTa() throws {
    let graph = try Self.architecture("roberta", ["pad_token_id": "2"]).graph
    #expect(graph.contextLength == 9)
    let inputs = try Inputs(tokenIDs: [2, 2, 5, 7, 2, 6], graph: graph)
    #expect(inputs.positionIDs == [2, 2, 3, 4, 2, 5])
    #expect(throws: BadInput.self) { try Inputs(tokenIDs: [Int](repeating: 5, count: 10), graph: graph) }
    let other = try Self.architecture("roberta").graph
    #expect(try Inputs(tokenIDs: [0, 5, 1], graph: other).positionIDs == [2, 3, 1])
  }

  @Test(.clause("ENC-1")) func typesAreChecked() throws {
    let graph = try Self.architecture("bert").graph
    #expect(try Inputs(tokenIDs: [1, 2], graph: graph).tokenTypeIDs == [0, 0])
    #expect(try Inputs(tokenIDs: [1, 2], tokenTypeIDs: [0, 1], graph: graph).tokenTypeIDs == [0, 1])
    #expect(throws: BadInput.self) { try Inputs(tokenIDs: [1, 2], tokenTypeIDs: [0, 2], graph: graph) }
    #expect(throws: BadInput.self) { try Inputs(tokenIDs: [1, 2], tokenTypeIDs: [0], graph: graph) }
    let without = try Self.architecture("distilbert").graph
    #expect(throws: BadInput.self) { try Inputs(tokenIDs: [1, 2], tokenTypeIDs: [0, 1], graph: without) }
    #expect(try Inputs(tokenIDs: [1, 2], tokenTypeIDs: [0, 0], graph: without).tokenTypeIDs == [0, 0])
  }

  /// Old files say gamma and beta, those of other heads hold more, and what ties may be stored again.
  @Test(.clause("GRA-7")) func checkpointsOfOtherHeadsAndOldNamesAreRead() throws {
    let architecture = try Self.architecture("bert")
    var tensors: [String: StoredTensor] = [:]
    for parameter in architecture.graph.parameters {
      let count = parameter.shape.reduce(1, *)
      let name = parameter.name.replacing("LayerNorm.weight", with: "LayerNorm.gamma")
        .replacing("LayerNorm.bias", with: "LayerNorm.beta")
      tensors[name] = StoredTensor(Tensor([Float](repeating: 0.5, count: count), shape: parameter.shape))
    }
    tensors["bert.pooler.dense.weight"] = StoredTensor(
      Tensor([Float](repeating: 1, count: 64), shape: [8, 8]))
    tensors["cls.seq_relationship.bias"] = StoredTensor(Tensor([Float](repeating: 1, count: 2), shape: [2]))
    tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"]
    _ = try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
    tensors["bert.encoder.layer.1.output.dense.bias"] = tensors["cls.predictions.bias"]
    #expect(throws: BadInput.self) {
      try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
    }
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      ("bert", "architectures", "[\"BertForTokenClassification\"]"), ("bert", "is_decoder", "true"),
      ("bert", "add_cross_attention", "true"), ("bert", "position_embedding_type", "\"relative_key\""),
      ("bert", "tie_word_embeddings", "false"), ("roberta", "architectures", "[\"RobertaForCausalLM\"]"),
      ("modernbert", "layer_types", "[\"full_attention\"]"), ("distilbert", "n_heads", "3"),
      ("clip_text_model", "architectures", "[\"CLIPModel\"]"),
    ])
  func whatCannotBeIsRefusedByName(family: String, field: String, value: String) {
    let error = #expect(throws: BadInput.self) { try Self.architecture(family, [field: value]) }
    #expect(error?.place?.contains(field) == true, "\(String(describing: error))")
  }

  /// An encoder continues no text, and says so.
  @Test(.clause("GEN-2")) func anEncoderIsAskedForNoNextToken() throws {
    let architecture = try Self.architecture("bert")
    var tensors: [String: StoredTensor] = [:]
    for parameter in architecture.graph.parameters {
      let count = parameter.shape.reduce(1, *)
      tensors[parameter.name] = StoredTensor(
        Tensor([Float](repeating: 0.5, count: count), shape: parameter.shape))
    }
    let weights = try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
    let error = #expect(throws: BadInput.self) {
      try ReferenceTransformer(weights).nextTokenLogits(after: [1, 2])
    }
    #expect(error?.problem.contains("sees what comes later") == true)
  }
}
