import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneHDF5
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneGolden

/// Files of models of every family: those that the program holds, and those that only a golden knows.
@Suite struct FamilyFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let llamaJSON = """
    {"model_type": "llama", "vocab_size": 7, "hidden_size": 6, "num_hidden_layers": 2, "num_attention_heads": 3,
     "num_key_value_heads": 1, "intermediate_size": 5}
    """

  private static func llama() throws -> Architecture {
    try Architecture(huggingFaceJSON: Data(llamaJSON.utf8), file: "config.json")
  }

  /// The model as a file of a family that this program does not hold has it.
  private static func foreign() throws -> RecordedModel {
    RecordedModel(family: "paper-2031", graph: try llama().graph, configJSON: "{\"rule\": 1}")
  }

  private static func numbers(_ shape: [Int], _ index: Int) -> Tensor<Double> {
    Tensor((0..<shape.reduce(1, *)).map { Double($0 % 7) + Double(index) / 64 }, shape: shape)
  }

  /// Writes a file of numbers without meaning, its weights inside.
  private func write(_ model: RecordedModel, _ name: String, _ kind: ActivationFile.Kind = .golden) throws
    -> String
  {
    let path = folder.file(name)
    let graph = model.graph
    let inputs = try Inputs(tokenIDs: [3, 1, 4], graph: graph)
    let writer = try ActivationFileWriter(path: path, kind: kind, model: model, inputs: inputs)
    for (index, operation) in graph.operations.enumerated() {
      let shape = try #require(graph.shape(of: operation.output, tokenCount: inputs.count))
      try writer.write(operation.output, Self.numbers(shape, index))
    }
    let tensors = graph.parameters.enumerated().map { index, parameter in
      (parameter.name, StoredTensor(Self.numbers(parameter.shape, index).converted(to: Float.self)))
    }
    try writer.writeWeights(
      Weights(graph: graph, names: model.tensors, tensors: Dictionary(uniqueKeysWithValues: tensors)))
    try writer.finish()
    return path
  }

  private func version(_ path: String) throws -> HDF5Attribute? {
    try HDF5Reader(path: path).attribute("format_version", of: "/")
  }

  private func holdsGraph(_ path: String) throws -> Bool {
    try HDF5Reader(path: path).kind(of: "model/graph") == .dataset
  }

  @Test(.clause("FIL-21")) func aGoldenOfAnotherFamilyHoldsItsGraphAndOneOfGPT2DoesNot() throws {
    let llama = try Self.llama()
    let path = try write(RecordedModel(llama), "llama.h5")
    #expect(try version(path) == .text("1.1"))
    let reader = try HDF5Reader(path: path)
    let dataset = try #require(try reader.dataset(at: "model/graph"))
    #expect(try reader.bytes(of: dataset) == Data(llama.graph.json.utf8))
    let file = try ActivationFile(path: path)
    #expect(file.graph == llama.graph && !file.model.hasOwnGraph)
    #expect(file.model.family == "llama" && file.model.configJSON == llama.configJSON)
    try file.checkContents()
    #expect(try file.weights()?.stored.count == file.graph.parameters.count)

    let first = try Sample().write(folder.file("gpt2.h5"))
    #expect(try version(first) == .text("1.0"))
    #expect(try !holdsGraph(first))
  }

  @Test(.clause("FIL-21")) func aGoldenOfGPT2MayHoldItsGraphToo() throws {
    let configuration = try Sample().configuration
    let model = RecordedModel(
      family: "gpt2", graph: configuration.graph, configJSON: configuration.huggingFaceJSON)
    let path = try write(model, "gpt2.h5")
    #expect(try version(path) == .text("1.1"))
    let file = try ActivationFile(path: path)
    #expect(file.graph == configuration.graph && !file.model.hasOwnGraph)
  }

  @Test(.clause("FIL-21"), arguments: ["llama", "gpt2"])
  func aGraphThatTheConfigurationDoesNotDescribeIsRefused(family: String) throws {
    let other = try Configuration(
      vocabularySize: 7, contextLength: 5, width: 4, layerCount: 1, headCount: 2, layerNormEpsilon: 1e-3)
    let own = try Configuration(
      vocabularySize: 7, contextLength: 5, width: 4, layerCount: 1, headCount: 2)
    let config = family == "llama" ? Self.llamaJSON : own.huggingFaceJSON
    let path = try write(
      RecordedModel(family: family, graph: other.graph, configJSON: config), "other.h5")
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.file == path && error.place == "model/graph")
    #expect(error.problem.contains("is not the graph that config_json describes"), "\(error)")
    #expect(error.problem.contains(family == "llama" ? "embed" : "layers/000/ln_1"), "\(error)")
  }

  /// Also where the file says that it is of the version that had no graphs.
  @Test(.clause("FIL-21"), arguments: ["1.0", "1.1"])
  func aGoldenOfAnotherFamilyWithoutAGraphIsRefused(version: String) throws {
    let path = folder.file("llama.h5")
    let file = try HDF5Writer(path: path)
    for (name, text) in [("format", "touchstone"), ("format_version", version), ("kind", "golden")] {
      try file.setAttribute(name, of: "/", to: text)
    }
    for group in ["model", "provenance"] { try file.createGroup(group) }
    try file.setAttribute("family", of: "model", to: "llama")
    try file.setAttribute("config_json", of: "model", to: Self.llamaJSON)
    try Data("{}".utf8).withUnsafeBytes {
      try file.writeDataset(
        "provenance/manifest", type: .integer(byteCount: 1, isSigned: false), shape: [2], bytes: $0)
    }
    try file.setFlag("complete", of: "/")
    try file.close()
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.file == path && error.place == "model/graph" && error.problem == "is missing", "\(error)")
  }

  @Test(.clause("FIL-21")) func aFamilyThatContradictsTheConfigurationIsRefused() throws {
    let path = try write(
      RecordedModel(family: "gpt2", graph: Self.llama().graph, configJSON: Self.llamaJSON), "mixed.h5")
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.place == "model@family" && error.problem.contains("llama"), "\(error)")
  }

  @Test(.clause("FIL-22")) func aFamilyThatOnlyTheGoldenKnowsIsReadByTheGoldensGraph() throws {
    let golden = try ActivationFile(path: write(Self.foreign(), "golden.h5"))
    #expect(golden.model.hasOwnGraph && golden.model.family == "paper-2031")
    #expect(try golden.graph == Self.llama().graph)
    #expect(golden.unknownPaths.isEmpty)
    try golden.checkContents()
    #expect(try golden.summary().description.contains("the graph is the file's own"))

    let path = try write(Self.foreign(), "capture.h5", .capture)
    #expect(try !holdsGraph(path))
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.place == "model@family" && error.problem.contains("paper-2031"), "\(error)")
    let capture = try ActivationFile(path: path, against: golden)
    #expect(capture.graph == golden.graph && capture.activations == golden.activations)
    try capture.checkContents()
  }

  /// The child has to know the golden as well.
  @Test(.clause("FIL-22")) func theChildReadsACaptureOfSuchAFamilyWithItsGolden() throws {
    let golden = try write(Self.foreign(), "golden.h5")
    let path = try write(Self.foreign(), "capture.h5", .capture)
    try FileReaderProcess.survive(path, .everything(golden: golden), program: TestProgram.path)
    let error = try #require(throws: BadInput.self) {
      try FileReaderProcess.survive(path, program: TestProgram.path)
    }
    #expect(error.problem.contains("paper-2031"), "\(error)")
  }

  @Test(.clause("FIL-22")) func aCaptureOfOneFamilyIsNotReadByTheGoldenOfAnother() throws {
    let golden = try ActivationFile(path: write(Self.foreign(), "golden.h5"))
    let other = RecordedModel(family: "paper-2032", graph: golden.graph, configJSON: "{}")
    let path = try write(other, "capture.h5", .capture)
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path, against: golden) }
    #expect(error.problem.contains("paper-2032"), "\(error)")
  }
}

