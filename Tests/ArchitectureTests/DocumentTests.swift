import Foundation
import Testing

/// The pages on adding to the package quote its sources, and their lists are what the package has.
@Suite struct DocumentTests {
  private static let checkout = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The pages that quote.
  static let pages = ["Docs/Adding-a-family.md", "Docs/Adding-an-operation.md"]

  private static func lines(_ path: String) throws -> [Substring] {
    try String(contentsOf: checkout.appending(path: path), encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// A fenced block and the file that the text in front of it named last, as a path in backticks.
  struct Quotation: CustomTestStringConvertible, Sendable {
    let page: String
    let line: Int
    let file: String?
    let text: [String]
    var testDescription: String { "\(page):\(line) of \(file ?? "no file")" }
  }

  /// The blocks of a page that quote: those of a language, and those without one that are no commands.
  private static func quotations(_ page: String) throws -> [Quotation] {
    var (found, block, file): ([Quotation], [String]?, String?) = ([], nil, nil)
    var (start, isQuoted) = (0, false)
    for (index, line) in try lines(page).enumerated() {
      if line.hasPrefix("```") {
        if let text = block, isQuoted || text.first?.hasPrefix("###") == true {
          found.append(Quotation(page: page, line: start, file: file, text: text))
        }
        block = block == nil ? [] : nil
        (start, isQuoted) = block == nil ? (start, isQuoted) : (index + 1, line.count > 3)
      } else if block != nil {
        block?.append(String(line))
      } else if let path = line.matches(of: /`((?:Sources|Tests|Docs)\/[^`]+\.\w+|Package\.swift)`/).last {
        file = String(path.1)
      }
    }
    return found
  }

  static let quotations: [Quotation] = pages.flatMap { (try? quotations($0)) ?? [] }

  @Test func thePagesQuoteTheirSources() {
    for page in Self.pages { #expect(Self.quotations.count { $0.page == page } >= 10, "\(page)") }
  }

  /// Verbatim, but for how far the whole block is indented.
  @Test(arguments: quotations) func aQuotedBlockStandsInItsFile(quotation: Quotation) throws {
    let path = try #require(quotation.file, "no file is named before it")
    let source = try Self.lines(path)
    let stands = source.indices.contains { start in
      guard start + quotation.text.count <= source.count else { return false }
      let indent = source[start].prefix { $0 == " " }
      return zip(quotation.text, source[start...]).allSatisfy { quoted, line in
        line == (quoted.isEmpty ? "" : indent + quoted)
      }
    }
    #expect(stands, "\(path) does not hold it:\n\(quotation.text.joined(separator: "\n"))")
  }

  @Test(arguments: pages) func everyFileThatAPageNamesExists(page: String) throws {
    for line in try Self.lines(page) {
      for path in line.matches(of: /`((?:Sources|Tests|Docs|Scripts)\/[^` ]+)`|\]\((?!http)([^)#]+)\)/) {
        let name = path.1.map(String.init) ?? path.2.map { "Docs/" + $0 } ?? ""
        let url = Self.checkout.appending(path: name)
        #expect(FileManager.default.fileExists(atPath: url.path), "\(name)")
      }
    }
  }

  // MARK: An operation

  /// The names of the kinds, in the spelling of `Operation.Kind`.
  private static func kinds() throws -> [String] {
    let lines = try lines("Sources/Transformer/Graph/Operation.swift")
    let start = try #require(lines.firstIndex { $0.contains("enum Kind: ") })
    return lines[start...].prefix { $0 != "  }" }.compactMap { $0.firstMatch(of: /^    case (\w+)\(/) }.map {
      String($0.1)
    }
  }

  /// The files that list kinds: those of the table that are neither of the room, nor the manifest, nor the builder.
  private static let dispatches = [
    "Sources/Transformer/Graph/Operation.swift", "Sources/Transformer/Reference/Evaluated.swift",
    "Sources/Transformer/Verdict/Bounds/Bounded.swift", "Sources/Transformer/Faults/Faulty.swift",
    "Sources/Transformer/Faults/Honest/Honest.swift",
  ]

  /// An added kind changes what the table says, and nothing else of `Sources`.
  @Test func theTableOfFilesIsWhereThePackageNamesAnOperation() throws {
    let rows = try Self.lines("Docs/Adding-an-operation.md")
      .compactMap { $0.firstMatch(of: /^\| `([^`]+)` \|/) }.map { String($0.1) }
    let folder = Self.checkout.appending(path: "Sources")
    let sources = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    let naming = try sources.filter { $0.hasSuffix(".swift") }.map { "Sources/" + $0 }.filter { path in
      let text = try String(contentsOf: Self.checkout.appending(path: path), encoding: .utf8)
      return text.contains(/\bSoftCap\b|\bsoftCap\b/)
    }
    // A family that has soft caps names what it is made of, not the kind; the fast implementation need not know it.
    let others = naming.filter { path in
      !["TouchstoneFamilies/", "TouchstoneSIMD/", "TouchstoneKernels"].contains {
        path.hasPrefix("Sources/" + $0)
      }
    }
    #expect(Set(rows) == Set(others + ["Package.swift"]))
    #expect(rows.count == Set(rows).count)
    #expect(Set(rows).isSuperset(of: Self.dispatches))
  }

  @Test(arguments: dispatches) func everyDispatchListsEveryKind(path: String) throws {
    let text = try Self.lines(path).joined(separator: "\n")
    let kinds = try Self.kinds()
    #expect(kinds.count >= 15)
    for kind in kinds { #expect(text.contains("case .\(kind)"), "\(path) lists no \(kind)") }
  }

  // MARK: A family

  /// A family that is written is one that is read.
  @Test func everyFamilyIsInTheListAndHasAFileOfItsOwn() throws {
    let folder = "Sources/TouchstoneFamilies"
    let files = try FileManager.default.contentsOfDirectory(
      atPath: Self.checkout.appending(path: folder).path)
    var declared: [String] = []
    for file in files.sorted() where file.hasSuffix(".swift") {
      let text = try Self.lines("\(folder)/\(file)").joined(separator: "\n")
      let names = text.matches(of: /public static let (\w+) = Family\(/).map { String($0.1) }
      #expect(names.count <= 1, "\(file) holds \(names)")
      for name in names { #expect(file.lowercased().hasPrefix(name.lowercased()), "\(file) holds \(name)") }
      declared += names
    }
    let list = try #require(
      Self.lines("\(folder)/Family.swift").joined(separator: " ")
        .firstMatch(of: /static let all: \[Family\] = \[([^\]]*)\]/))
    let listed = list.1.matches(of: /\.(\w+)/).map { String($0.1) }
    #expect(Set(listed) == Set(declared) && listed.count == declared.count, "\(listed), \(declared)")
  }
}
