import TouchstoneGraph
import TouchstoneModel

/// Whether a capture sends its tokens to the experts to which a golden sends them.
///
/// A noise floor is that of runs that decide alike: where a capture decides otherwise, its distance from the golden says nothing.
struct Decisions {
  private let capture: SharedSource
  private let golden: SharedSource

  /// Compares the decisions of two recordings of one model and sequence.
  init(capture: SharedSource, golden: SharedSource) {
    self.capture = capture
    self.golden = golden
  }

  /// Whether all are alike: those that the capture records, and where it does not, those of the golden that no run within ten
  /// times the noise makes otherwise.
  ///
  /// - Throws: what reading one of them throws.
  func areAlike() throws -> Bool {
    try capture.graph.decisions.allSatisfy { decision in
      guard let due = try golden.tensor(decision) else { return false }
      guard capture.hasRightShape(decision), let made = try capture.tensor(decision) else {
        return try isClear(decision)
      }
      return (0..<due.rowCount).allSatisfy { Set(made.row($0)) == Set(due.row($0)) }
    }
  }

  /// Whether the chosen logits of the golden lie above the others by more than any run within ten times the noise may move
  /// them: that many root mean squares of a row in one element, on either side.
  ///
  /// What groups and added numbers decide never is.
  private func isClear(_ decision: Activation) throws -> Bool {
    guard let router = capture.graph.operation(making: decision), let logits = router.inputs.first,
      let kind = router.kind.payload as? RouteIDs, kind.groups == nil, router.parameters.isEmpty,
      let values = try golden.tensor(logits), let floor = try golden.noiseFloor(of: logits),
      let ids = try golden.tensor(decision)
    else { return false }
    let reach = 2 * FloorComparison.allowance * Double(values.rowWidth).squareRoot()
    return (0..<values.rowCount).allSatisfy { row in
      let chosen = Set(ids.row(row).map { Int($0) })
      let scores = values.row(row).enumerated()
      let least = scores.filter { chosen.contains($0.offset) }.map(\.element).min() ?? -.infinity
      let greatest = scores.filter { !chosen.contains($0.offset) }.map(\.element).max() ?? -.infinity
      return least - greatest > reach * floor.values[row]
    }
  }
}

extension [Finding] {
  /// What is to be said of decisions that rounding made.
  var decisionRemarks: [Note] {
    let found = filter { !$0.decidedOtherwise.isEmpty }
    return found.isEmpty
      ? [] : [.decidedOtherwise(found.map(\.activation), tokens: found.map(\.decidedOtherwise))]
  }
}
