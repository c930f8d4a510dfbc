import TouchstoneVerdict

/// A token certificate as a table: where the next token is certain, and where it is a tie within rounding.
public struct CertificateReport: Sendable {
  /// What is asked for at each position.
  public struct Question: Sendable {
    /// k of the top-k set; nil where it is not asked for.
    public let topK: Int?
    /// p of the top-p set; nil where it is not asked for.
    public let topP: Double?
    /// What divides the logits before the top-p set is taken.
    public let temperature: Double

    /// Asks for the arg max, and for the sets that are not nil.
    public init(topK: Int? = nil, topP: Double? = nil, temperature: Double = 1) {
      self.topK = topK
      self.topP = topP
      self.temperature = temperature
    }

    func choices(_ certificate: TokenCertificate, at position: Int) -> [(String, TokenCertificate.Choice)] {
      [("arg max", certificate.argMax(at: position))]
        + (topK.map { [("top-\($0)", certificate.topK($0, at: position))] } ?? [])
        + (topP.map {
          [("top-p \($0)", certificate.topP($0, temperature: temperature, at: position))]
        } ?? [])
    }
  }

  private let certificate: TokenCertificate
  private let question: Question
  private let choices: [[(name: String, choice: TokenCertificate.Choice)]]
  private let chosen: [[TokenCertificate.Choice]]?

  /// Answers a question at every position.
  ///
  /// - Parameter capture: the certificate of an implementation's own logits, with radii of 0; nil for none.
  public init(_ certificate: TokenCertificate, _ question: Question, capture: TokenCertificate? = nil) {
    self.certificate = certificate
    self.question = question
    choices = certificate.radii.indices.map { position in
      question.choices(certificate, at: position).map { (name: $0.0, choice: $0.1) }
    }
    chosen = capture.map { capture in
      capture.radii.indices.map { question.choices(capture, at: $0).map(\.1) }
    }
  }

  /// Positions at which the capture chose what no implementation within the radius can choose.
  public var violations: [Int] {
    choices.indices.filter { position in
      zip(choices[position], chosen?[position] ?? []).contains { wanted, own in
        !Self.isAdmitted(own, by: wanted.choice)
      }
    }
  }

  private static func isAdmitted(_ own: TokenCertificate.Choice, by choice: TokenCertificate.Choice) -> Bool {
    switch own {
    case .certain(let ids): choice.admits(ids)
    // Equal logits: whichever of them it takes must be admitted.
    case .tie(let certain, let contenders):
      switch choice {
      case .certain: false
      case .tie(let sure, let others):
        sure.isSubset(of: certain.union(contenders)) && certain.isSubset(of: sure.union(others))
      }
    }
  }

  /// The answer in one line: how many positions are certain, and where the ties are.
  public var sentence: String {
    let count = choices.count
    return (choices.first ?? []).indices.map { index in
      let ties = choices.indices.filter { !choices[$0][index].choice.isCertain }
      let shown = ties.prefix(8).map(String.init).joined(separator: ", ") + (ties.count > 8 ? ", …" : "")
      return
        "\(choices[0][index].name) certain at \(grouped(count - ties.count)) of \(counted(count, "position"))"
        + (ties.isEmpty ? "" : ", within rounding of a tie at \(shown)")
    }.joined(separator: "; ")
  }

  /// The sentence and a row for each position.
  public func terminal() -> String {
    var table = AlignedColumns(
      [true, true, true, true].map { AlignedColumns.Column(isRight: $0) }
        + (choices.first ?? []).map { _ in AlignedColumns.Column(isRight: false) }
        + (chosen == nil ? [] : [AlignedColumns.Column(isRight: false)]))
    table.add(
      ["position", "token", "margin", "radius"] + (choices.first ?? []).map(\.name)
        + (chosen == nil ? [] : ["capture"]))
    let violations = Set(violations)
    for position in choices.indices {
      let row = certificate.logits.row(position)
      let best = row.indices.max { (row[$0], $1) < (row[$1], $0) }.map { $0 - row.startIndex } ?? 0
      table.add(
        [
          String(position), String(best), relativeText(certificate.margin(at: position)),
          relativeText(certificate.radii[position]),
        ] + choices[position].map { Self.text($0.choice) }
          + (chosen == nil ? [] : [violations.contains(position) ? "DIFFERS" : "as it may"]))
    }
    return ([sentence, ""] + table.lines()).joined(separator: "\n") + "\n"
  }

  private static func text(_ choice: TokenCertificate.Choice) -> String {
    guard case .tie(let certain, let contenders) = choice else { return "certain" }
    let ids = contenders.sorted().prefix(6).map(String.init).joined(separator: " ")
    return "tie: \(certain.count) certain, of \(ids)\(contenders.count > 6 ? " …" : "")"
  }

  /// One JSON object: `certain` and `contenders` hold token ids, rising.
  public func json() -> String {
    OrderedJSON.object([
      ("allowance", .number(TokenCertificate.allowance)),
      ("temperature", .number(question.temperature)),
      ("violations", .array(violations.map { .integer($0) })),
      (
        "positions",
        .array(
          choices.indices.map { position in
            .object(
              [
                ("position", .integer(position)),
                ("margin", .number(certificate.margin(at: position))),
                ("radius", .number(certificate.radii[position])),
              ] + choices[position].map { ($0.name.replacing(" ", with: "_"), Self.object($0.choice)) })
          })
      ),
    ]).text() + "\n"
  }

  private static func object(_ choice: TokenCertificate.Choice) -> OrderedJSON {
    let (certain, contenders): (Set<Int>, Set<Int>) =
      switch choice {
      case .certain(let ids): (ids, [])
      case .tie(let certain, let contenders): (certain, contenders)
      }
    return .object([
      ("is_certain", .bool(choice.isCertain)),
      ("certain", .array(certain.sorted().map { .integer($0) })),
      ("contenders", .array(contenders.sorted().map { .integer($0) })),
    ])
  }
}
