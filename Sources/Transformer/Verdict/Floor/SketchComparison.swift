import Foundation
import TouchstoneGraph
import TouchstoneModel

/// A capture against a golden of which sketches are kept: end to end, row by row, within the golden's noise floor.
///
/// A right row's error e has ‖e‖ ≤ 10·f·√n, f its floor and n its judged elements, as for ``FloorComparison``. Then
/// lengths differ by ‖e‖ at most, and so does each entry; the mean square of K projections of e is ‖e‖² on average, and
/// beyond (1 + ε)·‖e‖² with probability ((1 + ε)·exp(−ε))^(K/2) at most (Achlioptas 2003, lemma 5.1).
///
/// Clauses: BND-35.
struct SketchComparison {
  /// The greatest probability that a right capture is flagged by its projections.
  static let falseAlarms = 1e-6

  let capture: any ActivationSource & SketchSource
  let golden: any ActivationSource & SketchSource
  /// √(1 + ε).
  let widening: Double

  /// - Parameter rowCount: how many rows are compared.
  init(
    _ capture: any ActivationSource & SketchSource, _ golden: any ActivationSource & SketchSource,
    rowCount: Int
  ) {
    self.capture = capture
    self.golden = golden
    widening = Self.widening(rowCount: rowCount)
  }

  /// √(1 + ε) for which chance takes any of so many rows beyond with probability ``falseAlarms``.
  static func widening(rowCount: Int) -> Double {
    let wanted = log(Double(max(rowCount, 1)) / falseAlarms)
    var (low, high) = (0.0, 1e3)
    for _ in 0..<100 {
      let middle = (low + high) / 2
      let reached = Double(Sketch.projectionCount) / 2 * (middle - log1p(middle))
      if reached < wanted { low = middle } else { high = middle }
    }
    return (1 + high).squareRoot()
  }

  /// What is found of one operation.
  enum Result {
    case finding(Finding)
    case nothing(String)
    /// Every row's values are within its own noise, or no row is judged.
    case vacuous
  }

  func judge(_ operation: TouchstoneGraph.Operation) throws -> Result {
    let activation = operation.output
    guard let got = try capture.sketch(of: activation) else { return .nothing("it is not recorded") }
    guard let want = try golden.sketch(of: activation) else {
      return .nothing("the golden has no sketch of it")
    }
    guard got.shape == want.shape else {
      return .finding(
        Finding(
          activation: activation, method: .sketch, zone: .fail, ratio: .infinity,
          evidence: .shape(got.shape, due: want.shape)))
    }
    guard let floor = try golden.noiseFloor(of: activation), floor.count == want.norms.count else {
      return .nothing("the golden has no noise floor of it")
    }
    let isJudged = operation.judgedElements(golden.inputs, graph: golden.graph)
    let seesAnyKey = golden.graph.seesAnyKey(golden.inputs, of: activation)
    let width = want.shape.last ?? 1
    var (ratio, worst) = (-1.0, 0)
    var tells = true
    for row in want.norms.indices where seesAnyKey[row % seesAnyKey.count] {
      let count = (row * width..<(row + 1) * width).count(where: isJudged)
      guard count > 0 else { continue }
      let length = FloorComparison.allowance * floor.values[row] * Double(count).squareRoot()
      if want.norms[row] > 0, want.norms[row] <= length { tells = false }
      let own = self.ratio(row, got, want, length)
      // NaN is worse than any number.
      if !(own <= ratio) { (ratio, worst) = (own.isNaN ? .infinity : own, row) }
      if ratio == .infinity { break }
    }
    guard ratio >= 0, tells || !(ratio <= 1) else { return .vacuous }
    let axes = golden.graph.axes(of: activation) ?? []
    let rows = Tensor(want.norms, shape: Array(want.shape.dropLast()))
    return .finding(
      Finding(
        activation: activation, method: .sketch, zone: ratio <= 1 ? .consistent : .fail, ratio: ratio,
        index: rows.index(of: worst), axes: Array(axes.dropLast()), got: got.norms[worst],
        want: want.norms[worst], inherited: inherited(got, want)))
  }

