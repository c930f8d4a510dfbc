import TouchstoneModel

extension Chapter {
  /// Reads a chapter in the form that `Docs/Specification/README.md` describes.
  ///
  /// - Throws: ``BadInput`` naming `file` and the line that does not have that form.
  public init(markdown: String, file: String) throws(BadInput) {
    var parser = ChapterParser(markdown, file: file)
    self = try parser.chapter()
  }

  /// Whether `text` has the form of a clause id: capitals, a hyphen, a number from 1.
  static func isClauseID(_ text: String) -> Bool {
    text.wholeMatch(of: /[A-Z]+-[1-9][0-9]*/) != nil
  }
}

/// Walks through the lines of one chapter.
private struct ChapterParser {
  private let file: String
  private let lines: [Substring]
  private var position = 0

  init(_ markdown: String, file: String) {
    self.file = file
    lines = markdown.split(separator: "\n", omittingEmptySubsequences: false)
  }

  mutating func chapter() throws(BadInput) -> Chapter {
    guard let first = lines.first, first.hasPrefix("# ") else {
      throw wrong("a chapter begins with its title: # 5 Attention")
    }
    let title = String(first.dropFirst(2))
    position = 1
    var clauses: [Clause] = []
    while position < lines.count {
      if lines[position].hasPrefix("### ") {
        clauses.append(try clause())
      } else if lines[position].hasPrefix("```") {
        throw wrong("a fenced block stands under a clause")
      } else {
        position += 1
      }
    }
    return Chapter(file: file, title: title, clauses: clauses)
  }

  private mutating func clause() throws(BadInput) -> Clause {
    let line = position + 1
    let id = String(lines[position].dropFirst(4))
    guard Chapter.isClauseID(id) else { throw wrong("\(id) is no clause id such as ATT-7") }
    position += 1
    let statement = paragraph()
    guard statement.hasSuffix(".") else { throw wrong("\(id) begins with one sentence and ends it") }
    skipBlank()
    var fields = try self.fields()
    func required(_ name: String) throws(BadInput) -> String {
      guard let value = fields.removeValue(forKey: name) else {
        throw wrong("\(id) has no line `- \(name): `")
      }
      return value
    }
    let clause = Clause(
      id: id, statement: statement, formula: try required("Formula"), source: try required("Source"),
      freedom: try required("Freedom"), edgeCases: fields.removeValue(forKey: "Edge cases"),
      examples: try examples(), line: line)
    if let unknown = fields.keys.min() { throw wrong("\(id) has a line `- \(unknown): ` of no known name") }
    return clause
  }

  /// The lines up to a blank one, joined.
  private mutating func paragraph() -> String {
    var words: [Substring] = []
    while position < lines.count, !lines[position].isEmpty, !lines[position].hasPrefix("- ") {
      words.append(lines[position])
      position += 1
    }
    return words.joined(separator: " ")
  }

  /// `- Name: text` with continuation lines that are indented.
  private mutating func fields() throws(BadInput) -> [String: String] {
    var fields: [String: String] = [:]
    while position < lines.count, lines[position].hasPrefix("- ") {
      guard let match = lines[position].wholeMatch(of: /- ([A-Z][a-z ]+): (.+)/) else {
        throw wrong("a line of a clause has the form `- Name: text`")
      }
      var text = String(match.2)
      position += 1
      while position < lines.count, lines[position].hasPrefix("  ") {
        text += " " + lines[position].drop { $0 == " " }
        position += 1
      }
      guard fields.updateValue(text, forKey: String(match.1)) == nil else {
        throw wrong("a clause has each line once, and \(match.1) twice")
      }
    }
    return fields
  }

  /// The lines of the fenced blocks that follow.
  private mutating func examples() throws(BadInput) -> [Clause.Example] {
    var examples: [Clause.Example] = []
    skipBlank()
    while position < lines.count, lines[position].hasPrefix("```") {
      guard lines[position] == "```example" else { throw wrong("a fenced block is an `example`") }
      position += 1
      while position < lines.count, lines[position] != "```" {
        examples.append(Clause.Example(text: String(lines[position]), line: position + 1))
        position += 1
      }
      guard position < lines.count else { throw wrong("the fenced block is not closed") }
      position += 1
      skipBlank()
    }
    return examples
  }

  private mutating func skipBlank() {
    while position < lines.count, lines[position].isEmpty { position += 1 }
  }

  private func wrong(_ problem: String) -> BadInput {
    BadInput(file: file, place: "line \(position + 1)", problem: problem)
  }
}
