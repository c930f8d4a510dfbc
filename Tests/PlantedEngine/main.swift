// The SIMD implementation with a bug planted in one of its kernels, as somebody's program: it reads a golden that holds
// its weights, and writes a capture.
//
//     PlantedEngine softmax|mask|embedding GOLDEN CAPTURE

import TouchstoneGolden
import TouchstoneModel
import TouchstoneTestSupport

let arguments = CommandLine.arguments
guard arguments.count == 4, let bug = PlantedKernel(rawValue: arguments[1]) else {
  throw BadInput(problem: "usage: PlantedEngine softmax|mask|embedding GOLDEN CAPTURE")
}
let golden = try ActivationFile(path: arguments[2])
guard let weights = try golden.weights() else {
  throw BadInput(file: arguments[2], problem: "holds no weights")
}
let writer = try ActivationFileWriter(
  path: arguments[3], kind: .capture, model: golden.model, inputs: golden.inputs,
  provenance: ["producer": "PlantedEngine", "precision": "float32"])
try bug.transformer(weights).forward(golden.inputs) { try writer.write($0, $1) }
try writer.finish()
