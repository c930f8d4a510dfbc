import CSpecification
import TouchstoneModel

/// The numbered specification of `Docs/Specification`, as a value.
public struct Specification: Sendable {
  /// The chapters, in the order of learning.
  public let chapters: [Chapter]

  /// Every clause, in the order of the chapters.
  public var clauses: [Clause] { chapters.flatMap(\.clauses) }

  /// The clause of that id; nil where there is none.
  public subscript(id: String) -> Clause? {
    clauses.first { $0.id == id }
  }

  /// Collects chapters after checking that no clause id occurs twice.
  ///
  /// - Throws: ``BadInput`` naming the second clause of one id.
  public init(chapters: [Chapter]) throws(BadInput) {
    var seen: Set<String> = []
    for chapter in chapters {
      for clause in chapter.clauses where !seen.insert(clause.id).inserted {
        throw BadInput(
          file: chapter.file, place: "line \(clause.line)", problem: "\(clause.id) stands for another clause",
          remedy: "give the new clause an id that was never used")
      }
    }
    self.chapters = chapters
  }

  /// The chapters as they were when the program was built.
  ///
  /// - Throws: ``BadInput`` naming the place that does not have the form of a clause.
  public static func embedded() throws(BadInput) -> Specification {
    var chapters: [Chapter] = []
    var index: Int32 = 0
    while let name = touchstone_chapter_name(index), let text = touchstone_chapter_text(index) {
      chapters.append(try Chapter(markdown: String(cString: text), file: String(cString: name)))
      index += 1
    }
    return try Specification(chapters: chapters)
  }
}

/// One chapter: a step of the path from text to the next token.
public struct Chapter: Sendable, Equatable {
  /// The file in `Docs/Specification`.
  public let file: String
  /// The title with its number, such as `5 Attention`.
  public let title: String
  /// The clauses, in the order of the text.
  public let clauses: [Clause]
}

/// One sentence that can be wrong, and what belongs to it.
public struct Clause: Sendable, Equatable, Identifiable {
  /// The stable id, such as `ATT-7`.
  public let id: String
  /// The sentence.
  public let statement: String
  /// The formula with its shapes.
  public let formula: String
  /// The paper and section, the program, or this specification.
  public let source: String
  /// What an implementation may do otherwise, and within which bound.
  public let freedom: String
  /// What holds at the edges; nil where there is nothing to say.
  public let edgeCases: String?
  /// Lines that say that a function of the reference has a value.
  public let examples: [Example]
  /// The line of its heading in the chapter's file, from 1.
  public let line: Int

  /// A line of an `example` block.
  public struct Example: Sendable, Hashable {
    /// The text, such as `softmax([0, 0]) == [0.5, 0.5]`.
    public let text: String
    /// Its line in the chapter's file, from 1.
    public let line: Int
  }
}
