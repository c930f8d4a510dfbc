import Foundation
import TouchstoneModel

/// A test, a property or a function of the reference that names clauses.
public struct ClauseHolder: Sendable, Hashable {
  /// The clauses that it names.
  public let clauses: [String]
  /// Its name: of a test function, a suite, or a property.
  public let name: String
  /// The path of its file, from the root of the checkout.
  public let file: String
  /// The line where the clauses stand, from 1.
  public let line: Int
}

/// Who names which clauses, found in the sources of a checkout.
public enum ClauseHolders {
  /// The tests and properties below `checkout`.
  ///
  /// A test names its clauses by the trait `.clause("ATT-7")`, a property by `clauses: ["ATT-7"]`.
  ///
  /// - Throws: ``BadInput`` when a source cannot be read.
  public static func tests(checkout: URL) throws(BadInput) -> [ClauseHolder] {
    let tests = try sources(below: "Tests", of: checkout)
    let properties = try sources(below: "Sources/TouchstoneProperties", of: checkout)
    return (tests + properties).flatMap { holders(in: $0.text, file: $0.file) }
  }

  /// Whether a folder is a checkout of Touchstone.
  public static func isCheckout(_ folder: URL) -> Bool {
    ["Docs/Specification", "Tests/SpecificationTests"].allSatisfy {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
  }

  /// The checkout that a folder is or lies in; nil where there is none.
  public static func checkout(around folder: String) -> URL? {
    var candidate = URL(fileURLWithPath: folder).standardizedFileURL
    while !isCheckout(candidate) {
      let parent = candidate.deletingLastPathComponent().standardizedFileURL
      guard parent.path != candidate.path, candidate.path != "/" else { return nil }
      candidate = parent
    }
    return candidate
  }

  /// The Swift files below a folder of a checkout, in the order of their paths; none where there is no such folder.
  public static func sources(
    below folder: String, of checkout: URL
  ) throws(BadInput) -> [(file: String, text: String)] {
    let root = checkout.appendingPathComponent(folder)
    let paths = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
    var files: [(file: String, text: String)] = []
    for path in paths.sorted() where path.hasSuffix(".swift") {
      do {
        files.append(
          (folder + "/" + path, try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)))
      } catch {
        throw BadInput(file: folder + "/" + path, problem: "cannot be read", remedy: "check its permissions")
      }
    }
    return files
  }

  /// The holders that one source declares.
  static func holders(in text: String, file: String) -> [ClauseHolder] {
    let trait = /\.clause\(([^)]*)\)/
    let property = /Property\(\s*"([^"]+)",\s*clauses: \[([^\]]*)\]/
    let declaration = /(?:func|struct|class|enum)\s+`?([^`(<:{]+?)`?\s*[(<:{]/
    var holders: [ClauseHolder] = []
    func add(_ ids: Substring, name: Substring?) {
      let clauses = ids.matches(of: /"([^"]*)"/).map { String($0.1) }
      guard !clauses.isEmpty else { return }
      let line = text[..<ids.startIndex].count { $0 == "\n" } + 1
      holders.append(ClauseHolder(clauses: clauses, name: String(name ?? "?"), file: file, line: line))
    }
    for match in text.matches(of: trait) {
      add(match.1, name: text[match.range.upperBound...].firstMatch(of: declaration)?.1)
    }
    for match in text.matches(of: property) {
      add(match.2, name: match.1)
    }
    return holders
  }
}
