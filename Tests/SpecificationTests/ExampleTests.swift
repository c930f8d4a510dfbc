import Testing
import TouchstoneModel
import TouchstoneSpecification

/// The examples of the chapters, run.
@Suite struct ExampleTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let chapter: String
    let example: Clause.Example
    var testDescription: String { "\(chapter):\(example.line): \(example.text)" }
  }

  static let cases: [Case] =
    ((try? Specification.embedded())?.chapters ?? []).flatMap { chapter in
      chapter.clauses.flatMap(\.examples).map { Case(chapter: chapter.file, example: $0) }
    }

  @Test func thereAreExamples() {
    #expect(Self.cases.count > 40)
  }

  @Test(arguments: cases)
  func theReferenceGivesTheValueOfTheExample(_ example: Case) throws {
    let expression = try ExampleExpression(example.example.text)
    let actual = try expression.evaluated()
    #expect(
      agree(actual, expression.expected, exactly: expression.isExact),
      "the reference gives \(actual.numbers)")
  }

  @Test(arguments: [
    ("softmax([0, 0]) == [0.5, 0.25]", false), ("softmax([0, 0]) == [0.5, 0.5, 0]", false),
    ("softmax([0, 0]) == [[0.5, 0.5]]", false), ("geluTanh(1) == 0.84", false),
    ("softmax([nan]) == [0]", false), ("softmax([0, 0]) == [0.5, nan]", false),
    ("sum([[0]], [[-0.0]]) == [[-0.0]]", false), ("sum([[0]], [[-0.0]]) == [[0]]", true),
  ])
  func aWrongExampleIsFound(text: String, isRight: Bool) throws {
    let expression = try ExampleExpression(text)
    #expect(agree(try expression.evaluated(), expression.expected, exactly: expression.isExact) == isRight)
  }

  @Test(arguments: [
    "softmax([0]", "softmax[0] == [1]", "softmax([0]) = [1]", "softmax([0]) == [1] and more",
    "noFunction(1) == 1", "layerNorm([[1]]) == [[1]]", "softmax([zero]) == [1]", "",
  ])
  func aMalformedExampleIsRefused(text: String) {
    #expect(throws: BadInput.self) { try ExampleExpression(text).evaluated() }
  }

  private func agree(_ actual: ExampleValue, _ expected: ExampleValue, exactly: Bool) -> Bool {
    let (values, wanted) = (actual.numbers, expected.numbers)
    let tolerance = exactly ? 0 : 1e-14 * (wanted.map(abs).max() ?? 0)
    return actual.shape == expected.shape
      && zip(values, wanted).allSatisfy { value, want in
        if exactly { return value.bitPattern == want.bitPattern || (value.isNaN && want.isNaN) }
        return abs(value - want) <= tolerance
      }
  }
}
