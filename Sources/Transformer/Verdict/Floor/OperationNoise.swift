import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// What ordinary arithmetic adds to the output of one operation, as random numbers that can be drawn.
///
/// Each element strays by itself, by a λ-th of its bound `stat` (which has λ standard deviations). What a
/// row has in common strays together: the denominator of a softmax, the mean and the deviation of a LayerNorm.
/// At last every element is rounded to the type in which it is handed on. Rows that are equal, such as those of one token
/// before anything is mixed into them, are computed from equal numbers, so that their errors do not cancel, but by no means
/// always in the same order: half of the variance of each is that of the first.
struct OperationNoise: Sendable {
  /// σ of each element's own error.
  private var own: [Float]
  /// σ of errors that a row shares, each as a pattern over the elements.
  private var shared: [[Float]]
  /// The type in which the output is handed on; nil where it is only passed along.
  private let type: ScalarType?
  private let rowWidth: Int
  /// For each row the first that is equal to it.
  private let firstAlike: [Int]

  /// Moves every finite element of an output at random.
  func move(_ value: inout Tensor<Double>, _ random: inout SplitMix64) {
    var starts: [SplitMix64] = []
    for row in 0..<value.rowCount {
      starts.append(random)
      let first = firstAlike[row]
      move(row: row, of: &value, &random, asMoved: first < row ? starts[first] : nil)
    }
  }

  /// Moves a row: half of it as the first that is equal to it was.
  private func move(
    row: Int, of value: inout Tensor<Double>, _ random: inout SplitMix64, asMoved first: SplitMix64?
  ) {
    var first = first
    /// Of mean 0, and as wide as its range.
    func draw(_ range: ClosedRange<Double>) -> Double {
      let own = Double.random(in: range, using: &random)
      guard var again = first else { return own }
      defer { first = again }
      return (own + Double.random(in: range, using: &again)) / 2.0.squareRoot()
    }
    // A uniform number of variance 1.
    let unit = -1.7320508...1.7320508
    let common = shared.map { _ in draw(unit) }
    for offset in row * rowWidth..<(row + 1) * rowWidth where value.values[offset].isFinite {
      var moved = value.values[offset] + Double(own[offset]) * draw(unit)
      for index in common.indices { moved += Double(shared[index][offset]) * common[index] }
      if let type {
        // Drawn for 0 too, so that the same seed gives the same floor.
        // In 16 bits each step of an operation may be stored.
        moved += (moved == 0 ? 0 : type.spacing(around: moved)) * draw(type.isNarrow ? -1...1 : -0.5...0.5)
      }
      value.values[offset] = moved
    }
  }

  fileprivate init(
    _ value: Tensor<Double>, bounds: [Bound], deviations: Double, shared: [[Float]], type: ScalarType?
  ) {
    own = bounds.map { Float($0.stat / deviations) }
    self.shared = shared
    self.type = type
    rowWidth = value.rowWidth
    firstAlike = Self.firstAlike(value)
  }

  /// For each row the first that is equal to it in float32.
  private static func firstAlike(_ value: Tensor<Double>) -> [Int] {
    /// The rows that are unlike all before them, by what is seen of them at a glance.
    var firsts: [[Float]: [Int]] = [:]
    return (0..<value.rowCount).map { row in
      let own = value.row(row)
      guard let first = own.first, let last = own.last else { return row }
      let glance = [Float(first), Float(last)]
      let alike = firsts[glance, default: []].first { other in
        zip(value.row(other), own).allSatisfy { Float($0) == Float($1) }
      }
      if let alike { return alike }
      firsts[glance, default: []].append(row)
      return row
    }
  }
}

/// A projection whose sum an implementation may begin with what else is added to it.
struct FusedProjection {
  let input: Operand
  let parameters: [ParameterOperand]
}

extension Rounding {
  /// What this arithmetic adds to one operation whose inputs are exact.
  ///
  /// - Parameters:
  ///   - projections: for a sum, those of its operands that are projections and may have been accumulated onto the others.
  ///   - type: what the output is handed on in.
  func noise(
    of operation: Operation, _ value: Tensor<Double>, _ operands: [Operand],
    _ parameters: [ParameterOperand], fusing projections: [Int: FusedProjection] = [:], inputs: Inputs,
    storedAs type: ScalarType
  ) -> OperationNoise {
    var rounding = self
    rounding.grantsLostTerms = false
    let site = JudgedSite(
      operation: operation, activations: operands, parameters: parameters, inputs: inputs,
      storedType: precision.type)
    let estimate =
      projections.isEmpty ? rounding.estimate(site) : rounding.fusedEstimate(operands, projections)
    return OperationNoise(
      value, bounds: estimate.bounds, deviations: contract.deviations,
      shared: operation.kind.bounded.sharedNoise(value, site, rounding),
      type: operation.making.isExact ? nil : type)
  }
}
