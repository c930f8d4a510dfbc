import TouchstoneGraph
import TouchstoneModel
import TouchstoneSIMD

/// A bug in the SIMD implementation itself: one of its kernels replaced by a faulty one.
package enum PlantedKernel: String, CaseIterable, Sendable {
  /// The last score of a row is missing from the sum that divides the others.
  case softmax
  /// Which keys are excluded is read one key late.
  case mask
  /// The row after the token's is read.
  case embedding

  /// The SIMD implementation of a model with the bug in it.
  ///
  /// - Throws: what making the implementation throws.
  package func transformer(_ weights: Weights) throws(BadInput) -> SIMDTransformer {
    try SIMDTransformer(weights: weights, threadCount: 1).replacing { kernels in
      switch self {
      case .softmax:
        let softmax = kernels.softmax
        kernels.softmax = { row, count, scale, scaled in
          softmax(row, count, scale, scaled)
          let rest = 1 - row[count - 1]
          guard rest > 0 else { return }
          for index in 0..<count { row[index] /= rest }
        }
      case .mask:
        kernels.mask = { row, keys, masked in
          for key in 0..<keys where masked[min(key + 1, keys - 1)] { row[key] = -.infinity }
        }
      case .embedding:
        let gather = kernels.gather
        // The next token stands beside this one in a packed panel, and behind it in a table.
        kernels.gather = { first, stride, count, row in
          gather(first + (stride == 1 ? count : 1), stride, count, row)
        }
      }
    }
  }
}
