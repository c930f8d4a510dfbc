import ArgumentParser
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// Runs the reference in float64 and writes a golden.
struct Record: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Runs the reference in float64 and writes a golden.",
    discussion: """
      The golden holds every activation of the forward pass in float64, and the noise floor that rounding to \
      float32 leaves at each. FILE.h5.sha256 beside it holds its digest. The same inputs give the same bytes.

      Example:
        touchstone record --model golden/models/shakespeare-gpt2 \\
          --prompt "To be, or not" --out to-be.h5
        touchstone record --model golden/models/shakespeare-gpt2 \\
          --inputs to-be.h5 --out again.h5
        touchstone record --model DIR --prompt "To be, or not" --no-floor --out sooner.h5
        touchstone record --model DIR --prompt "To be, or not" --layers "12..<24" --out second-quarter.h5
        touchstone record --model DIR --prompt "To be, or not" --backward --out training.h5
      """)

  /// The version of the recipe by which goldens are made, which they name in place of the program's: another one says
  /// that the same inputs give other bytes.
  static let recipe = "1.0.0"

  @Option(help: ArgumentHelp("A Hugging Face folder of a model, or a GGUF file.", valueName: "dir"))
  var model: String

  @OptionGroup var sequence: SequenceOptions

  @OptionGroup var training: LossOptions

  @Option(
    help: ArgumentHelp(
      "A file of this format whose inputs are taken, all of them, whatever its kind.",
      valueName: "file.h5"))
  var inputs: String?

  @Option(help: ArgumentHelp("The golden to write.", valueName: "file.h5"))
  var out: String

  @Flag(help: "Puts the weights into the golden, so that it can be used without the model.")
  var embedWeights = false

  @Flag(
    help: ArgumentHelp(
      "Leaves out the noise floor, which takes most of the time.",
      discussion: "Such a golden judges captures by the weights alone: nothing is compared end to end."))
  var noFloor = false

  @Flag(
    help: ArgumentHelp(
      "Writes sketches in place of activations: lengths, projections and greatest entries of rows.",
      discussion:
        "Of a model whose activations are too large to keep. A capture is then compared end to end alone."))
  var sketch = false

  @OptionGroup var shard: LayersOption

  @OptionGroup var output: OverwriteOption

  @OptionGroup var reading: TrustOption

  func validate() throws {
    guard sequence.isGiven || inputs != nil else {
      throw ValidationError("Give --prompt or --tokens, or --inputs.")
    }
    if inputs != nil, !sequence.isEmpty || training.backward {
      throw ValidationError(
        "--inputs takes everything from the file; leave out --prompt, --tokens, --attention-mask, "
          + "--position-ids, --backward.")
    }
  }

  func run() throws {
    try OutputFiles.checkApart(out, from: [model, inputs])
    try reading.apply()
    let loaded = try LoadedModel(model)
    let (hearing, inputs, loss) = try inputs(for: loaded)
    let (model, weights) = try trained(hearing, for: loss)
    let layers = shard.layers
    try layers?.check(in: weights.graph)
    var provenance = try Implementation.reference.provenance()
    provenance["producer_version"] = Self.recipe
    let writer = try ActivationFileWriter(
      path: out, kind: .golden, model: model, inputs: inputs,
      weightsDigest: WeightsDigest.of(weights), provenance: provenance, layers: layers, isSketch: sketch,
      overwrite: output.overwrite)
    let progress = Progress()
    let countdown = Countdown("recording", progress)
    let total = weights.graph.operations.count
    var done = 0
    let kept = layers.map(weights.graph.activations(of:))
    func record(_ activation: Activation, _ tensor: Tensor<Double>) throws {
      done += 1
      countdown.show(done, of: total, at: activation.path)
      try requireNumbers(tensor, activation, weights)
      guard kept?.contains(activation) ?? true else { return }
      guard sketch else { return try writer.write(activation, tensor) }
      try writer.write(activation, Sketch(StoredTensor(tensor), of: activation, in: weights.graph, inputs))
    }
    var floor: [Activation: Tensor<Double>] = [:]
    if noFloor {
      try SharedReference(weights).forward(inputs, through: layers, observe: record)
    } else {
      floor = try NoiseFloor.measured(weights, inputs: inputs, through: layers, observe: record)
    }
    for operation in weights.graph.operations where kept?.contains(operation.output) ?? true {
      if let rows = floor[operation.output] { try writer.writeNoiseFloor(of: operation.output, rows) }
    }
    if embedWeights { try writer.writeWeights(weights) }
    try writer.finish()
    progress.end()
    let recorded =
      layers.map { "layers \($0) of \(weights.graph.layerCount)" } ?? "\(weights.graph.layerCount) layers"
    Console.line("\(out): \(inputs.count) tokens, \(recorded)")
  }

  /// The model, with the loss and the backward pass where there is a loss.
  private func trained(_ loaded: LoadedModel, for loss: Loss?) throws(BadInput) -> (RecordedModel, Weights) {
    let recorded = try loaded.recorded()
    guard let loss else { return (recorded, loaded.weights) }
    try loss.check()
    do throws(BadInput) {
      return (try recorded.trained(for: loss), try loaded.weights.differentiated(by: loss))
    } catch {
      throw error.inFile(model)
    }
  }

  private func inputs(for loaded: LoadedModel) throws -> (LoadedModel, Inputs, Loss?) {
    guard let inputs else {
      let (model, inputs) = try sequence.inputs(for: loaded)
      return (
        model, try training.asked(of: inputs, model.weights.graph),
        training.loss(of: loaded.architecture)
      )
    }
    let recorded = try RecordedInputs(path: inputs)
    let model = try loaded.listening(by: recorded.frontEnd)
    return (model, try recorded.allInputs(for: model.weights.graph), recorded.loss)
  }

  /// Refuses what no implementation could be compared with: NaN and infinities, but for the scores of masked keys.
  private func requireNumbers(
    _ tensor: Tensor<Double>, _ activation: Activation, _ weights: Weights
  ) throws(BadInput) {
    let isScores = weights.graph.isScores(activation)
    guard let offset = tensor.firstNotFinite(acceptsMinusInfinity: isScores) else { return }
    for parameter in weights.graph.parameters {
      let values = weights.float32(parameter)
      guard let offset = values.values.firstIndex(where: { !$0.isFinite }) else { continue }
      throw BadInput(
        file: model, place: "\(parameter.name)\(values.index(of: offset))",
        problem: "is \(values.values[offset]), not a number that can be computed with",
        remedy: "record a model whose weights are all finite")
    }
    throw BadInput(
      file: model, place: "\(activation)\(tensor.index(of: offset))",
      problem: "comes out as \(tensor.values[offset]), beyond what float64 holds",
      remedy: "check the size of the weights")
  }
}

extension Graph {
  /// Whether it holds attention scores, or what is made of them before softmax, which are −∞ where a key is masked.
  fileprivate func isScores(_ activation: Activation) -> Bool {
    operations.contains { operation in
      guard case .probabilities = operation.kind else { return false }
      return pairs(readBy: operation).contains { $0.output == activation }
    }
  }
}
