import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// How far two runs of one implementation may differ where the specification leaves it the order of its sums.
struct Allowance {
  /// Nothing: the same bits are asked for.
  static let none = Allowance([:])

  private let greatest: [Activation: [Double]]

  private init(_ greatest: [Activation: [Double]]) {
    self.greatest = greatest
  }

  /// Several times what one run may stray from the definition: by its noise floor, and by what honest arithmetics
  /// do that round more than a floor shows, such as a variance in one pass.
  init(_ model: Model, _ inputs: Inputs) throws {
    let weights = try model.weights()
    var exact: [Activation: Tensor<Double>] = [:]
    var greatest = NoiseFloor.measured(weights, inputs: inputs) { exact[$0] = $1 }
      .mapValues { $0.values.map { 20 * $0 } }
    for arithmetic in HonestArithmetic.all {
      HonestTransformer(weights, arithmetic).forward(inputs) { activation, tensor in
        guard let exact = exact[activation] else { return }
        for row in 0..<exact.rowCount {
          let error = zip(tensor.row(row), exact.row(row)).lazy.map { abs(Double($0) - $1) }.filter(
            \.isFinite
          ).max()
          greatest[activation]?[row].formMaximum(8 * (error ?? 0))
        }
      }
    }
    self.greatest = greatest
  }

  /// The greatest difference of an element of a row.
  func callAsFunction(_ activation: Activation, row: Int) -> Double {
    greatest[activation]?[row] ?? 0
  }
}

extension Double {
  fileprivate mutating func formMaximum(_ other: Double) { self = max(self, other) }
}

extension Engine {
  /// Nothing for an implementation that promises one order of every sum; otherwise what rounding does to a sequence.
  func allowance(_ model: Model, _ inputs: Inputs) throws -> Allowance {
    isStrict ? .none : try Allowance(model, inputs)
  }
}

/// Where two tensors differ by more than `tolerance`; nil where they do not.
///
/// - Parameter tolerance: by position; 0 asks for equal bits, zeros of either sign apart.
func inequality(
  _ what: String, _ actual: Tensor<Double>, _ wanted: Tensor<Double>,
  tolerance: (Int) -> Double = { _ in 0 }
) -> String? {
  guard actual.shape == wanted.shape else {
    return "\(what) has the shape \(actual.shape), not \(wanted.shape)"
  }
  for index in actual.values.indices {
    let (value, want) = (actual.values[index], wanted.values[index])
    let isEqual = value == want || (value.isNaN && want.isNaN)
    if isEqual || abs(value - want) <= tolerance(index) { continue }
    return "\(what)\(actual.index(of: index)) is \(value), not \(want)"
  }
  return nil
}

extension Run {
  /// Where two runs of one length differ in a bit (but the sign of a zero), at the tokens `tokens` of every
  /// activation that both handed out; or by more than an allowance.
  func difference(
    from other: Run, at tokens: some Sequence<Int>, activations: [Activation]? = nil,
    within allowance: Allowance = .none
  ) throws(NotObserved) -> String? {
    for activation in activations ?? observed where other.activations.tensors[activation] != nil {
      for token in tokens {
        if let found = try difference(activation, token: token, from: other, token: token, within: allowance)
        {
          return found
        }
      }
    }
    return nil
  }

  /// Where an activation of one token differs from that of a token of another run.
  ///
  /// - Parameter shift: how many keys further the other run's key of the same name stands.
  func difference(
    _ activation: Activation, token: Int, from other: Run, token otherToken: Int, shift: Int = 0,
    within allowance: Allowance = .none
  ) throws(NotObserved) -> String? {
    let (mine, theirs) = (try self(activation), try other(activation))
    let isByKey = activation.point == .attentionScores || activation.point == .attentionProbabilities
    let (rows, otherRows) = (mine.rows(of: token), theirs.rows(of: otherToken))
    for (head, (row, otherRow)) in zip(rows, otherRows).enumerated() {
      let tolerance = allowance(activation, row: head * inputs.count + token)
      // Keys that only one of the two has are never visible here.
      let columns = isByKey ? 0..<min(row.count, otherRow.count - shift) : 0..<row.count
      for column in columns {
        let value = row[row.startIndex + column]
        let want = otherRow[otherRow.startIndex + column + (isByKey ? shift : 0)]
        if value != want, !(value.isNaN && want.isNaN), !(abs(value - want) <= tolerance) {
          let place = rows.count > 1 ? "[\(head), \(token), \(column)]" : "[\(token), \(column)]"
          return "\(activation)\(place) changes from \(want) to \(value)"
        }
      }
    }
    return nil
  }
}

extension Tensor<Double> {
  /// The rows that belong to one token: one, or one for each head.
  func rows(of token: Int) -> [ArraySlice<Double>] {
    guard shape.count == 3 else { return [row(token)] }
    return (0..<shape[0]).map { row($0 * shape[1] + token) }
  }
}
