import Foundation
import TouchstoneAnalysis
import TouchstoneConformance
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneReports
import TouchstoneSpecification
import TouchstoneTokenizer
import TouchstoneVerdict

/// What a page shows besides the verdict, gathered from the files and the model.
struct PageMaterial {
  private let golden: ActivationFile
  private let capture: any ActivationSource
  /// What the implementation is called.
  private let implementation: String?
  private let text: TokenText

  /// - Parameter finder: where the model of the golden is looked for, whose tokenizer says what tokens are.
  init(
    golden: ActivationFile, capture: any ActivationSource, implementation: String?, finder: WeightsFinder
  ) {
    self.golden = golden
    self.capture = capture
    self.implementation = implementation
    // A page without the texts of tokens is a page still.
    let tokenizer = finder.path(for: golden).flatMap { try? Tokenizer(at: $0) }
    text = TokenText(tokenizer.flatMap { $0.vocabularySize <= golden.graph.vocabularySize ?? 0 ? $0 : nil })
  }

  /// Everything.
  ///
  /// - Parameter command: what to type to judge the same again.
  /// - Throws: what reading the files throws.
  func context(for verdict: Verdict, command: String) throws -> PageContext {
    var context = PageContext()
    context.order = golden.graph.operations.map(\.output)
    context.clauses = try clauses(of: verdict.findings.map(\.activation))
    context.tokens =
      golden.graph.readsArrays
      ? golden.inputs.positionIDs.map(String.init) : golden.inputs.tokenIDs.map(text.visible)
    context.nextTokens = try nextTokens()
    context.files = [file(golden, "Golden"), captured()]
    context.command = command
    context.practice = Dictionary(
      verdict.causes.compactMap { cause in Fault.named(cause.id).map { (cause.id, $0.practice) } }
    ) { first, _ in first }
    return context
  }

  private func clauses(of activations: [Activation]) throws -> [Activation: [PageContext.Clause]] {
    let all = try Specification.embedded().chapters.flatMap { chapter in
      chapter.clauses.map {
        PageContext.Clause(
          id: $0.id, statement: $0.statement.replacing("`", with: ""), chapter: chapter.file)
      }
    }
    let byID = Dictionary(all.map { ($0.id, $0) }) { first, _ in first }
    let ofEach = activations.map { ($0, golden.graph.clauses(of: $0).compactMap { byID[$0] }) }
    return Dictionary(ofEach) { first, _ in first }
  }

  // MARK: Next tokens

  /// How many tokens are shown.
  private static let tokenCount = 10

  /// At the first position where the choices differ, and at the last one.
  private func nextTokens() throws -> [PageContext.NextTokens] {
    guard let point = golden.graph.results.logits, let compared = try NextTokens(of: capture, golden: golden),
      compared.count > 0, let own = try capture.tensor(point), let wanted = try golden.tensor(point)
    else { return [] }
    let last = wanted.rowCount - 1
    var positions = [(last, "the last one")]
    if let first = (compared.differing + compared.unreadable).min(), first != last {
      positions.insert((first, "the first where the choices differ"), at: 0)
    }
    return try positions.map { position, reason in
      PageContext.NextTokens(
        position: position, reason: reason, golden: try choices(wanted.row(position)),
        capture: try choices(own.row(position)))
    }
  }

  private func choices(_ logits: ArraySlice<Double>) throws -> [PageContext.NextTokens.Choice] {
    guard logits.allSatisfy(\.isFinite) else { return [] }
    let logits = Array(logits)
    let distribution = nextTokenDistribution(logits, options: try SamplingOptions(temperature: 1))
    let best = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }.prefix(Self.tokenCount)
    return best.map { PageContext.NextTokens.Choice(token: text.quoted($0), probability: distribution[$0]) }
  }

  // MARK: Files

  private func captured() -> PageContext.File {
    if let file = capture as? ActivationFile { return self.file(file, "Capture") }
    return PageContext.File(
      title: "Capture", facts: [("implementation", implementation ?? "unknown"), ("file", "none was kept")])
  }

  private func file(_ file: ActivationFile, _ title: String) -> PageContext.File {
    let producer = [file.provenance["producer"], file.provenance["producer_version"]].compactMap(\.self)
    let known = ["producer", "producer_version", "implementation", "precision"]
    let more = file.provenance.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }
    return PageContext.File(
      title: title,
      facts: [
        ("file", file.path),
        ("producer", producer.isEmpty ? "not said" : producer.joined(separator: " ")),
        ("implementation", file.provenance["implementation"] ?? implementation ?? "not said"),
        ("model", file.model.line),
        ("weights", file.weightsDigest.map { "SHA-256 " + $0 } ?? "no digest"),
        ("precision", file.precision.name + (file.namesPrecision ? "" : ", which the file does not name")),
        ("tokens", grouped(file.inputs.count)),
        (
          "trust",
          file.hasTrustedDigest
            ? "its bytes match the digest that is kept outside it" : "no digest is kept outside it"
        ),
      ] + more.prefix(8).map { ($0.key, DisplayText.shortened($0.value, to: 200)) })
  }
}

/// A command line to be typed again.
enum ShellLine {
  /// Joins words, quoting those that a shell would change.
  static func text(_ words: [String]) -> String {
    words.map { word in
      let isPlain = word.wholeMatch(of: /[A-Za-z0-9_.\/,:=@%+-]+/) != nil
      return isPlain ? word : ExternalEngine.quoted(word)
    }.joined(separator: " ")
  }

  /// An option and its value; nothing where it is not given.
  static func option(_ name: String, _ value: String?) -> [String] { value.map { [name, $0] } ?? [] }
}
