import Foundation
import Testing
import TouchstoneGolden
import TouchstoneHDF5
import TouchstoneModel
import TouchstoneReports
import TouchstoneTestSupport

@testable import TouchstoneOptimiser

/// Steps as files.
@Suite struct StepFileTests {
  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "touchstone-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private func write(_ steps: RecordedSteps, to path: String) throws {
    let writer = try StepFileWriter(path: path, kind: .capture, provenance: ["precision": "float32"])
    for (index, step) in steps.steps.enumerated() {
      try writer.write(step)
      for quantity in StepQuantity.allCases {
        for name in step.parameters {
          if let tensor = steps[quantity, name, index] {
            try writer.write(quantity, of: name, in: step, tensor)
          }
        }
      }
    }
    try writer.finish()
  }

  @Test(.clause("OPT-1"), arguments: StepSettings.Kind.allCases)
  func aRunComesBackAsItWasWritten(kind: StepSettings.Kind) throws {
    try inFolder { folder in
      var steps = try run(kind, seed: 81, lossScale: 8)
      for index in steps.steps.indices { steps.steps[index].microBatchCount = 0 }
      let path = folder + "/run.h5"
      try write(steps, to: path)
      let file = try StepFile(path: path)
      #expect(file.kind == .capture && file.precision == .float32 && file.steps.count == 2)
      for (index, step) in steps.steps.enumerated() {
        let read = file.steps[index]
        #expect(
          read.place == step.place && read.parameters == step.parameters && read.follows == step.follows)
        #expect(read.norm == step.norm && read.clipNorm == step.clipNorm && read.lossScale == step.lossScale)
        for name in step.parameters {
          #expect(read.settings(of: name) == step.settings(of: name))
          for quantity in StepQuantity.allCases {
            #expect(try file.tensor(quantity, of: name, in: index) == steps[quantity, name, index])
          }
        }
      }
      let verdict = try StepJudge().verdict(on: file)
      #expect(try verdict == StepJudge().verdict(on: steps))
      for text in [
        StepReport(verdict: verdict, capture: path).terminal(),
        StepReport(verdict: verdict, capture: path).markdown(),
      ] {
        #expect(text.contains("CONSISTENT") && text.contains("every difference is rounding"))
      }
    }
  }

  @Test(
    .clause("OPT-1"),
    arguments: [
      ("lr", JSONValue.string("fast"), "step@lr"), ("lr", .number(-1), "step@lr"),
      ("beta1", .number(1), "step@beta1"),
      ("t", .number(0), "step@t"), ("t", .number(1.5), "step@t"), ("kind", .string("adagrad"), "step@kind"),
      ("epsilon_placement", .string("beside"), "step@epsilon_placement"),
      ("clip_norm", .number(0), "step@clip_norm"),
      ("loss_scale", .number(.infinity), "step@loss_scale"),
    ])
  func whatHasNoSenseIsRefusedByItsPlace(name: String, value: JSONValue, place: String) throws {
    try inFolder { folder in
      let path = folder + "/bad.h5"
      let file = try HDF5Writer(path: path)
      for (key, text) in [("format", "touchstone"), ("format_version", "1.2"), ("kind", "capture")] {
        try file.setAttribute(key, of: "/", to: text)
      }
      try file.createGroup("step")
      try file.createGroup("step/theta")
      let values = Data(count: 16)
      try values.withUnsafeBytes { raw in
        try file.writeDataset("step/theta/w", type: .float(.float32), shape: [4], bytes: raw)
      }
      var fields: [String: JSONValue] = [
        "kind": .string("adamw"), "t": .number(3), "lr": .number(0.1), "beta1": .number(0.9),
        "beta2": .number(0.9),
        "epsilon": .number(0),
      ]
      fields[name] = value
      for (name, value) in fields {
        if let text = value.string {
          try file.setAttribute(name, of: "step", to: text)
        } else {
          try file.setAttribute(name, of: "step", to: value.double ?? .nan)
        }
      }
      try file.setFlag("complete", of: "/")
      try file.close()
      let error = try #require(throws: BadInput.self) { try StepFile(path: path) }
      #expect(error.file == path && error.place == place && error.remedy != nil, "\(error)")
    }
  }

  @Test func aFileWithoutAStepIsRefused() throws {
    try inFolder { folder in
      let path = folder + "/none.h5"
      let file = try HDF5Writer(path: path)
      for (key, text) in [("format", "touchstone"), ("format_version", "1.2"), ("kind", "capture")] {
        try file.setAttribute(key, of: "/", to: text)
      }
      try file.setFlag("complete", of: "/")
      try file.close()
      let error = try #require(throws: BadInput.self) { try StepFile(path: path) }
      #expect(error.place == "step" && error.problem.contains("is missing"))
    }
  }
}
