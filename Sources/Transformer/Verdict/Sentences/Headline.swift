import TouchstoneGraph
import TouchstoneModel

/// The sentences that stand first in every form: the answer, where it begins, its cause, its worst element.
package struct Headline {
  /// The answer in capitals.
  package let word: String
  /// What follows it.
  package let sentence: String
  /// What explains what is flagged, a sentence for each cause, or that none is known; empty where nothing asks for one.
  package let causes: [String]
  /// The worst element; nil where there is none.
  package let worst: String?

  /// The sentences of a verdict.
  package init(_ verdict: Verdict) {
    word = verdict.outcome.rawValue.uppercased()
    let judgedAs = verdict.precisionSentence.map { "; \($0)" } ?? ""
    guard let first = verdict.decisive else {
      sentence = Self.allConsistent(verdict) + judgedAs
      causes = []
      worst = nil
      return
    }
    sentence = "\(first.activation.path)  \(first.statement)" + Self.others(verdict, than: first) + judgedAs
    let isOpen = verdict.outcome == .mismatch && first.problem == nil && verdict.cause == nil
    let named = verdict.causes.prefix(Self.shownCount).map { $0.sentence(in: verdict) }
    let more = verdict.causes.count - named.count
    causes =
      (isOpen ? ["unknown"] : []) + named
      + (more > 0 ? ["\(counted(more, "more cause")) besides, in the report for programs (--json)"] : [])
    worst = first.worstElement
  }

  /// More causes than these do not fit the first lines.
  private static let shownCount = 5

  private static func allConsistent(_ verdict: Verdict) -> String {
    guard !verdict.findings.isEmpty else {
      return "nothing could be compared" + (misnamed(verdict).map { ": \($0)" } ?? "")
    }
    let count = verdict.findings.count
    let all = count == 1 ? "the one operation compared is" : "all \(grouped(count)) operations compared are"
    let nearest = verdict.findings.max { $0.order < $1.order }
    let omitted = verdict.notCompared.count
    if let first = verdict.incomparable.first {
      return
        "\(all) within rounding, but \(first)\(others(verdict.incomparable)) cannot be compared wholly: values are "
        + "not finite, by the definition neither"
    }
    if let missing = misnamed(verdict) ?? uncovered(verdict) {
      let remedy =
        verdict.outcome == .consistent
        ? "accepted as a partial capture"
        : (misnamed(verdict) == nil ? "record more of it" : "rename what is meant")
          + ", or accept that by --partial"
      return "\(all) within rounding, but \(missing); \(remedy)"
    }
    return "\(all) within rounding" + (omitted == 0 ? "" : ", \(grouped(omitted)) not compared")
      + (nearest.map {
        $0.ratio == 0 ? ", exactly" : "; at most \(boundText($0.ratio)), at \($0.activation.path)"
      } ?? "")
  }

  /// The operations that no comparison covers, in a few words; nil where there are none.
  private static func uncovered(_ verdict: Verdict) -> String? {
    guard let first = verdict.uncovered.first else { return nil }
    return "nothing covers \(first)\(others(verdict.uncovered))"
  }

  private static func others(_ activations: [Activation]) -> String {
    activations.count < 2 ? "" : " and \(counted(activations.count - 1, "other operation"))"
  }

  /// The datasets that may be meant for what nothing was compared of, in a few words; nil where there are none.
  private static func misnamed(_ verdict: Verdict) -> String? {
    let mistaken = verdict.unknownNames.filter(\.isMistaken)
    guard let first = mistaken.first else { return nil }
    let others = mistaken.count - 1
    return first.question
      + (others == 0
        ? " is not a name of the format"
        : " and \(counted(others, "other dataset")) have names that are not of the format")
  }

  /// What else is flagged: the same operation in other layers first.
  private static func others(_ verdict: Verdict, than first: Finding) -> String {
    let others = verdict.flagged.filter { $0.activation != first.activation }
    func isInOtherBlock(_ activation: Activation) -> Bool {
      activation.name == first.activation.name && activation.block?.stack == first.activation.block?.stack
    }
    let sameLayers = others.filter { isInOtherBlock($0.activation) }.compactMap(\.activation.block?.index)
    let rest = others.filter { !isInOtherBlock($0.activation) }
    var text = sameLayers.isEmpty ? "" : "; also in \(layersText(sameLayers))"
    if !rest.isEmpty { text += "; \(counted(rest.count, "other operation")) flagged" }
    return text
  }
}

