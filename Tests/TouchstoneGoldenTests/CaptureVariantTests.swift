import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneGolden

/// Captures as h5py writes them: `Fixtures/make_captures.py`.
@Suite struct CaptureVariantTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/"

  static let shapes: [(path: String, shape: [Int])] = [
    ("embed/sum", [3, 2]), ("layers/000/q", [2, 3, 1]), ("final/logits", [3, 5]),
  ]

  /// The formula of the script.
  static func values(_ path: String, _ shape: [Int]) -> Tensor<Double> {
    let count = shape.reduce(1, *)
    return Tensor((0..<count).map { Double(($0 * 7 + path.utf8.count) % 16 - 8) / 4 }, shape: shape)
  }

  @Test(arguments: [
    ("contiguous-int64-batch.h5", ScalarType.float32), ("gzip-shuffle-v110.h5", .float64),
    ("big-endian-user-block.h5", .float32), ("float16.h5", .float16), ("bfloat16.h5", .bfloat16),
    ("additions.h5", .float64),
  ])
  func whatOthersWriteIsReadExactly(name: String, type: ScalarType) throws {
    let file = try ActivationFile(path: Self.folder + name)
    #expect(file.kind == .capture)
    #expect(file.inputs.tokenIDs == [4, 0, 3])
    #expect(file.weightsDigest == nil)
    #expect(!file.hasTrustedDigest)
    for (path, shape) in Self.shapes {
      let activation = try #require(Activation(path: path))
      #expect(file.storedType(of: activation) == type)
      #expect(file.storedShape(of: activation) == shape)
      #expect(try file.tensor(activation) == Self.values(path, shape))
    }
    #expect(try file.weights() == nil)
    try file.checkContents()
  }

  @Test func absentPositionsCountFromZero() throws {
    let file = try ActivationFile(path: Self.folder + "float16.h5")
    #expect(file.inputs.positionIDs == [0, 1, 2])
    #expect(file.inputs.attentionMask == nil)
    #expect(file.precision == Precision(.float16))
    #expect(file.temperature == 1)
  }

  @Test func severalSequencesStandOneBehindTheOther() throws {
    let file = try ActivationFile(path: Self.folder + "two-sequences.h5")
    #expect(file.inputs.tokenIDs == [4, 0, 3, 4, 0, 3])
    #expect(file.inputs.positionIDs == [0, 1, 2, 0, 1, 2])
    #expect(file.inputs.sequenceCount == 2)
    try file.checkContents()
  }

  @Test(.clause("BND-33")) func whatProductsReadIsDeclaredInOneOfTheNamesThatThereAre() throws {
    let folder = try TemporaryFolder()
    let sample = try Sample()
    for (text, isKnown) in [("q8_K, mlp_out = q8_0", true), ("q9", false)] {
      let path = folder.file("\(isKnown).h5")
      let writer = try ActivationFileWriter(
        path: path, kind: .capture, configuration: sample.configuration, inputs: sample.inputs,
        provenance: ["precision": "float32", "product_inputs": text])
      try writer.write(sample.tensors[0].activation, sample.tensors[0].tensor)
      try writer.finish()
      guard !isKnown else {
        let inputs = try ActivationFile(path: path).productInputs
        #expect(inputs.format(at: "layers/000/mlp_out") == .q80 && inputs.format(at: "final/logits") == .q8k)
        continue
      }
      let error = #expect(throws: BadInput.self) { try ActivationFile(path: path) }
      #expect(error?.place == "provenance@product_inputs" && error?.problem == "\"q9\" is not known")
    }
  }

  @Test func additionsAreListedAndNotJudged() throws {
    let file = try ActivationFile(path: Self.folder + "additions.h5")
    #expect(file.inputs.positionIDs == [1, 2, 3])
    #expect(file.inputs.attentionMask == [true, false, true])
    #expect(file.isDerived(Activation(.query, layer: 0)))
    #expect(file.extras == ["extra/timings/attention"])
    #expect(file.unknownPaths.contains("layers/000/rotary"))
    #expect(file.unknownPaths.contains("layers/007/q"))
    #expect(file.unknownPaths.contains("notes"))
    #expect(file.unknownPaths.contains("embed/alias"))
    #expect(file.activations.count == 3)
    #expect(file.provenance == ["producer": "another engine", "threads": "2"])
    #expect(file.manifest?.entries.keys.sorted() == ["embed/sum"])
  }

  @Test func aWrongShapeIsToldAndNotAnError() throws {
    let file = try ActivationFile(path: Self.folder + "wrong-shapes.h5")
    let sum = Activation(.embeddingSum)
    let query = Activation(.query, layer: 0)
    #expect(file.storedShape(of: sum) == [2, 3])
    #expect(try file.tensor(sum)?.shape == [2, 3])
    #expect(file.storedShape(of: Activation(.logits)) == [])
    #expect(try file.tensor(Activation(.logits))?.values == [1])
    #expect(file.storedShape(of: query) == [1 << 30, 1 << 30])
    let error = try #require(throws: BadInput.self) { try file.tensor(query) }
    #expect(error.problem.contains("only 0 bytes were written"), "\(error)")
    try file.checkContents()
  }

  @Test(arguments: [
    ("external-link", "inputs/token_ids: is missing"), ("virtual", "assembled from other datasets"),
    ("external-storage", "in another file"), ("lzf", "compressed by the filter 32000"),
    ("never-written", "of which only 0 bytes were written"), ("missing-chunk", "only 2 of its 3 chunks"),
    ("integers", "holds int32"), ("long-double", "holds a float of 16 bytes"), ("text-ids", "holds text"),
    ("three-axes", "of one sequence or of several"), ("token-beyond-vocabulary", "outside the vocabulary"),
    ("huge-token", "beyond the range of int64"), ("incomplete", "did not finish"),
    ("version", "is 2.0; this program reads 1.1"), ("other-format", "no golden or capture"),
    ("kind", "is silver"), ("config", "model@config_json: vocab_size: the field is missing"),
    ("family", "is llama where config_json describes gpt2"), ("precision", "int8 is not known"),
    ("manifest", "embed/sum: is not what provenance/manifest says"),
    ("golden-without-manifest", "every golden has one"),
  ])
  func whatCannotBeReadIsRefusedWithAReason(name: String, reason: String) throws {
    let path = Self.folder + "refused-\(name).h5"
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path).checkContents() }
    #expect(error.file == path)
    #expect(error.description.contains(reason), "\(error)")
    #expect(error.remedy != nil, "\(error)")
  }
}
