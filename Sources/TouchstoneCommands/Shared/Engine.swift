import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// Something that can be put through a golden: one of our implementations, or somebody's program.
protocol Engine: Sendable {
  /// What it is called in reports.
  var name: String { get }

  /// Hands `body` what it computes from the golden's inputs with the golden's weights.
  ///
  /// - Parameter kept: where the capture stays afterwards; nil where it need not.
  func withActivations<Result>(
    for golden: ActivationFile, weights: Weights, keeping kept: CaptureDestination?,
    _ body: (any ActivationSource) throws -> Result
  ) throws -> Result
}

/// Where a capture is to stand when a golden has been verified.
struct CaptureDestination: Sendable {
  let path: String
  let overwrite: Bool
}

extension Implementation: Engine {
  var name: String { rawValue }

  func withActivations<Result>(
    for golden: ActivationFile, weights: Weights, keeping kept: CaptureDestination?,
    _ body: (any ActivationSource) throws -> Result
  ) throws -> Result {
    guard let kept else { return try body(record(transformer(weights, forOnePass: true), golden.inputs)) }
    let writer = try ActivationFileWriter(
      path: kept.path, kind: .capture, model: golden.model, inputs: golden.inputs,
      weightsDigest: WeightsDigest.of(weights), provenance: provenance(), overwrite: kept.overwrite)
    try capture(transformer(weights, forOnePass: true), golden.inputs, to: writer)
    return try body(ActivationFile(path: kept.path, against: golden))
  }

  private func record(_ transformer: some Transformer, _ inputs: Inputs) throws -> RecordedActivations {
    try RecordedActivations(of: transformer, inputs: inputs)
  }

  /// Writes every activation of a forward pass, in the precision of the implementation.
  ///
  /// - Parameter kept: those that are written; nil for all.
  func capture<T: Transformer>(
    _ transformer: T, _ inputs: Inputs, to writer: ActivationFileWriter, keeping kept: Set<Activation>? = nil,
    progress: (Activation) -> Void = { _ in }
  ) throws {
    try transformer.forward(inputs) { activation, tensor in
      progress(activation)
      guard kept?.contains(activation) ?? true else { return }
      if let tensor = tensor as? Tensor<Float> {
        try writer.write(activation, tensor)
      } else {
        try writer.write(activation, tensor.converted(to: Double.self))
      }
    }
    try writer.finish()
  }
}

/// An engine says that it does not run a golden's model or inputs.
struct NotSupported: Error {
  /// Why, where it says so.
  var reason: String?
}
