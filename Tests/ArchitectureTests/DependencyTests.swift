import Foundation
import Testing

/// Which module may import which, read off the import lines.
@Suite struct DependencyTests {
  private static let checkout = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The Swift files of each target.
  private static func sources() -> [String: [URL]] {
    let folder = checkout.appending(path: "Sources")
    let paths = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return Dictionary(grouping: paths.filter { $0.hasSuffix(".swift") }, by: target).mapValues { paths in
      paths.sorted().map { folder.appending(path: $0) }
    }
  }

  /// The concerns of `Sources/Transformer`, each a target, by what the names of their files in a room end with.
  private static let concerns = [
    "": "Graph", "Reference": "Reference", "Bound": "Verdict", "Faults": "Faults", "Honest": "Faults",
  ]

  /// The target of a file below `Sources`: its folder, or in `Transformer` the concern that the manifest gives it to.
  private static func target(of path: String) -> String {
    let parts = path.split(separator: "/").map(String.init)
    guard parts[0] == "Transformer" else { return parts[0] }
    guard parts[1] == "Operations" else { return "Touchstone" + parts[1] }
    let ending = String(parts[3].dropFirst(parts[2].count).dropLast(".swift".count))
    return "Touchstone" + (concerns[ending] ?? "NoConcern" + ending)
  }

  /// The modules that each target's sources import.
  private static func imports() throws -> [String: Set<String>] { try found.get() }

  private static let found = Result {
    var imports: [String: Set<String>] = [:]
    for (target, files) in sources() {
      for file in files {
        let text = try String(contentsOf: file, encoding: .utf8)
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
    ("TouchstoneGraph", ["TouchstoneModel"]),
    ("TouchstoneReference", ["TouchstoneGraph", "TouchstoneModel"]),
    ("TouchstoneFamilies", ["TouchstoneGraph", "TouchstoneModel"]),
    ("TouchstoneVerdict", ["CMoments", "TouchstoneGraph", "TouchstoneModel", "TouchstoneReference"]),
    ("TouchstoneOptimiser", ["TouchstoneModel", "TouchstoneVerdict"]),
    (
      "TouchstoneFaults",
      [
        "TouchstoneFamilies", "TouchstoneGraph", "TouchstoneModel", "TouchstoneReference",
        "TouchstoneVerdict",
      ]
    ),
    ("TouchstoneFiles", ["CSystem", "TouchstoneModel"]),
    ("TouchstoneHDF5", ["CHDF5", "TouchstoneFiles", "TouchstoneModel"]),
    (
      "TouchstoneGolden",
      [
        "TouchstoneFamilies", "TouchstoneFiles", "TouchstoneGraph", "TouchstoneHDF5", "TouchstoneModel",
        "TouchstoneOptimiser",
      ]
    ),
    (
      "TouchstoneCheckpoints",
      ["TouchstoneFamilies", "TouchstoneFiles", "TouchstoneGGUF", "TouchstoneGraph", "TouchstoneModel"]
    ),
    ("TouchstoneGGUF", ["TouchstoneFiles", "TouchstoneModel"]),
    ("TouchstoneTokenizer", ["TouchstoneFiles", "TouchstoneGGUF", "TouchstoneModel"]),
    (
      "TouchstoneProperties",
      [
        "TouchstoneFamilies", "TouchstoneFaults", "TouchstoneGraph", "TouchstoneModel",
        "TouchstoneReference", "TouchstoneVerdict",
      ]
    ),
    (
      "TouchstoneConformance",
      [
        "TouchstoneCheckpoints", "TouchstoneFamilies", "TouchstoneFaults", "TouchstoneGolden",
        "TouchstoneGraph", "TouchstoneModel", "TouchstoneProperties", "TouchstoneReference",
        "TouchstoneVerdict",
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
    let sources = try #require(Self.sources()["TouchstoneReference"])
    #expect(sources.count > 20)
    for file in sources {
      let text = try String(contentsOf: file, encoding: .utf8)
      for word in ["SIMD4", "SIMD8", "SIMD16", "Unsafe", "Dispatch", "Thread(", "Task {", "async "] {
        #expect(!text.contains(word), "\(file) contains \(word)")
      }
    }
  }

  /// An operation is added in its folder and in one switch a concern: whoever asks for kinds elsewhere forgets one.
  @Test func kindsOfOperationsAreListedOnlyInTheDispatchOfEachConcern() throws {
    let files = try Self.sources().values.joined().filter {
      let text = try String(contentsOf: $0, encoding: .utf8)
      return $0.path.contains("/Sources/Transformer/")
        && ["case .layerNorm(", "case .layerNorm:"].contains(where: text.contains)
    }
    let dispatches = ["Operation.swift", "Evaluated.swift", "Bounded.swift", "Faulty.swift", "Honest.swift"]
    #expect(Set(files.map(\.lastPathComponent)) == Set(dispatches))
  }

  /// Every room has a file for each concern, and no other: the manifest takes them by name.
  @Test func everyRoomHasAFileForEachConcern() throws {
    let folder = Self.checkout.appending(path: "Sources/Transformer/Operations")
    let manifest = try String(contentsOf: Self.checkout.appending(path: "Package.swift"), encoding: .utf8)
    let rooms = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(rooms.count >= 15)
    for (ending, concern) in Self.concerns {
      #expect(manifest.contains("\"\(concern)\": ["), "\(concern)")
      #expect(manifest.contains("\"\(ending)\""), "\(ending)")
    }
    for room in rooms {
      #expect(manifest.contains("\"\(room)\""), "the manifest does not name \(room)")
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: room).path)
      #expect(Set(files) == Set(Self.concerns.keys.map { "\(room)\($0).swift" }), "\(room)")
    }
  }
}
