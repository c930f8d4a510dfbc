import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What a page shows of one operation when it is opened, in parts of rising detail: a page has as many as there is room for.
struct OperationPanel {
  let finding: Finding
  let id: String
  let verdict: Verdict
  let context: PageContext

  static let partCount = 3

  /// The finding, its clauses and the histogram; the worst element with its neighbours and the profiles; further elements, the
  /// tokens as text and the map.
  func part(_ number: Int) -> String {
    let lines =
      switch number {
      case 0: facts() + survey(histogram)
      case 1:
        survey {
          [elements("The worst element and its neighbours", $0.worst.prefix(1))] + profiles($0)
        }
      default: survey { further($0.worst.dropFirst()) + tokens($0) + map($0) }
      }
    return lines.map { $0 + "\n" }.joined()
  }

  /// The panel of some parts, closed.
  func text(_ parts: [String]) -> String {
    let style = finding.zone == .consistent ? "op c" : "op f"
    return
      "<details class=\"\(style)\"><summary><span class=\"z \(finding.zone.rawValue.lowercased())\">"
      + "\(finding.zone.rawValue)</span> <code>\(Escaping.markup(finding.activation.path))</code> "
      + "<b>\(Escaping.markup(ratioText(finding.ratio)))</b></summary>\n<div class=\"panel\" id=\"\(id)\">\n"
      + parts.joined() + "</div></details>"
  }

  // MARK: In words

  private func facts() -> [String] {
    var facts = ["<p class=\"say\">\(Escaping.markup(sentence))</p>"]
    for cause in verdict.causes where cause.places.contains(finding.activation.path) {
      facts.append(
        "<p class=\"say\"><b>Cause:</b> \(Escaping.markup(cause.sentence(in: verdict)))</p>")
    }
    if let inherited = finding.inherited {
      facts.append(
        "<p>Against the golden, end to end: \(Escaping.markup(relativeText(inherited))) of its largest value.</p>"
      )
    }
    let clauses = context.clauses[finding.activation] ?? []
    if let first = clauses.first, let bound = clauses.last {
      let others = clauses.dropFirst().dropLast().map(Self.link).joined(separator: ", ")
      facts.append(
        "<p>Judged by \(Self.link(first)): \(Escaping.markup(first.statement)) \(others.isEmpty ? "" : "(\(others)) ")"
          + (clauses.count > 1 ? "Its bound is \(Self.link(bound))." : "") + "</p>")
    }
    return facts
  }

  private var sentence: String {
    let worst = finding.worstElement.map { ". W\($0.dropFirst())" } ?? ""
    let policy = finding.policy.map { ". It is judged as if \($0.sentence)" } ?? ""
    let hidden =
      finding.hidden.isEmpty
      ? ""
      : ". Recomputed with it, because the capture lacks them: "
        + finding.hidden.prefix(8).map(\.path).joined(separator: ", ")
        + (finding.hidden.count > 8 ? " and more" : "")
    let statement = finding.statement
    return statement.prefix(1).uppercased() + statement.dropFirst() + worst + hidden + policy + "."
  }

  static func link(_ clause: PageContext.Clause) -> String {
    "<a href=\"#\(Escaping.markup(clause.id))\">\(Escaping.markup(clause.id))</a>"
  }

  // MARK: In pictures

  private func survey(_ lines: (ErrorSurvey) -> [String]) -> [String] {
    guard let survey = finding.survey, survey.count > 0 else { return [] }
    return lines(survey)
  }

  private func histogram(_ survey: ErrorSurvey) -> [String] {
    [
      "<h4>Errors by size</h4>", SurveyPictures.histogram(survey),
      "<p class=\"ax\"><span>exact</span><span>2⁻¹⁰</span><span>bound</span><span>2¹⁵ and more</span></p>",
      "<p>\(Escaping.markup(SurveyPictures.summary(survey))).</p>",
    ]
  }

  private func profiles(_ survey: ErrorSurvey) -> [String] {
    survey.profiles.filter { $0.extent > 1 }.flatMap { profile in
      let worst = profile.values.indices.max { profile.values[$0] < profile.values[$1] } ?? 0
      let first = worst * profile.step
      let last = min(first + profile.step, profile.extent) - 1
      let place = first == last ? "\(first)" : "\(first)–\(last)"
      let isToken = isSequence(profile) && first == last && first < context.tokens.count
      let token = isToken ? " “\(context.tokens[first])”" : ""
      return [
        "<h4>By \(profile.axis), 0–\(profile.extent - 1)</h4>", SurveyPictures.profile(profile),
        "<p>Worst at \(profile.axis) \(place)\(Escaping.markup(token)): "
          + "\(Escaping.markup(ratioText(profile.values[worst]))).</p>",
      ]
    }
  }

  /// Whether the places along an axis are the tokens of the sequence.
  private func isSequence(_ profile: ErrorSurvey.Profile) -> Bool {
    ["token", "query", "key"].contains(profile.axis)
  }

  /// The text of the sequence, each token in the colour of its greatest error.
  private func tokens(_ survey: ErrorSurvey) -> [String] {
    survey.profiles.filter { isSequence($0) && $0.step == 1 && $0.extent == context.tokens.count }
      .flatMap { profile in
        let tokens = zip(context.tokens, profile.values).map { token, ratio in
          "<span class=\"\(SurveyPictures.level(of: ratio).map { "t\($0)" } ?? "tn")\">"
            + "\(Escaping.markup(DisplayText.shortened(token, to: 24)))</span>"
        }
        return [
          "<h4>The tokens, each by its greatest error as a \(profile.axis)</h4>",
          "<p class=\"tokens\">\(tokens.joined())</p>",
        ]
      }
  }

  private func map(_ survey: ErrorSurvey) -> [String] {
    guard let map = survey.map, map.rows.extent > 1 else { return [] }
    return [
      "<h4>Map: \(map.rows.axis) down, \(map.columns.axis) across</h4>", SurveyPictures.map(map),
    ]
  }

  private func further(_ places: ArraySlice<ErrorSurvey.Place>) -> [String] {
    places.isEmpty ? [] : [elements("The worst of other rows", places)]
  }

  private func elements(_ title: String, _ places: ArraySlice<ErrorSurvey.Place>) -> String {
    let rows = places.map { place in
      place.neighbours.map { element in row(element, isWorst: element == place.element) }.joined(
        separator: "\n")
    }
    let heads = ["place", "got", "want", "difference", "bound", "of its bound"]
    return "<h4>\(title)</h4>\n<div class=\"scroll\" tabindex=\"0\"><table class=\"el\"><thead><tr>"
      + heads.map { "<th scope=\"col\">\($0)</th>" }.joined() + "</tr></thead>"
      + rows.map { "<tbody>\n\($0)\n</tbody>" }.joined() + "</table></div>"
  }

  private func row(_ element: ErrorSurvey.Element, isWorst: Bool) -> String {
    let (got, want) = distinguished(element.got, element.want)
    let place =
      finding.axes.count == element.index.count
      ? zip(finding.axes, element.index).map { "\($0.name) \($1)" }.joined(separator: ", ")
      : "\(element.index)"
    let cells = [
      got, want, String(format: "%.1e", element.got - element.want),
      String(format: "%.1e", element.bound),
      element.ratio.map(ratioText) ?? "not judged",
    ]
    return
      "<tr\(isWorst ? " class=\"w\"" : "")><th scope=\"row\">\(isWorst ? "▸ " : "")\(place)</th>"
      + cells.map { "<td>\(Escaping.markup($0))</td>" }.joined() + "</tr>"
  }
}
