import CMoments
import TouchstoneGraph
import TouchstoneModel

/// A product with a matrix by ``CMoments``: eight outputs at a time, in the widest vectors that the processor has and on all
/// cores; each adds its terms in the order of the reference, and so is the same number.
struct PreparedProduct: Sendable {
  private let linear: Linear
  private let weight: MatrixView
  private let bias: [Double]?
  /// Its columns by eights, where they are few and much is computed of them.
  private var strips: [[SIMD8<Double>]]?
  /// Of how many eights of outputs one is computed.
  var step = 1

  init(_ linear: Linear, _ operands: [ParameterOperand]) {
    self.linear = linear
    weight = operands[0].matrix
    bias = operands.dropFirst().first?.vector
  }

  /// Matrices of more numbers are widened anew each time.
  private static let greatestCount = 1 << 18

  func keepingStrips() -> PreparedProduct {
    guard weight.rows * weight.columns <= Self.greatestCount else { return self }
    var product = self
    product.strips = stride(from: 0, to: weight.columns, by: 8).map { weight.strip(from: $0) }
    return product
  }

  /// Eights that are multiplied together: of few rows each is read once for all of them.
  private static let groupCount = 4

  /// The outputs of each of several passes: [T, out] each, or [n, T, d] where they are split into n heads.
  func values(ofEach x: [Tensor<Double>]) -> [Tensor<Double>] {
    let rows = x[0].rowCount
    let eights = Array(stride(from: 0, to: weight.columns, by: 8 * step))
    let count = PreparedOperation.outputs(of: weight.columns, everyEight: step).count
    let headWidth = count / (linear.heads ?? 1)
    let values = Self.arrays(x.count, of: rows * count) { passes in
      _ = (0..<(eights.count + Self.groupCount - 1) / Self.groupCount).concurrentMap { group in
        let first = group * Self.groupCount
        let sums = Sums(self, of: Array(eights[first..<min(first + Self.groupCount, eights.count)]))
        for (pass, x) in zip(passes, x) {
          sums.compute(of: x) { row, output, sum in
            let (head, column) = (8 * first + output).quotientAndRemainder(dividingBy: headWidth)
            pass.set((head * rows + row) * headWidth + column, linear.clipped(sum))
          }
        }
      }
    }
    return values.map { Tensor($0, shape: (linear.heads.map { [$0] } ?? []) + [rows, headWidth]) }
  }

  /// The sums of some eights of outputs.
  private struct Sums {
    private var strips: [SIMD8<Double>] = []
    private var starts: [SIMD8<Double>] = []
    /// Outputs of all of them: the last eight may have fewer.
    private var count = 0

    init(_ product: PreparedProduct, of eights: [Int]) {
      for first in eights {
        strips += product.strips?[first / 8] ?? product.weight.strip(from: first)
        let inside = min(8, product.weight.columns - first)
        var start = SIMD8<Double>.zero
        for lane in 0..<inside { start[lane] = product.bias?[first + lane] ?? 0 }
        starts.append(start)
        count += inside
      }
    }

    /// Hands on the sum of each row and output.
    @inline(__always)
    func compute(of x: Tensor<Double>, _ take: (Int, Int, Double) -> Void) {
      guard x.rowCount > 0 else { return }
      var sums = [SIMD8<Double>](repeating: .zero, count: x.rowCount * starts.count)
      touchstone_sums(
        x.values, x.rowCount, strips.count / starts.count, strips, starts.count, starts, &sums)
      for row in 0..<x.rowCount {
        for output in 0..<count { take(row, output, sums[row * starts.count + output / 8][output % 8]) }
      }
    }
  }

  /// Several arrays that are filled side by side.
  private static func arrays(
    _ count: Int, of size: Int, filledBy fill: ([Slots<Double>]) -> Void
  ) -> [[Double]] {
    var others: [[Double]] = []
    func array(_ left: Int, _ slots: [Slots<Double>]) {
      guard left > 0 else { return fill(slots) }
      others.append([Double](count: size) { array(left - 1, slots + [$0]) })
    }
    array(count, [])
    // The innermost is complete first.
    return others.reversed()
  }
}

extension Tensor<Double> {
  /// Of each row the products with eight columns, one vector of `strip` for each element of a row.
  func sums(over strip: [SIMD8<Double>]) -> [SIMD8<Double>] {
    var sums = [SIMD8<Double>](repeating: .zero, count: rowCount)
    touchstone_sums(values, rowCount, strip.count, strip, 1, [SIMD8<Double>.zero], &sums)
    return sums
  }
}
