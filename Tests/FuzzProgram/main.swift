// Reads many files in one process, for Scripts/fuzz.py:
//
//     FuzzProgram hdf5 | manifest | model | gguf | tokenizer
//
// For each path on a line of standard input, a line on standard output: `ok`, or the sentence by which it was refused.

import Foundation
import TouchstoneCheckpoints
import TouchstoneGolden
import TouchstoneModel
import TouchstoneTokenizer

/// Does with the file or folder what the command would.
func read(_ kind: String, _ path: String) throws {
  switch kind {
  case "hdf5":
    let file = try ActivationFile(path: path)
    try file.checkContents()
    guard !(try file.summary().description).isEmpty else { throw BadInput(problem: "says nothing") }
  case "manifest":
    for golden in try GoldenSearch.goldens(at: path) { _ = try ActivationFile(path: golden) }
  case "model", "gguf":
    let weights = try Checkpoint(at: URL(filePath: path)).weights
    for parameter in weights.graph.parameters { _ = weights.float32(parameter) }
  case "tokenizer":
    let tokenizer = try Tokenizer(folder: path)
    let text = "To be, or not\n\u{202e}to be: 愛 <|endoftext|> 1234"
    let ids = try tokenizer.encode(text)
    guard try tokenizer.decode(ids) == text else { throw BadInput(problem: "does not come back") }
  default:
    throw BadInput(problem: "there is no kind \(kind)")
  }
}

let kind = CommandLine.arguments.dropFirst().first ?? ""
while let path = readLine() {
  do {
    try read(kind, path)
    print("ok")
  } catch {
    print(error as? BadInput ?? BadInput(problem: "not a BadInput: \(error)"))
  }
  fflush(nil)
}
