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
      var draws = Draws(own: random, asMoved: first < row ? starts[first] : nil)
      move(row * rowWidth..<(row + 1) * rowWidth, of: &value.values, &draws)
      random = draws.own
    }
  }

  /// Moves a row.
  private func move(_ row: Range<Int>, of values: inout [Double], _ draws: inout Draws) {
    // A uniform number of variance 1.
    let unit = -1.7320508...1.7320508
    let common = shared.map { _ in draws.next(in: unit) }
    // In 16 bits each step of an operation may be stored.
    let ofStoring = type?.isNarrow == true ? -1...1 : -0.5...0.5
    var values = values.mutableSpan
    for offset in row where values[offset].isFinite {
      var moved = values[offset] + Double(own[offset]) * draws.next(in: unit)
      for index in common.indices { moved += Double(shared[index][offset]) * common[index] }
      if let type {
        // Drawn for 0 too, so that the same seed gives the same floor.
        moved += (moved == 0 ? 0 : type.spacing(around: moved)) * draws.next(in: ofStoring)
      }
      values[offset] = moved
    }
  }

  /// The random numbers of a row: half of each is that of the first row that is equal to it.
  private struct Draws {
    var own: SplitMix64
    private var first: SplitMix64
    private let isAlike: Bool

    init(own: SplitMix64, asMoved first: SplitMix64?) {
      self.own = own
      self.first = first ?? own
      isAlike = first != nil
    }

    /// Of mean 0, and as wide as its range.
    @inline(__always)
    mutating func next(in range: ClosedRange<Double>) -> Double {
      let one = Double.random(in: range, using: &own)
      return isAlike ? (one + Double.random(in: range, using: &first)) / 2.0.squareRoot() : one
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
  /// Those of its sums, where they are known.
  var moments: ProductMoments?
}

extension FusedProjection {
  /// A projection of an exact input, whose sums are measured once for all that asks for them.
  init(_ input: Operand, _ parameters: [ParameterOperand], measuredFor rounding: Rounding) {
    self.init(
      input: input, parameters: parameters,
      moments: ProductMoments(
        input.values, parameters[0].matrix, startingFrom: parameters.dropFirst().first?.vector,
        rounding: rounding))
  }
}

extension Rounding {
  /// What this arithmetic adds to one operation whose inputs are exact.
  ///
  /// - Parameters:
  ///   - projections: for a sum, those of its operands that are projections and may have been accumulated onto the others.
  ///   - moments: for a product, those of its sums, where they are known.
  ///   - type: what the output is handed on in.
  func noise(
    of operation: Operation, _ value: Tensor<Double>, _ operands: [Operand],
    _ parameters: [ParameterOperand], fusing projections: [Int: FusedProjection] = [:],
    measured moments: ProductMoments? = nil, inputs: Inputs, storedAs type: ScalarType
  ) -> OperationNoise {
    var rounding = self
    rounding.grantsLostTerms = false
    let site = JudgedSite(
      operation: operation, activations: operands, parameters: parameters, inputs: inputs,
      storedType: precision.type)
    let estimate =
      if let product = operation.kind.payload as? Linear {
        product.estimate(site, rounding, measured: moments)
      } else {
        projections.isEmpty ? rounding.estimate(site) : rounding.fusedEstimate(operands, projections)
      }
    return OperationNoise(
      value, bounds: estimate.bounds, deviations: contract.deviations,
      shared: operation.kind.bounded.sharedNoise(value, site, rounding),
      type: operation.making.isExact ? nil : type)
  }
}
