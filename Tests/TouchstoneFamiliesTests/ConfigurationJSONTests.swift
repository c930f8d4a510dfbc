import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@Suite struct ConfigurationJSONTests {
  private static let sizes = [
    "vocab_size": "101", "n_positions": "19", "n_embd": "35", "n_layer": "3", "n_head": "5",
  ]

  /// Reads the five sizes with some members changed, added, or (nil) left out.
  private func configuration(_ changes: [String: String?] = [:]) throws(BadInput) -> Configuration {
    var members: [String: String?] = Self.sizes
    members.merge(changes) { _, new in new }
    let text = members.compactMap { name, value in value.map { "\"\(name)\": \($0)" } }
    return try Configuration(
      huggingFaceJSON: Data("{\(text.joined(separator: ", "))}".utf8), file: "config.json")
  }

  /// A model of another family has a graph, and no configuration of this form.
  @Test func aConfigurationOfAnotherFamilyIsRefused() {
    let text = """
      {"model_type": "llama", "vocab_size": 7, "hidden_size": 6, "num_hidden_layers": 1,
       "num_attention_heads": 1, "intermediate_size": 5}
      """
    let error = #expect(throws: BadInput.self) {
      try Configuration(huggingFaceJSON: Data(text.utf8), file: "config.json")
    }
    #expect(
      error?.description == "config.json: the model is not of the GPT-2 form; give a model of the gpt2 family"
    )
  }

  @Test(.clause("FFN-2", "FIL-2")) func sizesAloneHaveTheDefaultsOfGPT2Config() throws {
    let expected = try Configuration(
      vocabularySize: 101, contextLength: 19, width: 35, layerCount: 3, headCount: 5, feedForwardWidth: 140,
      activationFunction: .geluTanh, layerNormEpsilon: 1e-5, tiesEmbeddings: true, scalesScores: true,
      scalesScoresByLayer: false)
    #expect(try configuration() == expected)
    #expect(
      try configuration([
        "n_inner": "null", "activation_function": "null", "layer_norm_epsilon": "null",
        "tie_word_embeddings": "null", "scale_attn_weights": "null", "model_type": "null",
      ]) == expected)
  }

  @Test(.clause("FIL-2", "FFN-2")) func everyFieldOfTheArithmeticIsHonoured() throws {
    let actual = try configuration([
      "n_inner": "37", "activation_function": "\"gelu\"", "layer_norm_epsilon": "0.001",
      "tie_word_embeddings": "false", "scale_attn_weights": "false",
      "scale_attn_by_inverse_layer_idx": "true",
    ])
    let expected = try Configuration(
      vocabularySize: 101, contextLength: 19, width: 35, layerCount: 3, headCount: 5, feedForwardWidth: 37,
      activationFunction: .geluErf, layerNormEpsilon: 1e-3, tiesEmbeddings: false, scalesScores: false,
      scalesScoresByLayer: true)
    #expect(actual == expected)
  }

  @Test(arguments: [
    ("gelu_new", ActivationFunction.Function.geluTanh), ("gelu_pytorch_tanh", .geluTanh),
    ("gelu_python_tanh", .geluTanh), ("gelu_accurate", .geluTanh),
    ("gelu", .geluErf), ("gelu_python", .geluErf), ("relu", .relu),
  ])
  func theNamesOfOneFunctionAreKnown(name: String, function: ActivationFunction.Function) throws {
    #expect(try configuration(["activation_function": "\"\(name)\""]).activationFunction == function)
  }

  @Test(
    .clause("FFN-6"), arguments: ["gelu_fast", "gelu_10", "quick_gelu", "silu", "swish", "relu2", "tanh", ""])
  func anotherActivationFunctionIsRefusedByName(name: String) {
    let error = #expect(throws: BadInput.self) {
      try configuration(["activation_function": "\"\(name)\""])
    }
    #expect(error?.place == "activation_function")
    #expect(error?.description.contains("gelu_new") == true)
  }

  @Test(arguments: [
    ("n_embd", "hidden_size"), ("n_layer", "num_hidden_layers"), ("n_head", "num_attention_heads"),
    ("n_positions", "max_position_embeddings"),
  ])
  func generalNamesOfSizesAreKnownAndMustAgree(field: String, alias: String) throws {
    let value = Self.sizes[field]
    #expect(try configuration([field: nil, alias: value]) == configuration())
    #expect(try configuration([alias: value]) == configuration())
    let error = #expect(throws: BadInput.self) { try configuration([alias: "1"]) }
    #expect(error?.description.contains(alias) == true)
  }

  @Test func theContextMayBeCalledByItsOldName() throws {
    #expect(try configuration(["n_positions": nil, "n_ctx": "19"]) == configuration())
    #expect(try configuration(["n_ctx": "7"]).contextLength == 19)
  }

  @Test(arguments: ["vocab_size", "n_positions", "n_embd", "n_layer", "n_head"])
  func aMissingSizeIsNamed(field: String) {
    for value in [String?.none, "null"] {
      let error = #expect(throws: BadInput.self) { try configuration([field: value]) }
      #expect(
        error?.description == "config.json: \(field): the field is missing; add it to the configuration")
    }
  }

  @Test(
    arguments: ["vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner"],
    ["0", "-1", "1.5", "19.0", "\"19\"", "true", "[19]", "1000000000000", "9223372036854775807", "1e3"])
  func anImpossibleSizeIsNamed(field: String, value: String) {
    let error = #expect(throws: BadInput.self) { try configuration([field: value]) }
    #expect(error?.place == field)
  }

  @Test(.clause("ATT-3")) func headsMustDivideTheWidth() {
    let error = #expect(throws: BadInput.self) { try configuration(["n_head": "4"]) }
    #expect(error?.place == "n_head")
  }

  @Test(arguments: ["-1e-5", "\"1e-5\"", "true", "[]"])
  func anImpossibleEpsilonIsNamed(value: String) {
    let error = #expect(throws: BadInput.self) { try configuration(["layer_norm_epsilon": value]) }
    #expect(error?.place == "layer_norm_epsilon")
  }

  @Test(arguments: [
    "tie_word_embeddings", "scale_attn_weights", "scale_attn_by_inverse_layer_idx", "add_cross_attention",
  ])
  func aSwitchMustBeTrueOrFalse(field: String) {
    for value in ["0", "1", "\"true\"", "[]"] {
      let error = #expect(throws: BadInput.self) { try configuration([field: value]) }
      #expect(error?.place == field)
    }
  }

  @Test(arguments: [
    ("model_type", "\"mamba\""), ("model_type", "\"openai-gpt\""), ("add_cross_attention", "true"),
    ("is_encoder_decoder", "true"), ("rope_theta", "10000.0"), ("sliding_window", "128"),
    ("num_key_value_heads", "1"), ("quantization_config", "{\"bits\": 4}"), ("pruned_heads", "{\"0\": [1]}"),
    ("final_logit_softcapping", "30.0"), ("rms_norm_eps", "1e-6"), ("layer_norm_eps", "1e-12"),
  ])
  func whatWouldChangeTheArithmeticIsRefusedByName(field: String, value: String) {
    let error = #expect(throws: BadInput.self) { try configuration([field: value]) }
    #expect(error?.place == field)
  }

  /// The base has a width of 35 and five heads.
  @Test(
    .clause("FIL-2"),
    arguments: [
      ("head_dim", "7", "8"), ("num_key_value_heads", "5", "1"), ("num_kv_heads", "5", "1"),
      ("intermediate_size", "140", "139"), ("layer_norm_eps", "1e-05", "1e-06"),
      ("layer_norm_eps", "0.00001", "0"),
      ("logit_scale", "1.0", "0.5"), ("logits_scaling", "1", "2"),
    ])
  func aFieldThatSaysWhatFollowsAnywayIsAccepted(field: String, due: String, other: String) throws {
    #expect(try configuration([field: due]) == configuration())
    #expect(try configuration([field: "null"]) == configuration())
    let error = #expect(throws: BadInput.self) { try configuration([field: other]) }
    #expect(error?.place == field)
    // Both values are said.
    let values = [due, other].compactMap(Double.init).map { Int(exactly: $0).map(String.init) ?? "\($0)" }
    for value in values { #expect(error?.problem.contains(value) == true, "\(error?.problem ?? "")") }
  }

  @Test(.clause("FIL-2", "RES-10")) func whatChangesNothingIsIgnored() throws {
    #expect(
      try configuration([
        "model_type": "\"gpt2\"", "add_cross_attention": "false", "reorder_and_upcast_attn": "true",
        "attn_pdrop": "0.1", "embd_pdrop": "0.1", "resid_pdrop": "0.1", "initializer_range": "0.02",
        "summary_type": "\"cls_index\"", "dtype": "\"float16\"", "use_cache": "true", "pruned_heads": "{}",
        "sliding_window": "null", "rope_parameters": "null", "quantization_config": "null",
        "architectures": "[\"GPT2LMHeadModel\"]", "bos_token_id": "50256", "_name_or_path": "\"gpt2\"",
        "task_specific_params": "{\"text-generation\": {\"max_length\": 50}}",
      ]) == configuration())
  }

  @Test(arguments: ["", "[]", "3", "{", "{\"n_embd\": 35, \"n_embd\": 36}", "\u{0}"])
  func textThatIsNoConfigurationIsRefused(text: String) {
    let error = #expect(throws: BadInput.self) {
      try Configuration(huggingFaceJSON: Data(text.utf8), file: "config.json")
    }
    #expect(error?.file == "config.json")
  }

  @Test(
    arguments: [1e-5, 1e-3, 0, 1e-12, 0.1, 1.0 / 3],
    [ActivationFunction.Function.geluTanh, .geluErf, .relu])
  func whatIsWrittenReadsBack(epsilon: Double, function: ActivationFunction.Function) throws {
    for flag in [false, true] {
      let configuration = try Configuration(
        vocabularySize: 7, contextLength: 3, width: 6, layerCount: 2, headCount: 3, feedForwardWidth: 5,
        activationFunction: function, layerNormEpsilon: epsilon, tiesEmbeddings: flag, scalesScores: !flag,
        scalesScoresByLayer: flag)
      let text = Data(configuration.huggingFaceJSON.utf8)
      #expect(text.allSatisfy { $0 < 0x80 })
      #expect(try Configuration(huggingFaceJSON: text, file: "config.json") == configuration)
    }
  }

  @Test func theCountOfParametersIsThatOfThePublishedModel() throws {
    let small = try Configuration(
      vocabularySize: 50257, contextLength: 1024, width: 768, layerCount: 12, headCount: 12)
    #expect(small.graph.parameterCount == 124_439_808)
    func vast(width: Int, rows: Int) throws -> Configuration {
      try Configuration(
        vocabularySize: rows, contextLength: rows, width: width,
        layerCount: Configuration.greatestLayerCount, headCount: 1, feedForwardWidth: rows)
    }
    // The greatest that a tensor may be, in every block, can be counted; beyond it a model is refused.
    #expect(try vast(width: 1 << 19, rows: 1 << 21).graph.parameterCount > 1 << 51)
    let greatest = Configuration.greatestExtent
    #expect(throws: BadInput.self) { try vast(width: greatest, rows: greatest) }
  }
}
