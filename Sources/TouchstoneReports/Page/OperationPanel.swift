import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What a page shows of one operation when it is opened.
struct OperationPanel {
  /// How much of it a page has room for.
  enum Extent: CaseIterable {
    /// The finding, its clauses, and the histogram.
    case brief
    /// Besides, the worst element with its neighbours, and the profiles.
    case medium
    /// Everything.
    case whole
  }

  let finding: Finding
  let id: String
  let verdict: Verdict
  let context: PageContext

  /// The panel, closed.
  func text(_ extent: Extent) -> String {
    let style = finding.zone == .consistent ? "op c" : "op f"
    let ratio = ratioText(finding.ratio)
    return "<details class=\"\(style)\"><summary><span class=\"z \(finding.zone.rawValue.lowercased())\">"
      + "\(finding.zone.rawValue)</span> <code>\(Escaping.markup(finding.activation.path))</code> "
      + "<b>\(Escaping.markup(ratio))</b></summary>\n<div class=\"panel\" id=\"\(id)\">\n"
      + (facts() + pictures(extent)).joined(separator: "\n") + "\n</div></details>"
  }

  // MARK: In words

  private func facts() -> [String] {
    var facts = ["<p class=\"say\">\(Escaping.markup(sentence))</p>"]
    for cause in verdict.causes where cause.places.contains(finding.activation.path) {
      facts.append("<p class=\"say\"><b>Cause:</b> \(Escaping.markup(cause.sentence(in: verdict)))</p>")
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

  private func pictures(_ extent: Extent) -> [String] {
    guard let survey = finding.survey, survey.count > 0 else { return [] }
    var parts = [
      "<h4>Errors by size</h4>", SurveyPictures.histogram(survey),
      "<p class=\"ax\"><span>exact</span><span>2⁻¹⁰</span><span>bound</span><span>2¹⁵ and more</span></p>",
      "<p>\(Escaping.markup(SurveyPictures.summary(survey))).</p>",
    ]
    if extent == .brief { return parts }
    parts.append(elements(survey.worst.prefix(extent == .whole ? 4 : 1)))
    for profile in survey.profiles where profile.extent > 1 { parts += self.profile(profile, extent) }
    if extent == .whole, let map = survey.map, map.rows.extent > 1 {
      parts += [
        "<h4>Map: \(map.rows.axis) down, \(map.columns.axis) across</h4>", SurveyPictures.map(map),
      ]
    }
    return parts
  }

  private func profile(_ profile: ErrorSurvey.Profile, _ extent: Extent) -> [String] {
    let worst = profile.values.indices.max { profile.values[$0] < profile.values[$1] } ?? 0
    let first = worst * profile.step
    let last = min(first + profile.step, profile.extent) - 1
    let place = first == last ? "\(first)" : "\(first)–\(last)"
    let isSequence = ["token", "query", "key"].contains(profile.axis)
    let token =
      isSequence && first == last && first < context.tokens.count ? " “\(context.tokens[first])”" : ""
    var parts = [
      "<h4>By \(profile.axis), 0–\(profile.extent - 1)</h4>", SurveyPictures.profile(profile),
      "<p>Worst at \(profile.axis) \(place)\(Escaping.markup(token)): "
        + "\(Escaping.markup(ratioText(Double(profile.values[worst])))).</p>",
    ]
    if extent == .whole, isSequence, profile.step == 1, context.tokens.count == profile.extent {
      let tokens = zip(context.tokens, profile.values).map { token, ratio in
        "<span class=\"\(SurveyPictures.level(of: ratio).map { "t\($0)" } ?? "tn")\">"
          + "\(Escaping.markup(DisplayText.shortened(token, to: 24)))</span>"
      }
      parts.append("<p class=\"tokens\">\(tokens.joined(separator: ""))</p>")
    }
    return parts
  }

  private func elements(_ places: some Sequence<ErrorSurvey.Place>) -> String {
    let rows = places.map { place in
      place.neighbours.map { element in row(element, isWorst: element == place.element) }.joined(
        separator: "\n")
    }
    return
      "<h4>Worst elements and their neighbours</h4>\n<div class=\"scroll\" tabindex=\"0\"><table class=\"el\"><thead><tr>"
      + ["place", "got", "want", "difference", "bound", "of its bound"].map { "<th scope=\"col\">\($0)</th>" }
      .joined()
      + "</tr></thead>" + rows.map { "<tbody>\n\($0)\n</tbody>" }.joined() + "</table></div>"
  }

  private func row(_ element: ErrorSurvey.Element, isWorst: Bool) -> String {
    let (got, want) = distinguished(element.got, element.want)
    let place =
      finding.axes.count == element.index.count
      ? zip(finding.axes, element.index).map { "\($0.name) \($1)" }.joined(separator: ", ")
      : "\(element.index)"
    let cells = [
      got, want, String(format: "%.1e", element.got - element.want), String(format: "%.1e", element.bound),
      element.ratio.map(ratioText) ?? "not judged",
    ]
    return "<tr\(isWorst ? " class=\"w\"" : "")><th scope=\"row\">\(isWorst ? "▸ " : "")\(place)</th>"
      + cells.map { "<td>\(Escaping.markup($0))</td>" }.joined() + "</tr>"
  }
}
