import Foundation
import Testing
import TouchstoneModel
@testable import TouchstoneSpecification

/// Clauses, tests and the reference name each other.
@Suite struct TraceabilityTests {
  static let checkout = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private func specification() throws -> Specification { try .embedded() }

  @Test func everyChapterIsInTheProgramAsItStandsInTheDocuments() throws {
    let folder = Self.checkout.appendingPathComponent("Docs/Specification")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.wholeMatch(of: /[0-9]{2}-.+\.md/) != nil }.sorted()
    let specification = try specification()
    #expect(specification.chapters.map(\.file) == names)
    for (name, chapter) in zip(names, specification.chapters) {
      let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
      #expect(
        try Chapter(markdown: text, file: name) == chapter, "rebuild: the program holds an older \(name)")
      #expect(name.hasPrefix("0" + chapter.title.prefix(1)) || name.hasPrefix(chapter.title.prefix(2)))
    }
  }

  @Test func thereAreAtLeastOneHundredAndTwentyClauses() throws {
    #expect(try specification().clauses.count >= 120)
  }

  @Test func theIDsOfAChapterBeginAlike() throws {
    for chapter in try specification().chapters {
      #expect(Set(chapter.clauses.map { $0.id.prefix { $0 != "-" } }).count == 1, "\(chapter.file)")
    }
  }

  @Test func everyClauseHasATest() throws {
    let held = Set(try ClauseHolders.tests(checkout: Self.checkout).flatMap(\.clauses))
    let missing = try specification().clauses.map(\.id).filter { !held.contains($0) }
    #expect(missing.isEmpty, "no test names \(missing.joined(separator: ", "))")
  }

  @Test func everyTestNamesClausesThatExist() throws {
    let known = Set(try specification().clauses.map(\.id))
    for holder in try ClauseHolders.tests(checkout: Self.checkout) {
      let unknown = holder.clauses.filter { !known.contains($0) }
      #expect(
        unknown.isEmpty,
        "\(holder.file):\(holder.line): \(holder.name) names \(unknown.joined(separator: ", "))")
    }
  }

  @Test func everyMentionInTheSourcesIsOfAClauseThatExists() throws {
    let specification = try specification()
    let known = Set(specification.clauses.map(\.id))
    let prefixes = Set(known.map { String($0.prefix { $0 != "-" }) })
    for folder in ["Sources", "Tests"] {
      for (file, text) in try ClauseHolders.sources(below: folder, of: Self.checkout) {
        for match in text.matches(of: /\b([A-Z]{2,3})-[1-9][0-9]*\b/) where prefixes.contains(String(match.1))
        {
          #expect(known.contains(String(match.0)), "\(file) mentions \(match.0)")
        }
      }
    }
    for clause in specification.clauses {
      let text = [clause.statement, clause.formula, clause.source, clause.freedom, clause.edgeCases ?? ""]
      for match in text.joined(separator: " ").matches(of: /\b([A-Z]{2,3})-[1-9][0-9]*\b/)
      where prefixes.contains(String(match.1)) {
        #expect(known.contains(String(match.0)), "\(clause.id) mentions \(match.0)")
      }
    }
  }

  /// What an operation computes, and what generation chooses: a function or type counts where it is handed out;
  /// initialisers and properties belong to their type.
  @Test func everyFunctionOfTheReferenceCitesItsClauses() throws {
    let declaration = /((?:^ *\/\/\/.*\n)+)^ *(?:public|package) (?:mutating )?(?:func|struct) (\w+)/
      .anchorsMatchLineEndings()
    var count = 0
    let folder = "Sources/Transformer"
    for (file, text) in try ClauseHolders.sources(below: folder, of: Self.checkout)
    where file.hasSuffix("Reference.swift") || file.contains("/Reference/Generation/") {
      for match in text.matches(of: declaration) {
        count += 1
        #expect(match.1.contains(/\b[A-Z]{2,3}-[1-9]/), "\(file): \(match.2) cites no clause")
      }
    }
    #expect(count >= 25)
  }
}
