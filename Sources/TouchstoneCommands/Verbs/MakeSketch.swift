import ArgumentParser
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// What is kept of a file whose activations are too large to keep.
struct MakeSketch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sketch",
    abstract: "Writes what is kept of activations that are too large to keep.",
    discussion: """
      Of every row its length, sixteen random projections and the greatest entries, and of every activation its \
      digest. `touchstone diff` compares sketches of a golden and of a capture end to end.

      Example:
        touchstone record --model DIR --prompt "To be, or not" --sketch --out golden.h5
        touchstone sketch capture.h5 --out sketch.h5
        touchstone diff golden.h5 sketch.h5
      """)

  @Argument(help: ArgumentHelp("A capture, or a golden.", valueName: "file.h5"))
  var file: String

  @Option(help: ArgumentHelp("The file of sketches to write.", valueName: "file.h5"))
  var out: String

  @OptionGroup var output: OverwriteOption

  @OptionGroup var reading: TrustOption

  func run() throws {
    try OutputFiles.checkApart(out, from: [file])
    try reading.apply()
    let source = try ActivationFile(path: file)
    guard !source.isSketch else {
      throw BadInput(file: file, problem: "holds sketches already", remedy: "give what they were made of")
    }
    let writer = try ActivationFileWriter(
      path: out, kind: source.kind, model: source.model, inputs: source.inputs,
      weightsDigest: source.weightsDigest, provenance: source.provenance, temperature: source.temperature,
      layers: source.layers, isSketch: true, overwrite: output.overwrite)
    let outputs = source.graph.operations.map(\.output)
    var count = 0
    for activation in outputs {
      guard let stored = try source.storedTensor(activation) else { continue }
      guard stored.shape == source.graph.shape(of: activation, in: source.inputs) else {
        throw BadInput(
          file: file, place: activation.path,
          problem: "has the shape \(stored.shape), which is not the model's",
          remedy: "judge it by `touchstone diff`, which says what is due")
      }
      try writer.write(activation, Sketch(stored, of: activation, in: source.graph, source.inputs))
      count += 1
    }
    for activation in outputs {
      if let floor = try source.noiseFloor(of: activation) {
        try writer.writeNoiseFloor(of: activation, floor)
      }
    }
    try writer.finish()
    Console.line("\(out): \(count) activations")
  }
}