extension Cause {
  /// The cause with where it holds, as far as that is not the operation that the headline names, and how well.
  package func sentence(in verdict: Verdict) -> String {
    let rest = isPlaceAlone ? "the rest matches within rounding" : "matches within rounding"
    let next =
      nextRatio.map { "; next best is " + ($0 <= 1 ? "within \(boundText($0))" : "\(ratioText($0)) away") }
      ?? ""
    return name + (placesText(in: verdict).map { ", in \($0)" } ?? "") + "  (\(rest)\(next))"
  }

  /// The operations by name, with their layers where others of the name are flagged too; nil where it is the first one
  /// alone, in all layers where it is flagged.
  private func placesText(in verdict: Verdict) -> String? {
    let explained = places.compactMap { Activation(path: $0) }
    let flagged = verdict.flagged.map(\.activation)
    func all(_ activation: Activation) -> [Activation] {
      flagged.filter { $0.name == activation.name && $0.block?.stack == activation.block?.stack }
    }
    guard let first = verdict.decisive?.activation, !explained.isEmpty, Set(explained) != Set(all(first))
    else {
      return nil
    }
    var texts: [String] = []
    var told: Set<Activation> = []
    for activation in explained where !told.contains(activation) {
      let alike = all(activation).filter(explained.contains)
      told.formUnion(alike + [activation])
      let layers = alike.compactMap(\.block?.index)
      let isEverywhere = alike.count == all(activation).count && alike.count > 1
      texts.append(
        alike.count < 2
          ? activation.path
          : isEverywhere ? activation.name : "\(activation.name) of \(layersText(layers))")
    }
    return texts.count < 2
      ? texts.first : texts.dropLast().joined(separator: ", ") + " and " + (texts.last ?? "")
  }
}

extension Verdict {
  /// The finding that the outcome rests on: the first that fails where one does, else the first that is flagged.
  package var decisive: Finding? {
    flagged.first { $0.zone >= .fail } ?? flagged.first
  }
}

extension Finding {
  /// What is wrong, after the path.
  package var statement: String {
    if let problem { return problem }
    let amount = "(\(boundText(ratio)))"
    return switch (method, zone) {
    case (.replay, .proven): "introduced here, proven \(amount)"
    case (.replay, .fail): "introduced here \(amount)"
    case (.replay, .suspect): "suspect: an unusual order of summation, or a fault too small to tell \(amount)"
    case (.replay, .consistent): "within rounding \(amount)"
    case (.localFloor, .consistent), (.floor, .consistent): "within the noise floor \(amount)"
    case (.localFloor, _): "introduced here or in what is replayed with it, further than noise \(amount)"
    case (.floor, _): "strays from the golden further than noise \(amount)"
    }
  }

  /// For example `worst at token 7, unit 211: got 1.5127, want 1.5119`.
  package var worstElement: String? {
    guard let place else { return nil }
    let (gotText, wantText) = distinguished(got, want)
    return "worst at \(place): got \(gotText)" + (want.isNaN ? "" : ", want \(wantText)")
  }

  /// The coordinates of the worst element in words; nil where there are none.
  var place: String? {
    if index.isEmpty { return nil }
    guard index.count == axes.count else { return "element \(index)" }
    return zip(axes, index).map { "\($0.name) \($1)" }.joined(separator: ", ")
  }

  /// Orders findings by how bad they are: by zone, then by ratio.
  package var order: (Int, Double) {
    let rank = Zone.allCases.firstIndex(of: zone) ?? 0
    return (rank, ratio.isNaN ? .infinity : ratio)
  }

  /// The name of the operation without its layer, with those that were replayed as one with it.
  package var name: String {
    guard !hidden.isEmpty else { return activation.name }
    // The names of many fill a line, and say no more than their number.
    guard hidden.count <= 8 else { return "\(activation.name) with \(hidden.count) before it" }
    return "\(activation.name) with " + hidden.map(\.name).joined(separator: ", ")
  }
}
