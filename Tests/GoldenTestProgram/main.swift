// A program that reads and writes goldens in a process of its own, for tests of what ends a process.
//
//     GoldenTestProgram read FILE           exit 0 when all of it was read, 2 with the reason when not
//     GoldenTestProgram write FILE [BYTES]  writes a golden, no file of which may grow beyond BYTES
//     GoldenTestProgram stall FILE          writes most of a golden, says so, and waits to be killed

import Foundation
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

FileReaderProcess.runIfChild()

func write(_ path: String, stalls: Bool) throws {
  let configuration = try Configuration(
    vocabularySize: 512, contextLength: 64, width: 64, layerCount: 2, headCount: 4)
  let inputs = try Inputs(tokenIDs: Array(0..<64), configuration: configuration)
  let writer = try ActivationFileWriter(
    path: path, kind: .golden, configuration: configuration, inputs: inputs)
  for operation in configuration.graph.operations {
    let shape = configuration.graph.shape(of: operation.output, tokenCount: inputs.count) ?? []
    try writer.write(operation.output, Tensor(repeating: 0.1, shape: shape))
  }
  if stalls {
    print("written")
    fflush(nil)
    while true { sleep(1) }
  }
  try writer.finish()
}

func limitFiles(to byteCount: Int) {
  signal(SIGXFSZ, SIG_IGN)
  var limits = rlimit(rlim_cur: rlim_t(byteCount), rlim_max: rlim_t(byteCount))
  #if canImport(Darwin)
    setrlimit(RLIMIT_FSIZE, &limits)
  #else
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limits)
  #endif
}

let arguments = CommandLine.arguments
do {
  switch arguments[1] {
  case "read": try ActivationFile(path: arguments[2]).checkContents()
  case "stall": try write(arguments[2], stalls: true)
  default:
    if arguments.count > 3, let byteCount = Int(arguments[3]) { limitFiles(to: byteCount) }
    try write(arguments[2], stalls: false)
  }
} catch {
  print(error)
  exit(2)
}
