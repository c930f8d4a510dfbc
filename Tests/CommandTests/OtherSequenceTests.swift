import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel

/// Files of different sequences are never held against each other.
@Suite struct OtherSequenceTests {
  /// A golden, and a capture of the same model for tokens that differ in the last.
  private func withOtherCapture(_ body: (Program, _ golden: String, _ other: String) throws -> Void) throws {
    try Program.inFolder { program in
      let model = try TinyModel()
      let golden = try model.record(program)
      let inputs = try Inputs(tokenIDs: [3, 1, 4, 1, 6], graph: model.weights.graph)
      try model.writeCapture(to: program.path("other.h5"), inputs: inputs)
      try model.writeCapture(to: program.path("capture.h5"))
      try body(program, golden, program.path("other.h5"))
    }
  }

  @Test func certifyRefusesACaptureOfAnotherSequence() throws {
    try withOtherCapture { program, golden, other in
      let result = try program.touchstone("certify", golden, other)
      #expect(result.code == 2 && result.errors.contains("token_ids"), "\(result)")
      try #expect(program.touchstone("certify", golden, program.path("capture.h5")).code == 0)
    }
  }

  @Test func twoCapturesOfDifferentSequencesAreRefused() throws {
    try withOtherCapture { program, _, other in
      let arguments = ["diff", program.path("capture.h5"), other, "--model", program.path("model")]
      let result = try program.touchstone(arguments)
      #expect(result.code == 2 && result.errors.contains("token_ids"), "\(result)")
      let copy = program.path("copy.h5")
      try FileManager.default.copyItem(atPath: other, toPath: copy)
      let same = ["diff", other, copy, "--model", program.path("model")]
      try #expect(program.touchstone(same).code == 0)
    }
  }

  @Test func theHeadAskedIsTheOneShown() throws {
    try Program.inFolder { program in
      func heads(_ options: String...) throws -> [[String: Any]] {
        let result = try program.touchstone(
          ["attention", "--model", Program.shakespeare, "--tokens", "1,2,3", "--json"] + options)
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        return try #require(object?["heads"] as? [[String: Any]])
      }
      let all = try heads()
      #expect(all.count == 4)
      for head in 0..<4 {
        let one = try heads("--head", "\(head)")
        #expect(one.count == 1)
        #expect(NSDictionary(dictionary: one[0]) == NSDictionary(dictionary: all[head]))
      }
    }
  }
}
