import Foundation
import Testing
import TouchstoneProperties
import TouchstoneReference

@testable import TouchstoneConformance

/// What the one line that other packages copy puts an engine through, and what it says of what it could not.
@Suite struct SuiteContentsTests {
  @Test func everyGoldenEveryProbeAndEveryPropertyIsInTheSuite() {
    let names = ConformanceCheck.all.map(\.description)
    let wanted =
      BundledCase.goldens.map { "golden " + $0.name } + BundledCase.probes.map { "probe " + $0.name }
      + ["property " + ModelProperty.isConsistent.name] + ModelProperty.all.map { "property " + $0.name }
    #expect(names == wanted)
    #expect(Set(names).count == names.count)
    for kind in [ConformanceCheck.Kind.golden, .probe, .property] {
      #expect(ConformanceCheck.all.count { $0.kind == kind } >= 8, "\(kind)")
    }
  }

  /// A check that was not made passes, and is not silent about it.
  @Test func whatWasNotCheckedIsSaidOnStandardError() throws {
    for check in [ConformanceCheck.goldens[0], ConformanceCheck.properties[0]] {
      let said = try StandardError.captured { try check.run(Unfinished.init) }
      #expect(said.contains("touchstone: \(check) was not checked: not implemented: attention\n"), "\(said)")
    }
    let check = try #require(ConformanceCheck.goldens.first { $0.name == "tiny-heads1" })
    let said = try StandardError.captured { try check.run(ReferenceTransformer.init) }
    #expect(!said.contains("\(check) was not checked"))
  }

  @Test func aFailureIsThrown() throws {
    let check = try #require(ConformanceCheck.goldens.first { $0.name == "tiny-heads1" })
    let failure = try #require(throws: ConformanceFailure.self) { try check.run(Silent.init) }
    #expect(failure.check == "golden tiny-heads1")
  }
}

/// An engine that says it offers nothing yet.
private struct Unfinished: Transformer {
  let graph: Graph

  init(_ weights: Weights) { graph = weights.graph }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) throws {
    throw NotImplemented("attention")
  }
}

/// An engine that hands out nothing.
private struct Silent: Transformer {
  let graph: Graph

  init(_ weights: Weights) { graph = weights.graph }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) throws {}
}

/// The standard error of this process.
private enum StandardError {
  private static let lock = NSLock()

  /// What is written to it meanwhile, by anybody; handed on to it afterwards.
  static func captured(_ body: () throws -> Void) throws -> String {
    lock.lock()
    defer { lock.unlock() }
    let file = FileManager.default.temporaryDirectory.appending(path: "touchstone-\(UUID().uuidString).err")
    try Data().write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let handle = try FileHandle(forWritingTo: file)
    let original = dup(STDERR_FILENO)
    #expect(original >= 0 && dup2(handle.fileDescriptor, STDERR_FILENO) >= 0)
    let result = Result { try body() }
    #expect(dup2(original, STDERR_FILENO) >= 0)
    close(original)
    let text = try Data(contentsOf: file)
    try FileHandle.standardError.write(contentsOf: text)
    try result.get()
    return String(decoding: text, as: UTF8.self)
  }
}
