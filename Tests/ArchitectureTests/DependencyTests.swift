import Foundation
import Testing

/// Which module may import which, read off the import lines.
@Suite struct DependencyTests {
  private static let checkout = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The modules that each target's sources import.
  private static func imports() throws -> [String: Set<String>] {
    let sources = checkout.appending(path: "Sources")
    var imports: [String: Set<String>] = [:]
    for target in try FileManager.default.contentsOfDirectory(atPath: sources.path) {
      let folder = sources.appending(path: target)
      let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
      for file in files where file.hasSuffix(".swift") {
        let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        for line in text.split(separator: "\n") {
          let words = line.split(separator: " ")
          guard let position = words.firstIndex(of: "import"), position <= 1, position + 1 < words.count,
            position == 0
              || ["@_exported", "@testable", "public", "package", "internal", "private", "@preconcurrency"]
                .contains(words[0])
          else { continue }
          imports[target, default: []].insert(String(words[position + 1]))
        }
      }
    }
    return imports
  }

  /// What a target may import of this package; the system's own modules are free to all.
  @Test(arguments: [
    ("TouchstoneModel", []),
    ("TouchstoneReference", ["TouchstoneModel"]),
    ("TouchstoneVerdict", ["CMoments", "TouchstoneModel", "TouchstoneReference"]),
    ("TouchstoneFaults", ["TouchstoneModel", "TouchstoneReference", "TouchstoneVerdict"]),
    ("TouchstoneFiles", ["CSystem", "TouchstoneModel"]),
    ("TouchstoneHDF5", ["CHDF5", "TouchstoneFiles", "TouchstoneModel"]),
    ("TouchstoneGolden", ["TouchstoneFiles", "TouchstoneHDF5", "TouchstoneModel"]),
    ("TouchstoneCheckpoints", ["TouchstoneFiles", "TouchstoneModel"]),
    ("TouchstoneTokenizer", ["TouchstoneFiles", "TouchstoneModel"]),
    (
      "TouchstoneProperties",
      ["TouchstoneFaults", "TouchstoneModel", "TouchstoneReference", "TouchstoneVerdict"]
    ),
    (
      "TouchstoneConformance",
      [
        "TouchstoneCheckpoints", "TouchstoneFaults", "TouchstoneGolden", "TouchstoneModel",
        "TouchstoneProperties", "TouchstoneReference", "TouchstoneVerdict",
      ]
    ),
  ])
  func importsNothingElseOfThePackage(target: String, allowed: [String]) throws {
    let imports = try #require(try Self.imports()[target])
    let ours = imports.filter { $0.hasPrefix("Touchstone") || ["CHDF5", "CMoments", "CSystem"].contains($0) }
    #expect(ours.subtracting(allowed).isEmpty)
  }

  /// What reads files stands under the trait: the rest builds without the HDF5 library and without other packages.
  @Test func theConformanceModuleImportsFilesOnlyUnderTheirTrait() throws {
    let folder = Self.checkout.appending(path: "Sources/TouchstoneConformance")
    let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    for file in files where file.hasSuffix(".swift") {
      let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
      if text.contains("import TouchstoneGolden") { #expect(text.hasPrefix("#if HDF5\n"), "\(file)") }
    }
  }

  @Test func noModuleImportsATestFramework() throws {
    let importers = try Self.imports().filter { !$0.value.isDisjoint(with: ["Testing", "XCTest"]) }.keys
    #expect(importers.isEmpty)
  }

  @Test func onlyOneModuleImportsTheHDF5Library() throws {
    let importers = try Self.imports().filter { $0.value.contains("CHDF5") }.keys
    #expect(Array(importers) == ["TouchstoneHDF5"])
  }

  @Test func onlyTheFastImplementationImportsTheKernels() throws {
    let importers = try Self.imports().filter { target, modules in
      !target.hasPrefix("TouchstoneKernels") && modules.contains { $0.hasPrefix("TouchstoneKernels") }
    }.keys
    #expect(Array(importers) == ["TouchstoneSIMD"])
  }

  @Test func theReferenceHasNoSIMDNoThreadsAndNoUnsafePointers() throws {
    let folder = Self.checkout.appending(path: "Sources/TouchstoneReference")
    let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    let sources = files.filter { $0.hasSuffix(".swift") }
    #expect(!sources.isEmpty)
    for file in sources {
      let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
      for word in ["SIMD4", "SIMD8", "SIMD16", "Unsafe", "Dispatch", "Thread(", "Task {", "async "] {
        #expect(!text.contains(word), "\(file) contains \(word)")
      }
    }
  }
}
