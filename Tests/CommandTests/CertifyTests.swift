import Foundation
import Testing

/// The token certificate as a person and a program see it.
@Suite struct CertifyTests {
  @Test func itNamesEachPositionAndAdmitsAnHonestCapture() throws {
    try Program.inFolder { program in
      let model = try TinyModel()
      let golden = try model.record(program)
      let capture = program.path("capture.h5")
      try model.writeCapture(to: capture)
      let text = try program.touchstone(["certify", golden, capture, "--top-k", "3", "--top-p", "0.9"])
      #expect(text.code == 0, "\(text)")
      #expect(text.output.hasPrefix("arg max certain at "))
      let json = try program.touchstone(["certify", golden, "--json"])
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
      #expect((object["violations"] as? [Int])?.isEmpty == true)
      #expect((object["positions"] as? [Any])?.isEmpty == false)
    }
  }

  @Test func aCertainTokenThatDiffersIsAMismatch() throws {
    try Program.inFolder { program in
      let model = try TinyModel()
      let golden = try model.record(program)
      let capture = program.path("capture.h5")
      try model.writeCapture(to: capture) { activation, tensor in
        guard activation.point == .logits else { return tensor }
        var changed = tensor
        changed.values = changed.values.map { -$0 }
        return changed
      }
      let result = try program.touchstone(["certify", golden, capture])
      #expect(result.code == 1, "\(result)")
      #expect(result.output.contains("DIFFERS"))
    }
  }

  @Test func aCaptureAloneCertifiesNothing() throws {
    try Program.inFolder { program in
      let model = try TinyModel()
      let capture = program.path("capture.h5")
      try model.writeCapture(to: capture)
      #expect(try program.touchstone(["certify", capture]).code == 2)
      #expect(try program.touchstone(["certify", capture, "--top-k", "0"]).code == 64)
    }
  }
}
