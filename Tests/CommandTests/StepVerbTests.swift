import Foundation
import Testing
import TouchstoneGolden
import TouchstoneModel
import TouchstoneOptimiser
import TouchstoneTestSupport

/// Steps of an optimiser, as the program judges and takes them.
@Suite struct StepVerbTests {
  /// A step of AdamW in float32, of which `change` is made to the parameter.
  private func write(
    _ path: String, withoutMoment: Bool = false, change: (Float) -> Float = { $0 }
  ) throws {
    var settings = StepSettings(.adamw, t: 1, lr: 0.01)
    (settings.beta1, settings.beta2, settings.epsilon, settings.weightDecay) = (0.9, 0.99, 1e-6, 0.1)
    let step = try StepDescription(
      place: "step", groups: [StepDescription.Group(names: ["w"], settings: settings)], parameters: ["w"])
    let theta = (0..<24).map { Float($0) / 16 - 0.7 }
    let gradient = (0..<24).map { Float(($0 * 7) % 24) / 64 - 0.2 }
    let first = gradient.map { Float(1 - 0.9) * $0 }
    let second = gradient.map { Float(1 - 0.99) * $0 * $0 }
    let made = theta.indices.map { index in
      let update = first[index] / Float(1 - 0.9) / ((second[index] / Float(1 - 0.99)).squareRoot() + 1e-6)
      return change(theta[index] * Float(1 - 0.01 * 0.1) - 0.01 * update)
    }
    let writer = try StepFileWriter(path: path, kind: .capture, provenance: ["precision": "float32"])
    try writer.write(step)
    var tensors: [(StepQuantity, [Float])] = [
      (.thetaBefore, theta), (.gradient, gradient), (.firstMoment, first),
    ]
    if !withoutMoment { tensors.append((.secondMoment, second)) }
    for (quantity, values) in tensors + [(.theta, made)] {
      try writer.write(quantity, of: "w", in: step, Tensor(values.map(Double.init), shape: [4, 6]))
    }
    try writer.finish()
  }

  @Test(.clause("OPT-1", "OPT-2")) func aStepIsJudgedRecordedAndComparedWithItsGolden() throws {
    try Program.inFolder { program in
      try write(program.path("step.h5"))
      let judged = try program.touchstone("step", "step.h5", "--trust", "step.h5")
      #expect(judged.code == 0 && judged.output.hasPrefix("CONSISTENT"), "\(judged)")
      #expect(try program.touchstone("step", "step.h5", "--out", "golden.h5").code == 0)
      #expect(try program.touchstone("step", "step.h5", "--out", "golden.h5").code == 2)
      let bytes = try Data(contentsOf: program.folder.appending(path: "golden.h5"))
      #expect(try program.touchstone("step", "step.h5", "--out", "golden.h5", "--overwrite").code == 0)
      #expect(try Data(contentsOf: program.folder.appending(path: "golden.h5")) == bytes)
      let compared = try program.touchstone("step", "step.h5", "--golden", "golden.h5")
      #expect(compared.code == 0 && compared.output.contains("against golden golden.h5"), "\(compared)")
      for (arguments, said) in [
        (["step", "golden.h5"], "is a golden"), (["step", "step.h5", "--golden", "step.h5"], "is a capture"),
        (["step", "nothing.h5"], "nothing.h5"),
        (["step", Program.checkout.path + "/golden/probes/probe-biases.h5"], "step: is missing"),
      ] {
        let refused = try program.touchstone(arguments)
        #expect(refused.code == 2 && refused.errors.contains(said), "\(refused)")
      }
      #expect(try program.touchstone("step", "step.h5", "--out", "x.h5", "--json").code == 64)
    }
  }

  @Test(.clause("OPT-19")) func whatIsWrongInAStepIsSaidInEveryForm() throws {
    try Program.inFolder { program in
      try write(program.path("step.h5")) { Float(bitPattern: ($0.bitPattern + 0x8000) & 0xFFFF_0000) }
      let said = try program.touchstone("step", "step.h5", "--junit", "s.xml", "--markdown", "s.md")
      #expect(
        said.code == 1 && said.output.contains("cause: what the step makes is stored as bfloat16"), "\(said)")
      let again = try program.touchstone("step", "step.h5", "--junit", "s.xml")
      #expect(again.code == 2, "\(again)")
      let xml = try ParsedXML(String(contentsOfFile: program.path("s.xml"), encoding: .utf8))
      #expect(xml.count("failure") == 1)
      #expect(try String(contentsOfFile: program.path("s.md"), encoding: .utf8).contains("**PROVEN**"))
      let json = try program.touchstone("step", "step.h5", "--json")
      let object = try #require(try JSONValue.parse(Data(json.output.utf8)).object)
      #expect(json.code == 1 && object["verdict"] == .string("mismatch"))
      #expect(object["causes"]?.array?.first?.object?["id"] == .string("stored-bfloat16"))
    }
  }

  @Test func aStepThatLeavesSomethingOutIsAcceptedOnlyWhenAsked() throws {
    try Program.inFolder { program in
      try write(program.path("step.h5"), withoutMoment: true)
      #expect(try program.touchstone("step", "step.h5").code == 3)
      #expect(try program.touchstone("step", "step.h5", "--partial").code == 0)
    }
  }
}
