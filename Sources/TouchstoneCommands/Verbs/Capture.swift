import ArgumentParser
import Foundation
import TouchstoneCheckpoints
import TouchstoneConformance
import TouchstoneFamilies
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// Runs an implementation and writes its activations.
struct Capture: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "capture",
    abstract: "Runs an implementation and writes its activations.",
    discussion: """
      The capture has the layout of a golden, in the precision of the implementation.

      Example:
        touchstone capture --model golden/models/shakespeare-gpt2 \\
          --golden to-be.h5 --out simd.h5
        touchstone capture --model DIR --golden second-quarter.h5 --layers "12..<24" --out simd.h5
      """)

  @Option(
    help: ArgumentHelp(
      "A Hugging Face folder of a model, or a GGUF file; the weights in the golden unless given.",
      valueName: "dir"))
  var model: String?

  @Option(help: ArgumentHelp("Takes tokens, positions and mask from a golden.", valueName: "file.h5"))
  var golden: String?

  @OptionGroup var sequence: SequenceOptions

  @Option(help: "Which implementation runs: \(Implementation.names).")
  var implementation: Implementation = .simd

  @Option(help: ArgumentHelp("The capture to write.", valueName: "file.h5"))
  var out: String

  @OptionGroup var shard: LayersOption

  @OptionGroup var output: OverwriteOption

  @OptionGroup var reading: TrustOption

  func validate() throws {
    guard (golden != nil) != sequence.isGiven else {
      throw ValidationError("Give either --golden, or --prompt or --tokens.")
    }
    if golden != nil, sequence.saysMore {
      throw ValidationError("--attention-mask, --position-ids and --source come from the golden.")
    }
    if golden == nil, model == nil { throw ValidationError("Give --model.") }
  }

  func run() throws {
    try OutputFiles.checkApart(out, from: [model, golden])
    try reading.apply()
    let (recorded, weights, inputs) = try source()
    try shard.layers?.check(in: weights.graph)
    let writer = try ActivationFileWriter(
      path: out, kind: .capture, model: recorded, inputs: inputs,
      weightsDigest: WeightsDigest.of(weights), provenance: implementation.provenance(),
      layers: shard.layers, overwrite: output.overwrite)
    let progress = Progress()
    let countdown = Countdown("capturing", progress)
    let total = weights.graph.operations.count
    var done = 0
    try implementation.capture(
      implementation.transformer(weights, forOnePass: true), inputs, to: writer,
      keeping: shard.layers.map(weights.graph.activations(of:))
    ) {
      done += 1
      countdown.show(done, of: total, at: $0.path)
    }
    progress.end()
    let count = weights.graph.layerCount
    Console.line(
      "\(out): \(inputs.count) tokens, \(shard.layers.map { "layers \($0) of \(count)" } ?? "\(count) layers")"
    )
  }

  private func source() throws -> (RecordedModel, Weights, Inputs) {
    if let golden {
      let file = try ActivationFile(path: golden)
      let weights = try WeightsFinder(model: model).weights(for: file)
      return (try recorded(weights, file), weights, file.inputs)
    }
    let loaded = try LoadedModel(model ?? "")
    let (hearing, inputs) = try sequence.inputs(for: loaded)
    return (try hearing.recorded(), hearing.weights, inputs)
  }

  /// The model that the weights belong to: the golden's own, unless the folder says otherwise.
  private func recorded(_ weights: Weights, _ golden: ActivationFile) throws -> RecordedModel {
    if weights.graph == golden.graph { return golden.model }
    guard let model else { return RecordedModel(Architecture(try Configuration(weights.graph))) }
    return RecordedModel(try Architecture(at: URL(filePath: model, directoryHint: .isDirectory)))
  }
}
