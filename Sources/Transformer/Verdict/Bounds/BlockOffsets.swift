import TouchstoneModel

extension ProductInputs.Format {
  /// Whether kernels that read inputs in this format sum what blocks of weights d·q + m have in d·q and in m apart.
  fileprivate var sumsOffsetsApart: Bool {
    switch self {
    case .q81, .q8k: true
    case .float16, .bfloat16, .q80: false
    }
  }

  /// How far, relatively, the sum of a block's inputs may be from what they add up to: stored in half precision, of a step
  /// that is not.
  fileprivate var roundoffOfSums: Double { self == .q81 ? 2 * ScalarType.float16.unitRoundoff : 0 }
}

extension Rounding {
  /// Weights that share an offset; of blocks of 16 (Q2_K) two have nearly the same.
  private static let blockLength = 32

  /// What a product whose input was quantised may err by besides where blocks of weights are d·q + m.
  ///
  /// Σ d·q·x and Σ m·x are summed apart, block by block, and either may be larger than what is left of both. m is what
  /// q = 0 stands for, the least weight of a block.
  ///
  /// Clause: BND-33.
  ///
  /// - Parameters:
  ///   - input: x, [rows, in].
  ///   - weight: W, [in, out].
  /// - Returns: row by row; nil for inputs of a format whose kernels have no offsets.
  func ofOffsets(_ input: Operand, _ weight: MatrixView) -> [Bound]? {
    guard let format = input.format, format.sumsOffsetsApart else { return nil }
    let (rows, depth, x) = (input.values.rowCount, weight.rows, input.values.values)
    let blocks = stride(from: 0, to: depth, by: Self.blockLength).map {
      $0..<min($0 + Self.blockLength, depth)
    }
    return [Bound](count: rows * weight.columns) { bounds in
      _ = (0..<(weight.columns + 7) / 8).concurrentMap { eight in
        let strip = weight.strip(from: 8 * eight)
        let offsets = blocks.map { block in
          block.dropFirst().reduce(strip[block.lowerBound]) { pointwiseMin($0, strip[$1]) }
        }
        for row in 0..<rows {
          var (multiples, ofOffsets) = (BlockSums(), BlockSums())
          for (block, offset) in zip(blocks, offsets) {
            var (product, sum) = (SIMD8<Double>.zero, 0.0)
            for k in block {
              product += x[row * depth + k] * strip[k]
              sum += x[row * depth + k]
            }
            multiples.add(product - sum * offset)
            ofOffsets.add(sum * offset)
          }
          for lane in 0..<min(8, weight.columns - 8 * eight) {
            let (ofMultiples, apart) = (multiples.terms(lane), ofOffsets.terms(lane))
            bounds.set(
              row * weight.columns + 8 * eight + lane,
              ofSum(ofMultiples) + ofSum(apart) + format.roundoffOfSums * apart.absolute)
          }
        }
      }
    }
  }
}

/// The moments of sums of blocks, of eight outputs.
private struct BlockSums {
  private var count = 0.0
  private var absolute = SIMD8<Double>.zero
  private var squares = SIMD8<Double>.zero
  private var sum = SIMD8<Double>.zero

  mutating func add(_ term: SIMD8<Double>) {
    count += 1
    absolute += term.replacing(with: -term, where: term .< 0)
    squares += term * term
    sum += term
  }

  func terms(_ lane: Int) -> Terms {
    Terms(count: count, absolute: absolute[lane], squares: squares[lane], sum: sum[lane])
  }
}
