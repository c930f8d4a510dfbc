import Foundation
import TouchstoneCheckpoints
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneSIMD

/// A golden of a small model, and captures of it that differ in one way from what was computed.
struct TinyModel {
  let weights: Weights
  let inputs: Inputs
  /// Whether it is the one that most tests record.
  private let isUsual: Bool
  /// The sizes of the model.
  var configuration: Configuration {
    get throws { try Configuration(weights.graph) }
  }

  init(weights: Weights, inputs: Inputs) {
    self.weights = weights
    self.inputs = inputs
    isUsual = false
  }

  init() throws {
    let configuration = try Configuration(
      vocabularySize: 13, contextLength: 8, width: 12, layerCount: 2, headCount: 3)
    weights = try Synthesizer.weights(configuration: configuration)
    inputs = try Inputs(tokenIDs: [3, 1, 4, 1, 5], configuration: configuration)
    isUsual = true
  }

  /// What the SIMD implementation computes, with `change` made to each activation.
  func writeCapture(
    to path: String, weightsDigest: String? = nil, inputs other: Inputs? = nil,
    change: (Activation, Tensor<Float>) -> Tensor<Float>? = { $1 }
  ) throws {
    let writer = try ActivationFileWriter(
      path: path, kind: .capture, configuration: try configuration, inputs: other ?? inputs,
      weightsDigest: weightsDigest ?? WeightsDigest.of(weights), provenance: ["precision": "float32"])
    try SIMDTransformer(weights: weights).forward(other ?? inputs) { activation, tensor in
      if let tensor = change(activation, tensor) { try writer.write(activation, tensor) }
    }
    try writer.finish()
  }

  /// The golden of the usual model, with its digest: the program records the same bytes each time.
  private static let recorded = Result {
    try Program.inFolder { program in
      let golden = try TinyModel().recordAnew(program)
      return try ["", ".sha256"].map { ($0, try Data(contentsOf: URL(filePath: golden + $0))) }
    }
  }

  /// The golden that the program records, its weights inside, and the folder of its model beside it.
  func record(_ program: Program) throws -> String {
    guard isUsual else { return try recordAnew(program) }
    try writeModel(to: program)
    let golden = program.path("golden.h5")
    for (end, bytes) in try Self.recorded.get() { try bytes.write(to: URL(filePath: golden + end)) }
    return golden
  }

  @discardableResult
  private func writeModel(to program: Program) throws -> URL {
    let model = program.folder.appending(path: "model")
    try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
    try SafetensorsWriter.write(weights.stored, to: model.appending(path: "model.safetensors"))
    try Data(configuration.huggingFaceJSON.utf8).write(to: model.appending(path: "config.json"))
    return model
  }

  private func recordAnew(_ program: Program) throws -> String {
    let model = try writeModel(to: program)
    let golden = program.path("golden.h5")
    _ = try program.touchstone(
      "record", "--model", model.path, "--tokens", "3,1,4,1,5", "--out", golden, "--embed-weights")
    return golden
  }
}
