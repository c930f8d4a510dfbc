import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneSIMD
import TouchstoneVerdict

/// What Hugging Face computes in float32 of each family, and what our implementation does, judged by the definition.
@Suite struct FamilyCaptureTests {
  static let folders: [URL] = {
    let root = Fixture.folder.appending(path: "families")
    return ((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []).sorted().map {
      root.appending(path: $0)
    }.filter { FileManager.default.fileExists(atPath: $0.appending(path: "float32.h5").path) }
  }()

  @Test func thereAreCaptures() { #expect(Self.folders.count >= 50) }

  @Test(.clause("GRA-6", "GRA-7", "KER-1"), arguments: folders)
  func huggingFaceAndOurImplementationAreConsistent(folder: URL) throws {
    let capture = try ActivationFile(path: folder.appending(path: "float32.h5").path)
    let sound = try Fixture(folder.appending(path: "float64.h5").path).sound()
    let weights = try Checkpoint(directory: folder).weights.listening(by: sound?.frontEnd)
    let judge = Judge(weights: weights)
    let theirs = try judge.verdict(on: capture)
    #expect(theirs.outcome == .consistent, "\(theirs.flagged)")
    #expect(theirs.notCompared.isEmpty)
    let own = try judge.verdict(
      on: RecordedActivations(of: SIMDTransformer(weights: weights), inputs: capture.inputs))
    #expect(own.outcome == .consistent, "\(own.flagged)")
  }
}
