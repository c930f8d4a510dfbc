import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// What a `config.json` of ViT, of CLIP's pictures' half and of modulated blocks may say.
@Suite struct PictureFamilyTests {
  private static let base: [String: [String: String]] = [
    "vit": [
      "hidden_size": "8", "num_hidden_layers": "1", "num_attention_heads": "2", "intermediate_size": "5",
      "image_size": "6", "patch_size": "2",
    ],
    "clip_vision_model": [
      "hidden_size": "8", "num_hidden_layers": "1", "num_attention_heads": "2", "intermediate_size": "5",
      "image_size": "6", "patch_size": "2",
    ],
    "dit_block": ["hidden_size": "8", "num_hidden_layers": "2", "num_attention_heads": "2", "head_dim": "3"],
  ]

  private static func architecture(_ family: String, _ changes: [String: String] = [:]) throws -> Architecture
  {
    let fields = (base[family] ?? [:]).merging(changes) { $1 }.merging(["model_type": "\"\(family)\""]) { $1 }
    let lines = fields.filter { !$0.value.isEmpty }.map { "\"\($0)\": \($1)" }
    return try Architecture(
      huggingFaceJSON: Data("{\(lines.sorted().joined(separator: ", "))}".utf8), file: "config.json")
  }

  @Test(
    .clause("GRA-6", "PIC-2", "PIC-3"),
    arguments: [
      ("vit", [:], ["final/logits"], [1, 2]),
      ("vit", ["architectures": "[\"ViTModel\"]"], ["final/pooled"], [1, 8]),
      ("vit", ["id2label": "{\"0\": \"a\", \"1\": \"b\", \"2\": \"c\"}"], ["final/logits"], [1, 3]),
      ("vit", ["num_labels": "4"], ["final/logits"], [1, 4]),
      ("vit", ["architectures": "[\"ViTModel\"]", "pooler_output_size": "3"], ["final/pooled"], [1, 3]),
      ("clip_vision_model", [:], ["final/projected"], [1, 512]),
      ("clip_vision_model", ["projection_dim": "3"], ["final/projected"], [1, 3]),
      ("clip_vision_model", ["architectures": "[\"CLIPVisionModel\"]"], ["final/ln_f"], [1, 8]),
      ("vit", ["image_size": "[7, 9]", "patch_size": "[3, 2]"], ["embed/patches"], [8, 8]),
      ("vit", ["image_size": "7", "num_channels": "1"], ["inputs/pixel_values"], [1, 7, 7]),
      ("dit_block", [:], ["layers/001/mlp_pre"], [5, 32]),
      ("dit_block", ["ff_mult": "3"], ["layers/000/mlp_pre"], [5, 24]),
    ] as [(String, [String: String], [String], [Int])])
  func shapesAreThoseOfTheConfiguration(
    family: String, changes: [String: String], paths: [String], shape: [Int]
  ) throws {
    let architecture = try Self.architecture(family, changes)
    let graph = architecture.graph
    let activation = try #require(graph.operations.map(\.output).first { paths.contains($0.path) })
    let count = graph.selection(of: activation) == nil ? 5 : 1
    #expect(graph.shape(of: activation, tokenCount: count) == shape)
    #expect(!graph.continuesText && graph.results.logits == nil && graph.readsArrays)
    // What a golden stores gives the same graph.
    let again = try Architecture(huggingFaceJSON: Data(architecture.configJSON.utf8), file: "stored")
    #expect(again.graph == graph)
    #expect(try Graph(json: Data(graph.json.utf8)) == graph)
  }

  @Test(
    .clause("GRA-6"),
    arguments: [
      ("vit", "architectures", "[\"ViTForMaskedImageModeling\"]"), ("vit", "patch_size", "7"),
      ("vit", "image_size", "[6, 6, 6]"), ("vit", "image_size", "[6, 0]"),
      ("vit", "num_attention_heads", "3"),
      ("vit", "hidden_act", "\"mish\""), ("vit", "rope_theta", "100.0"),
      ("clip_vision_model", "architectures", "[\"CLIPModel\"]"), ("clip_vision_model", "patch_size", "8"),
      ("dit_block", "head_dim", ""), ("dit_block", "ff_mult", "0"),
    ])
  func whatCannotBeIsRefusedByName(family: String, field: String, value: String) {
    let error = #expect(throws: BadInput.self) { try Self.architecture(family, [field: value]) }
    #expect(error?.place?.contains(field) == true, "\(String(describing: error))")
  }

  /// The bare model's checkpoint leaves the root out.
  @Test(.clause("GRA-7")) func checkpointsOfTheBareModelAreRead() throws {
    let architecture = try Self.architecture("vit", ["architectures": "[\"ViTModel\"]"])
    var tensors: [String: StoredTensor] = [:]
    for parameter in architecture.graph.parameters {
      let values = [Float](repeating: 0.5, count: parameter.shape.reduce(1, *))
      tensors[String(parameter.name.dropFirst("vit.".count))] = StoredTensor(
        Tensor(values, shape: parameter.shape))
    }
    _ = try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
    tensors["embeddings.cls_token"] = StoredTensor(Tensor([Float](repeating: 1, count: 8), shape: [8]))
    #expect(throws: BadInput.self) {
      try Weights(graph: architecture.graph, names: architecture.family.tensors, tensors: tensors)
    }
  }
}
