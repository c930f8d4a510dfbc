import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// A capture in a narrow type as what it may be at its simplest: a run in float32 that was rounded where it was recorded.
///
/// Some programs hold their weights in 16 bits and compute everything in float32; what they hand out in 16 bits nobody read
/// in that form. No operation can then be recomputed from what is recorded, but all of them from the tokens: each value
/// lies within half a unit in the last place of what a run in float32 makes of it, and that, row by row, within
/// ten times the noise of such runs. It is granted to a whole capture or not at all, and is stricter than the plain way.
///
/// Clauses: BND-16.
struct RoundedRecording {
  /// A row may stray, beyond the rounding of its record, by this many times its noise floor.
  private static let allowance = 10.0
  /// What a run in float32 strays is less than this share of what its record loses; where it is not, this is no such run.
  private static let greatestShare = 0.125

  private let capture: SharedSource
  private let type: ScalarType

  /// Prepares to judge a capture whose precision is narrow.
  init(_ capture: SharedSource) {
    self.capture = capture
    type = capture.precision.type
  }

  /// One finding for each of `operations`, all of them consistent; nil where the capture is something else.
  ///
  /// - Throws: what reading the capture throws.
  func findings(_ operations: [Operation], weights: Weights) throws -> [Finding]? {
    guard type.isNarrow, operations.allSatisfy({ capture.hasRightShape($0.output) }) else { return nil }
    for weights in [try weights.rounded(to: type), weights] {
      if let findings = try findings(operations, of: weights) { return findings }
    }
    return nil
  }

  private struct Otherwise: Error {}

  private func findings(_ operations: [Operation], of weights: Weights) throws -> [Finding]? {
    let judged = Dictionary(operations.map { ($0.output, $0) }, uniquingKeysWith: { first, _ in first })
    var rows: [Activation: [Row]] = [:]
    do {
      try Executor(weights, capture.inputs).run { activation, want in
        guard let operation = judged[activation] else { return }
        guard let got = try capture.tensor(activation) else { throw Otherwise() }
        rows[activation] = try strays(operation, got, want)
      }
    } catch is Otherwise {
      return nil
    }
    let floors = NoiseFloor.measured(weights, inputs: capture.inputs)
    var findings: [Finding] = []
    for operation in operations {
      guard let rows = rows[operation.output] else { return nil }
      // Of decisions there is no floor: they must be the same.
      let floor = floors[operation.output]?.values
      guard floor != nil || operation.kind.payload.isDecision else { return nil }
      let ratios = rows.map { row in
        row.stray == 0 ? 0 : row.stray / (Self.allowance * (floor?[row.index] ?? 0))
      }
      guard ratios.allSatisfy({ $0 <= 1 }) else { return nil }
      findings.append(
        Finding(
          activation: operation.output, policy: .roundedRecording, method: .floor, zone: .consistent,
          ratio: ratios.max() ?? 0))
    }
    return findings
  }

  /// By how much a row is off that its record does not explain: a root mean square.
  private struct Row {
    let index: Int
    let stray: Double
  }

  private func strays(
    _ operation: Operation, _ got: Tensor<Double>, _ want: Tensor<Double>
  ) throws -> [Row] {
    // Another choice of experts is another run.
    guard got.shape == want.shape else { throw Otherwise() }
    let isJudged = operation.judgedElements(capture.inputs, graph: capture.graph)
    let seesAnyKey = capture.seesAnyKey(of: operation.output)
    return try (0..<want.rowCount).compactMap { row -> Row? in
      guard seesAnyKey[row % seesAnyKey.count] else { return nil }
      var (strays, records, count) = (0.0, 0.0, 0.0)
      for offset in row * want.rowWidth..<(row + 1) * want.rowWidth where isJudged(offset) {
        let (got, want) = (got.values[offset], want.values[offset])
        guard want.isFinite, type.rounded(want).isFinite else {
          guard got == type.rounded(want) else { throw Otherwise() }
          continue
        }
        let record = type.spacing(around: got) / 2
        let stray = max(abs(got - want) - record, 0)
        guard stray.isFinite else { throw Otherwise() }
        strays += stray * stray
        records += record * record
        count += 1
      }
      guard count > 0 else { return nil }
      guard strays <= Self.greatestShare * Self.greatestShare * records else { throw Otherwise() }
      return Row(index: row, stray: (strays / count).squareRoot())
    }
  }
}

extension Weights {
  /// The same model with every parameter rounded to a type, as a program is given it that holds it in that type.
  fileprivate func rounded(to type: ScalarType) throws(BadInput) -> Weights {
    var tensors: [String: StoredTensor] = [:]
    for parameter in graph.parameters {
      tensors[parameter.name] = storedFloat32(parameter).rounded(to: type)
    }
    return try Weights(graph: graph, names: TensorNames(root: ""), tensors: tensors)
  }
}