  /// The farthest of a row's measures over what it may be, at a length of the error.
  private func ratio(_ row: Int, _ got: Sketch, _ want: Sketch, _ length: Double) -> Double {
    func over(_ error: Double, _ bound: Double) -> Double { error == 0 ? 0 : error / bound }
    let count = Sketch.projectionCount
    var square = 0.0
    for k in row * count..<(row + 1) * count {
      let difference = got.projections[k] - want.projections[k]
      square += difference * difference
    }
    let ofProjections = over((square / Double(count)).squareRoot(), widening * length)
    let ofNorm = over(abs(got.norms[row] - want.norms[row]), length)
    let entries = want.greatest.count / max(want.norms.count, 1)
    let kept = row * entries..<(row + 1) * entries
    // What is not among the capture's greatest entries is no greater than the least of them.
    let least = kept.last.map { abs(got.greatest[$0]) } ?? 0
    var ofEntries = 0.0
    for place in kept {
      let own = kept.first { got.places[$0] == want.places[place] }
      let error =
        own.map { abs(got.greatest[$0] - want.greatest[place]) } ?? max(0, abs(want.greatest[place]) - least)
      let ratio = over(error, length)
      if !(ratio <= ofEntries) { ofEntries = ratio }
    }
    let all = [ofProjections, ofNorm, ofEntries]
    return all.contains(where: \.isNaN) ? .nan : all.max() ?? 0
  }

  /// The greatest difference of a length over the greatest length.
  private func inherited(_ got: Sketch, _ want: Sketch) -> Double? {
    let error = zip(got.norms, want.norms).reduce(0) { max($0, abs($1.0 - $1.1)) }
    let greatest = want.norms.max() ?? 0
    return error == 0 ? 0 : error / greatest
  }
}

extension Judge {
  /// Judges a capture by sketches, its own and the golden's.
  ///
  /// - Throws: ``BadInput`` where the two belong to different models or inputs, and what reading them throws.
  public func verdict(
    onSketches capture: any ActivationSource & SketchSource, golden: any ActivationSource & SketchSource
  ) throws -> Verdict {
    try checkSame(capture, golden)
    let graph = golden.graph
    let operations = layers.map(graph.operations(of:)) ?? graph.operations
    let isPlain = capture.precision.type == .float32 && capture.productInputs == .recorded
    let rowCount = operations.reduce(0) { count, operation in
      count
        + (graph.shape(of: operation.output, in: golden.inputs) ?? []).dropLast().reduce(1, *)
    }
    let comparison = SketchComparison(capture, golden, rowCount: rowCount)
    var (findings, notCompared, vacuous) = ([Finding](), [NotCompared](), [Activation]())
    for operation in operations {
      let result =
        isPlain ? try comparison.judge(operation) : .nothing("the noise floor is that of plain float32")
      switch result {
      case .finding(let finding): findings.append(finding)
      case .nothing(let why): notCompared.append(NotCompared(path: operation.output.path, why: why))
      case .vacuous: vacuous.append(operation.output)
      }
    }
    let coverage = Coverage(operations, of: graph, findings, vacuous: vacuous, incomparable: [])
    var outcome = Self.outcome(findings)
    if outcome == .consistent, !coverage.uncovered.isEmpty, !acceptsPartial { outcome = .inconclusive }
    return Verdict(
      outcome: outcome, method: .sketch, findings: findings, notCompared: notCompared,
      uncovered: coverage.uncovered, incomparable: [], unknownNames: [], contract: contract,
      remarks: [.comparedBySketches(blindBelow: FloorComparison.allowance * comparison.widening)]
        + (isPlain ? [] : [.floorOfOtherPrecision]), precision: capture.precision)
  }
}
