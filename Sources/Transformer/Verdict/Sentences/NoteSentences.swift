import TouchstoneGraph
import TouchstoneModel

extension Note {
  /// The note, for people.
  package var sentence: String {
    switch self {
    case .searched(let weights, let products, let least, let greatest):
      Self.searched(weights, products, least, greatest)
    case .replayedTogether:
      "Where much lies between recorded activations, operations were recomputed together, and held against the noise of "
        + "such arithmetic in every direction: blind to faults below it, and to which of them is at fault."
    case .comparedEndToEnd:
      "Where an operation could not be replayed, rows were compared end to end with ten times the noise floor: "
        + "a weaker check, blind to faults below the noise and to where they begin."
    case .comparedBySketches(let times):
      "Rows were compared with the golden by their lengths, random projections and greatest entries: blind to errors below "
        + "ten to \(Int(times.rounded(.up))) times the noise floor, and to which operation they begin in; by chance a right run is "
        + "flagged in one verdict of 1,000,000."
    case .replayedTogetherInNarrowType:
      "Where operations were recomputed together in 16 bits, nothing finer than a rounding was looked for: values that "
        + "are cut instead of rounded do not show."
    case .withoutWeights: "Without the weights, only the operations that need none were replayed."
    case .withoutGolden:
      "There is no golden to compare with: inherited errors and the noise-floor check are missing."
    case .withoutFloor: "The noise-floor check was not made: the golden has no noise floor."
    case .floorOfOtherPrecision: "The noise-floor check was not made: the floor is that of plain float32."
    case .floorBefore(let first):
      "The noise-floor check ends before \(first), which reads keys or values held in fewer bits: the floor is that of plain float32."
    case .floorOfOtherDecisions:
      "The noise-floor check was not made: the floor is that of runs which send each token to the golden's experts, and "
        + "the capture sends one elsewhere, or does not say where."
    case .decidedOtherwise(let places, let tokens): Self.decided(places, tokens)
    case .policy(let policy, let places): Self.policy(policy, places)
    case .precision(let precision):
      "The capture is judged in the precision \(precision.name): every bound is that of \(precision.name) arithmetic"
        + (precision.type.unitRoundoff > Precision.float32.type.unitRoundoff
          ? ", which sees less than that of float32." : ".")
    case .productInputs(let inputs):
      "The capture says that products with a matrix read their inputs as \(inputs.text): they are recomputed from that, "
        + "and what the quantisation itself loses is not judged."
    case .storedNarrower(let count, let all, let type, let precision):
      "\(count) of \(all) activations are stored in a type narrower than the precision "
        + "\(precision.name) (down to \(type.rawValue)): their bounds are widened by that rounding."
    case .derived(let count):
      "\(count) activations were reconstructed for the recording and are not what the engine computed with."
    case .unknownNames(let names): Self.unknown(names)
    case .overflow(let activation, let overflow):
      "\(activation) overflows in \(overflow.sentence): what follows cannot be compared."
    case .foreignGraph(let family):
      "Models of the family \(family) are judged by the graph that the golden holds; this program has none "
        + "of its own to hold it against."
    case .nextTokens(let tokens): tokens.sentence ?? "Next token: no position is compared."
    case .tooLittle: "Too little is wrong to tell its cause."
    case .unexplained(let count, let nearest, let ratio):
      "The cause is none of the \(count) faults of the catalogue; nearest is "
        + "“\(nearest)”, \(String(Int(min(ratio, 1e15)))) times its bound away."
    case .unexplainedBesides(let names):
      "No cause was found for what is flagged besides: \(names.joined(separator: ", "))."
    case .unexplainedEndToEnd(let count, nil, _, let ratio):
      "None of the \(count) faults and places tried explains what was recorded, nor comes nearer than "
        + "\(Int(min(ratio, 1e15))) times the noise."
    case .unexplainedEndToEnd(let count, let nearest?, let places, let ratio):
      "None of the \(count) faults and places tried explains what was recorded; nearest is "
        + "“\(nearest)” in \(places.joined(separator: ", ")), "
        + "\(Int(min(ratio, 1e15).rounded(.up))) times the noise away."
    case .untried(let count):
      "\(count) faults and places were not tried: the model is large. "
        + "Record activations inside the blocks to have the cause looked for there."
    case .said(let sentence), .ranked(_, let sentence): sentence
    }
  }

  private static func searched(_ weights: Int, _ products: Int, _ least: Double, _ greatest: Double) -> String
  {
    func deviations(_ value: Double) -> String {
      value < 1000 ? "\((10 * value).rounded() / 10)" : "1,000 and more"
    }
    let range =
      greatest - least < 0.1
      ? deviations(least) : "\(deviations(least)) to \(deviations(greatest))"
    return
      "All rows together were searched for one wrong weight: \(grouped(weights)) weights of \(counted(products, "product")), "
      + "flagged beyond \(range) standard deviations, which chance does in one verdict of "
      + "\(grouped(Int((1 / EvidenceLevel.falseAlarms).rounded())))."
  }

  private static func policy(_ policy: Policy, _ places: [Activation]) -> String {
    let first = places.first?.path ?? "nothing"
    let others = places.count - 1
    let subject = others == 0 ? "\(first) is" : "\(first) and \(counted(others, "other operation")) are"
    return "\(subject) judged as if \(policy.sentence)."
  }

  private static func decided(_ places: [Activation], _ tokens: [[Int]]) -> String {
    let shown = zip(places, tokens).prefix(shownCount).map { place, tokens in
      let few = tokens.prefix(shownCount).map(String.init).joined(separator: ", ")
      let rest = tokens.count - shownCount
      return "\(place) for token\(tokens.count == 1 ? "" : "s") \(few)"
        + (rest > 0 ? " and \(grouped(rest)) more" : "")
    }
    let hidden = places.count - shownCount
    return "Within rounding the router could choose other experts, and did: \(shown.joined(separator: "; "))"
      + (hidden > 0 ? " and in \(grouped(hidden)) more activations" : "")
      + ". What these experts made was judged."
  }

  private static let shownCount = 3

  private static func unknown(_ names: [UnknownName]) -> String {
    let shown = names.prefix(shownCount).map(\.question).joined(separator: ", ")
    let hidden = names.count - shownCount
    return
      "\(counted(names.count, "dataset")) of the capture \(names.count == 1 ? "has a name" : "have names") that "
      + "\(names.count == 1 ? "is" : "are") not of the format, and \(names.count == 1 ? "was" : "were") not read: \(shown)"
      + (hidden > 0 ? " and \(grouped(hidden)) more" : "")
      + ". What is not to be judged belongs under /extra."
  }
}

extension ComparisonGap.Overflow {
  /// Where the capture overflows, in a few words after its path.
  fileprivate var sentence: String {
    "\(grouped(count)) of \(counted(elementCount, "element")), the first at "
      + "\(first): \(significant(due, 5)) is due, and "
      + "\(significant(greatest, 5)) is the greatest number there is"
  }
}
