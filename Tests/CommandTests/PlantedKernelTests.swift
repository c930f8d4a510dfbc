import Foundation
import Testing
import TouchstoneConformance
import TouchstoneGraph
import TouchstoneModel
import TouchstoneProperties
import TouchstoneTestSupport

/// From a bug in a kernel of the SIMD implementation to the command that shows it, without a golden to begin with.
@Suite struct PlantedKernelTests {
  /// A bug, the smallest model that shows it, and the operation that is spoilt there.
  struct Planted: CustomTestStringConvertible, Sendable {
    let bug: PlantedKernel
    let smallest: String
    let operation: Activation
    var testDescription: String { bug.rawValue }

    /// The bug as an engine that the properties do not look into, and that a person runs as a program.
    var engine: Engine {
      let program = Program.executable.deletingLastPathComponent().appending(path: "PlantedEngine").path
      return Engine(
        "planted \(bug)",
        verifyCommand: { "touchstone verify \($0) --exec \"\(program) \(bug) {golden} {capture}\"" }
      ) { try bug.transformer($0) }
    }
  }

  static let planted = [
    Planted(
      bug: .softmax, smallest: "T=2 D=1 H=1 F=1 V=1, L=1 C=2",
      operation: Activation(.attentionProbabilities, layer: 0)),
    Planted(
      bug: .mask, smallest: "T=2 D=1 H=1 F=1 V=1, L=1 C=2", operation: Activation(.attentionScores, layer: 0)),
    Planted(
      bug: .embedding, smallest: "T=1 D=1 H=1 F=1 V=1, L=1 C=1", operation: Activation(.tokenEmbedding)),
  ]

  @Test(arguments: planted)
  func aBugInAKernelIsFoundShrunkAndShownAgainByThePrintedCommand(_ planted: Planted) throws {
    let failures = ModelProperty.all.lazy.compactMap { property -> ConformanceFailure? in
      guard case .failed(let failure) = property.outcome(for: planted.engine, cases: 12) else { return nil }
      return failure
    }
    // Other properties compare two runs, and their cases show nothing by themselves.
    let failure = try #require(failures.first { $0.operation != nil })
    #expect(failure.operation == planted.operation, "\(failure)")
    #expect(failure.description.contains("smallest case: \(planted.smallest)"), "\(failure)")

    let line = try #require(failure.description.split(separator: "\n").first { $0.contains("by itself: ") })
    let command = String(line.trimmingPrefix("  by itself: "))
    let here = Program(folder: URL(filePath: FileManager.default.currentDirectoryPath))
    let shown = try here.shell(command)
    #expect(shown.code == 1, "\(command): \(shown)")
    #expect(shown.output.contains("\nMISMATCH  \(planted.operation)  "), "\(shown.output)")
    // The implementation without the bug passes the same golden.
    let path = try #require(command.split(separator: " ").first { $0.hasSuffix(".h5") })
    #expect(try here.shell("touchstone verify \(path)").code == 0)
    try FileManager.default.removeItem(atPath: String(path))
    try? FileManager.default.removeItem(atPath: path + ".sha256")
  }
}
