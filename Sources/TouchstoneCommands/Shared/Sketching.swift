import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Sketch {
  /// What is kept of an activation of a model.
  init(_ stored: StoredTensor, of activation: Activation, in graph: Graph, _ inputs: Inputs) {
    let isJudged = graph.operation(making: activation)?.judgedElements(inputs, graph: graph)
    self.init(
      of: stored.float64(), sha256: Digest.of(stored.bytes), isJudged: isJudged ?? { _ in true })
  }
}

/// A file's sketches: those that it holds, or those of its activations.
struct SketchedFile: ActivationSource, SketchSource {
  let file: ActivationFile

  var graph: Graph { file.graph }
  var inputs: Inputs { file.inputs }
  var precision: Precision { file.precision }
  var namesPrecision: Bool { file.namesPrecision }
  var productInputs: ProductInputs { file.productInputs }
  var temperature: Double { file.temperature }
  var givesPositions: Bool { file.givesPositions }
  func storedType(of activation: Activation) -> ScalarType? { file.storedType(of: activation) }
  func storedShape(of activation: Activation) -> [Int]? { file.storedShape(of: activation) }
  func tensor(_ activation: Activation) throws -> Tensor<Double>? { try file.tensor(activation) }
  func noiseFloor(of activation: Activation) throws -> Tensor<Double>? { try file.noiseFloor(of: activation) }

  func sketch(of activation: Activation) throws -> Sketch? {
    if file.isSketch { return try file.sketch(of: activation) }
    guard let stored = try file.storedTensor(activation) else { return nil }
    return Sketch(stored, of: activation, in: graph, inputs)
  }
}
