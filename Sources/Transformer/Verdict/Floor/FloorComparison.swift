import TouchstoneGraph
import TouchstoneModel

/// A capture against a golden, end to end: the error inherited from everything before, and the noise floor.
struct FloorComparison: Sendable {
  /// Whether the golden's floor can be compared with.
  enum Availability: Sendable {
    case present
    case missing
    case ofOtherPrecision
    case ofOtherDecisions
  }

  /// A row may stray from the golden by this many times its noise floor.
  static let allowance = 10.0

  let capture: SharedSource
  let golden: SharedSource
  let availability: Availability
  /// Whether each finding says how its errors are spread.
  private let surveysErrors: Bool

  /// - Throws: what reading the golden throws.
  init(capture: SharedSource, golden: SharedSource, surveysErrors: Bool = false) throws {
    self.capture = capture
    self.surveysErrors = surveysErrors
    self.golden = golden
    let hasFloor = try capture.graph.operations.contains { operation in
      try golden.noiseFloor(of: operation.output) != nil
    }
    if !hasFloor {
      availability = .missing
    } else {
      let isPlain = capture.precision.type == .float32 && capture.productInputs == .recorded
      let isAlike = try isPlain && Decisions(capture: capture, golden: golden).areAlike()
      availability = !isPlain ? .ofOtherPrecision : isAlike ? .present : .ofOtherDecisions
    }
  }

  /// max|capture − golden| over max|golden|, finite entries of tokens that attend to something; nil without a golden value.
  func inherited(_ activation: Activation) throws -> Double? {
    guard let (got, want) = try pair(activation) else { return nil }
    var (error, scale) = (0.0, 0.0)
    for row in try comparableRows(want, of: activation) {
      for offset in row * want.rowWidth..<(row + 1) * want.rowWidth {
        let (left, right) = (got.values[offset], want.values[offset])
        guard left.isFinite, right.isFinite else { continue }
        error = max(error, abs(left - right))
        scale = max(scale, abs(right))
      }
    }
    return error == 0 ? 0 : error / scale
  }

  /// Judges an activation by its distance from the golden; nil where golden or floor are missing, and where a right
  /// activation could as well be 0: a row whose values are within its own noise tells nothing.
  func judge(_ operation: Operation) throws -> Finding? {
    guard availability == .present, let (got, want) = try pair(operation.output),
      let floor = try golden.noiseFloor(of: operation.output), floor.count == want.rowCount
    else { return nil }
    if let problem = NoiseFloorRange.problem(floor, of: want) {
      throw BadInput(
        place: "the golden's floor/\(operation.output)", problem: problem,
        remedy: "record the golden again by `touchstone record`")
    }
    let isJudged = operation.judgedElements(capture.inputs, graph: capture.graph)
    var (ratio, worstRow) = (-1.0, 0)
    var tells = true
    let rows = try comparableRows(want, of: operation.output)
    let width = want.rowWidth
    for row in rows {
      var (total, size, count) = (0.0, 0.0, 0.0)
      for offset in row * width..<(row + 1) * width where isJudged(offset) {
        let (right, difference) = (want.values[offset], got.values[offset] - want.values[offset])
        total += difference * difference
        size += right * right
        count += 1
      }
      guard count > 0 else { continue }
      if size > 0, (size / count).squareRoot() <= Self.allowance * floor.values[row] { tells = false }
      let error = (total / count).squareRoot()
      let rowRatio = error == 0 ? 0 : error / (Self.allowance * floor.values[row])
      // NaN is worse than any number.
      if !(rowRatio <= ratio) { (ratio, worstRow) = (rowRatio.isNaN ? .infinity : rowRatio, row) }
      if ratio == .infinity { break }
    }
    guard ratio >= 0, tells || !(ratio <= 1) else { return nil }
    let offset = worstElement(got, want, row: worstRow, isJudged)
    let axes = golden.graph.axes(of: operation.output) ?? []
    var finding = Finding(
      activation: operation.output, method: .floor, zone: ratio <= 1 ? .consistent : .fail, ratio: ratio,
      index: got.index(of: offset), axes: axes, got: got.values[offset], want: want.values[offset])
    if surveysErrors {
      let compared = Set(rows)
      finding.survey = ErrorSurvey(
        unit: .rowNoise, got: got, want: want, axes: axes,
        isJudged: { isJudged($0) && compared.contains($0 / got.rowWidth) },
        bound: { Self.allowance * floor.values[$0 / got.rowWidth] })
    }
    return finding
  }

  /// The first activation beyond the floor, as a suspect: every operation is consistent, and yet the values are
  /// not those of the golden.
  ///
  /// Behind the first that reads a narrow cache the floor holds no more.
  func firstDrift(_ operations: [Operation]) throws -> Finding? {
    for operation in operations {
      if operation.output == firstReadingNarrowCache { return nil }
      guard let finding = try judge(operation), finding.zone != .consistent else { continue }
      var drift = Finding(
        activation: operation.output, method: .floor, zone: .suspect, ratio: finding.ratio,
        index: finding.index, axes: finding.axes, got: finding.got, want: finding.want,
        inherited: try inherited(operation.output),
        evidence: .drift)
      drift.survey = finding.survey
      return drift
    }
    return nil
  }

  /// What is made first of keys or values that the capture holds apart in a narrower type than it computes in; nil for none.
  var firstReadingNarrowCache: Activation? {
    let own = capture.precision.type.unitRoundoff
    return capture.graph.operations.first { operation in
      operation.inputs.contains { input in
        let type = input.cacheRead(by: operation).flatMap(capture.storedType)
        return type.map { $0.unitRoundoff > own } ?? false
      }
    }?.output
  }

  /// The rows of tokens that attend to something; the others follow no definition.
  private func comparableRows(_ tensor: Tensor<Double>, of activation: Activation) throws -> [Int] {
    guard !activation.isOfParameter else { return Array(0..<tensor.rowCount) }
    let tokens = try tokens(of: activation, in: golden)
    let seesAnyKey = golden.seesAnyKey(of: activation)
    return (0..<tensor.rowCount).filter { row in
      seesAnyKey[tokens.map { $0[row] } ?? row % seesAnyKey.count]
    }
  }

  /// The tokens of which a recording has rows; nil where it has rows of all.
  private func tokens(of activation: Activation, in source: SharedSource) throws -> [Int]? {
    try source.graph.selection(of: activation).map { selection in
      selection.tokens(of: source.inputs, decidedBy: try selection.decider.flatMap(source.tensor))
    }
  }

  private func pair(_ activation: Activation) throws -> (got: Tensor<Double>, want: Tensor<Double>)? {
    guard capture.hasRightShape(activation), golden.hasRightShape(activation),
      let got = try capture.tensor(activation), let want = try golden.tensor(activation),
      // Rows of other tokens are other rows.
      try tokens(of: activation, in: capture) == tokens(of: activation, in: golden)
    else { return nil }
    return (got, want)
  }

  private func worstElement(
    _ got: Tensor<Double>, _ want: Tensor<Double>, row: Int, _ isJudged: (Int) -> Bool
  ) -> Int {
    let offsets = (row * want.rowWidth..<(row + 1) * want.rowWidth).filter(isJudged)
    func error(_ offset: Int) -> Double {
      let error = abs(got.values[offset] - want.values[offset])
      return error.isNaN ? .infinity : error
    }
    return offsets.max { error($0) < error($1) } ?? row * want.rowWidth
  }
}
