import ArgumentParser
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReports
import TouchstoneVerdict

/// Where the next token is the same for every honest implementation.
struct Certify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "certify",
    abstract: "Says at which positions rounding cannot change the next token.",
    discussion: """
      At each position every implementation whose logits lie within twenty times the golden's noise floor chooses \
      the same arg max, top-k set and top-p set, or the choice is a tie within rounding and either is right. With a \
      capture, what it chose is held against that: exit code 1 where a choice that is certain differs.

      Example:
        touchstone certify golden/cases/shakespeare-short.h5 --top-k 5 --top-p 0.9
      """)

  @Argument(help: ArgumentHelp("What the reference recorded.", valueName: "golden.h5"))
  var golden: String

  @Argument(help: ArgumentHelp("What an implementation computed.", valueName: "capture.h5"))
  var capture: String?

  @Option(help: "Asks for the set of the k greatest logits too.")
  var topK: Int?

  @Option(help: "Asks for the smallest set whose probabilities reach p too.")
  var topP: Double?

  @Option(help: "What divides the logits before the top-p set is taken.")
  var temperature = 1.0

  @OptionGroup var reading: TrustOption

  @Flag(help: "Prints one JSON object.")
  var json = false

  func validate() throws {
    if let topK, topK < 1 { throw ValidationError("--top-k is at least 1.") }
    if let topP, !(topP > 0 && topP <= 1) { throw ValidationError("--top-p is above 0 and at most 1.") }
    guard temperature > 0, temperature.isFinite else {
      throw ValidationError("--temperature is above 0: at 0 the arg max is taken.")
    }
  }

  func run() throws {
    try reading.apply()
    let golden = try ActivationFile(path: golden)
    guard golden.kind == .golden else {
      throw BadInput(
        file: golden.path, problem: "is a capture, and the noise floor stands in a golden",
        remedy: "name the golden first")
    }
    guard golden.graph.results.logits != nil else {
      throw BadInput(
        file: golden.path, problem: "is of a model that makes no next token",
        remedy: "give a golden of one that does")
    }
    guard let certificate = try TokenCertificate(golden: golden) else {
      Console.error("touchstone: \(golden.path) has no noise floor of its logits, so nothing is certain")
      throw ExitCode(3)
    }
    let question = CertificateReport.Question(topK: topK, topP: topP, temperature: temperature)
    let report = CertificateReport(certificate, question, capture: try own(golden))
    Console.write(json ? report.json() : report.terminal())
    if !report.violations.isEmpty { throw ExitCode(1) }
  }

  /// The capture's own choices.
  private func own(_ golden: ActivationFile) throws -> TokenCertificate? {
    guard let path = capture else { return nil }
    let file = try ActivationFile(path: path, against: golden)
    guard let point = golden.graph.results.logits else {
      throw BadInput(
        file: golden.path, problem: "is of a model without logits", remedy: "certify a language model")
    }
    guard file.kind == .capture else {
      throw BadInput(
        file: path, problem: "is a golden, which holds what the reference computed and no implementation",
        remedy: "name what an implementation computed")
    }
    guard file.graph == golden.graph else {
      throw BadInput(
        file: path, problem: "was made for another model than \(golden.path)",
        remedy: "capture the golden's own model")
    }
    do throws(BadInput) {
      try file.checkSameSequence(as: golden)
    } catch {
      throw error.inFile(path)
    }
    guard let logits = try file.tensor(point),
      logits.shape == golden.graph.shape(of: point, in: golden.inputs)
    else {
      throw BadInput(
        file: path, place: point.path, problem: "is missing or has another shape",
        remedy: "record the logits of every position")
    }
    guard logits.values.allSatisfy(\.isFinite) else {
      throw BadInput(
        file: path, place: point.path, problem: "holds values that are not finite",
        remedy: "judge it by `touchstone diff` first")
    }
    return TokenCertificate(logits: logits, radii: [Double](repeating: 0, count: logits.rowCount))
  }
}