/// What a file was given, taken whatever kind it is of.
@Suite struct RecordedInputsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A complete file of any kind that holds inputs alone.
  private func write(
    kind: String, version: String = "1.1", isComplete: Bool = true, _ names: String...
  ) throws -> String {
    let path = folder.file("\(kind)-\(version)-\(names.first ?? "")-\(isComplete).h5")
    let file = try HDF5Writer(path: path)
    try file.setAttribute("format", of: "/", to: "touchstone")
    try file.setAttribute("format_version", of: "/", to: version)
    try file.setAttribute("kind", of: "/", to: kind)
    try file.createGroup("inputs")
    for name in names {
      let values = [Int32](name == "attention_mask" ? [0, 1, 1] : [2, 0, 1]).map(\.littleEndian)
      try values.withUnsafeBytes {
        try file.writeDataset(
          "inputs/" + name, type: .integer(byteCount: 4, isSigned: true), shape: [3], bytes: $0)
      }
    }
    if isComplete { try file.setFlag("complete", of: "/") }
    try file.close()
    return path
  }

  private func graph() throws -> Graph { try Sample().configuration.graph }

  @Test(.clause("FIL-23"), arguments: ["golden", "capture", "golden-candidate", "something"])
  func everyKindOfFileLendsItsInputs(kind: String) throws {
    let path = try write(kind: kind, "token_ids", "position_ids", "attention_mask")
    let inputs = try RecordedInputs(path: path).allInputs(for: graph())
    let expected = try Inputs(
      tokenIDs: [2, 0, 1], positionIDs: [2, 0, 1], attentionMask: [false, true, true], graph: graph())
    #expect(inputs == expected)
    try FileReaderProcess.survive(path, .inputs, program: TestProgram.path)
  }

  @Test(.clause("FIL-23")) func whatTheModelDoesNotReadIsNotLeftOutSilently() throws {
    let path = try write(kind: "golden-candidate", "token_ids", "encoder_token_ids")
    let inputs = try RecordedInputs(path: path)
    let error = try #require(throws: BadInput.self) { try inputs.allInputs(for: graph()) }
    #expect(error.file == path && error.place == "inputs/encoder_token_ids", "\(error)")
  }

  @Test(.clause("FIL-23")) func onlyWholeFilesOfTheFormatAreTaken() throws {
    let unfinished = try write(kind: "golden", isComplete: false, "token_ids")
    #expect(throws: BadInput.self) { try RecordedInputs(path: unfinished) }
    let later = try write(kind: "golden", version: "2.0", "token_ids")
    #expect(throws: BadInput.self) { try RecordedInputs(path: later) }
    let empty = try write(kind: "golden", "position_ids")
    #expect(throws: BadInput.self) { try RecordedInputs(path: empty).allInputs(for: graph()) }
  }

  @Test(.clause("FIL-23")) func aCandidateIsRefusedAsAGoldenByItsName() throws {
    let path = try write(kind: "golden-candidate", "token_ids")
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.file == path && error.place == "@kind", "\(error)")
    #expect(error.problem.contains("golden-candidate"), "\(error)")
    #expect(error.remedy?.contains("record --inputs") == true, "\(error)")
  }
}
