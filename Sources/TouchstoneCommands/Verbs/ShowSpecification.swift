import ArgumentParser
import Foundation
import TouchstoneModel
import TouchstoneSpecification

/// The numbered clauses, and the tests that hold each.
struct ShowSpecification: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "specification",
    abstract: "Lists the numbered clauses, and the tests that hold each.",
    discussion: """
      The clauses are part of the program. Their tests are looked up in the sources: below --checkout, else in \
      the current folder or above it; elsewhere the clauses are listed without their tests.

      Example:
        touchstone specification --clause ATT-7
      """)

  @Option(help: ArgumentHelp("Shows one clause with all that belongs to it.", valueName: "id"))
  var clause: String?

  @Option(help: ArgumentHelp("The folder of the sources of Touchstone.", valueName: "folder"))
  var checkout: String?

  func run() throws {
    let specification = try Specification.embedded()
    let tests = try holders()
    if let clause {
      guard let found = specification[clause.uppercased()] else {
        throw BadInput(
          place: "--clause", problem: "there is no clause \(clause)",
          remedy: "`touchstone specification` lists all")
      }
      return Console.line(found.description(tests: tests?[found.id, default: []]))
    }
    for chapter in specification.chapters {
      Console.line("\(chapter.title)\n")
      for clause in chapter.clauses {
        Console.line("\(clause.id)  \(clause.statement)")
        if let tests {
          Console.line("       \(tests[clause.id, default: []].map(\.name).joined(separator: ", "))")
        }
      }
      Console.line("")
    }
    let count = specification.clauses.count
    let held = tests.map { tests in
      "; tests hold \(specification.clauses.count { tests[$0.id] != nil }) of them"
    }
    Console.line("\(count) clauses\(held ?? "; no sources are here to look up their tests: give --checkout")")
  }

  /// The tests by clause; nil where there are no sources.
  private func holders() throws -> [String: [ClauseHolder]]? {
    let folder = checkout.map { URL(fileURLWithPath: $0) } ?? ClauseHolders.checkout(around: ".")
    guard let folder else { return nil }
    guard ClauseHolders.isCheckout(folder) else {
      throw BadInput(
        file: folder.path, problem: "holds no sources of Touchstone", remedy: "give the folder of a checkout")
    }
    return try ClauseHolders.tests(checkout: folder).reduce(into: [:]) { tests, holder in
      for clause in holder.clauses { tests[clause, default: []].append(holder) }
    }
  }
}

extension Clause {
  /// The clause as a person reads it.
  fileprivate func description(tests: [ClauseHolder]?) -> String {
    var lines = [
      "\(id)  \(statement)", "", "formula   \(formula)", "source    \(source)", "freedom   \(freedom)",
    ]
    if let edgeCases { lines.append("edges     \(edgeCases)") }
    lines += examples.map { "example   \($0.text)" }
    lines += (tests ?? []).map { "test      \($0.name)  \($0.file):\($0.line)" }
    return lines.joined(separator: "\n")
  }
}
