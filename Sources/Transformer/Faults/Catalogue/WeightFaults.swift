import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// One bit of one weight, from the least of float32's significand to its sign.
  private static let bitFaults: [Fault] = ((0...22) + [23, 26, 31]).map { bit in
    Fault(
      "weights.bit-\(bit)", "bit \(bit) of one weight is flipped", .weights, at: .products,
      practice: "a corrupted checkpoint, a memory error, a bad transfer"
    ) { site in
      let weight = site.parameters[0]
      // Somewhere in the middle, inside the part that is read.
      let read = site.site.operands.parameters[0]
      let offset =
        site.operation.parameters[0].selection == .whole
        ? weight.count / 2 + weight.rowWidth / 3
        : read.offset(output: min(1, read.outputCount - 1), input: read.inputCount / 2)
      let pattern = Float(weight.values[offset]).bitPattern ^ (1 << UInt32(bit))
      let flipped = Double(Float(bitPattern: pattern))
      // A narrower type has no such bit.
      guard site.parameterFormat.round(flipped) == flipped else { return nil }
      return site.evaluated(changingParameter: 0) { $0.values[offset] = flipped }
    }
  }

  /// The whole weight matrix, changed.
  private static let matrixFaults: [Fault] =
    [
      variant(
        "row-zero", "a row of the matrix is zero", "a shard was not loaded",
        { $0.setRow($0.rowCount / 2) { _ in 0 } }
      ),
      variant(
        "rows-exchanged", "two rows of the matrix are exchanged", "a permutation when converting",
        { matrix in
          guard matrix.rowCount > 1 else { return }
          let (first, second) = (matrix.rowCount / 3, matrix.rowCount / 3 + 1)
          let row = Array(matrix.row(first))
          let other = Array(matrix.row(second))
          matrix.setRow(first) { other[$0] }
          matrix.setRow(second) { row[$0] }
        }
      ),
      variant(
        "columns-exchanged", "two columns of the matrix are exchanged", "a permutation when converting",
        { matrix in
          guard matrix.rowWidth > 4 else { return }
          for row in 0..<matrix.rowCount {
            let first = matrix[row, 1]
            matrix[row, 1] = matrix[row, 3]
            matrix[row, 3] = first
          }
        }
      ),
      variant(
        "tile-stale", "a tile of 8×8 weights repeats the one before", "packing writes a tile twice",
        { matrix in
          guard matrix.rowCount >= 8, matrix.rowWidth >= 16 else { return }
          for row in 0..<8 {
            for column in 0..<8 { matrix[row, column + 8] = matrix[row, column] }
          }
        }
      ),
      variant(
        "transposed", "the matrix is read transposed", "[out, in] is assumed where [in, out] is stored",
        { matrix in
          let original = matrix
          // Each of a stack by itself.
          let (rows, columns) = (matrix.shape.dropLast().last ?? 1, matrix.rowWidth)
          for offset in matrix.values.indices {
            let (first, own) = (offset / (rows * columns) * rows * columns, offset % (rows * columns))
            matrix.values[offset] = original.values[first + own % columns * rows + own / columns]
          }
        }
      ),
      variant(
        "scaled", "the matrix is 1.001 times too large", "a scale of quantisation is off",
        { $0.values = $0.values.map { $0 * 1.001 } }
      ),
      variant(
        "shifted", "the matrix starts one element late", "an offset in the file is off by one",
        { matrix in
          matrix.values = Array(matrix.values.dropFirst()) + [0]
        }
      ),
      variant(
        "int8", "the matrix is quantised to 8 bits by row", "quantisation that was not asked for",
        { $0.quantise(levels: 127, group: $0.rowWidth) }
      ),
      variant(
        "int8-whole", "the matrix is quantised to 8 bits as a whole", "quantisation that was not asked for",
        { $0.quantise(levels: 127, group: $0.count) }
      ),
      variant(
        "int4", "the matrix is quantised to 4 bits in groups of 32", "quantisation that was not asked for",
        { $0.quantise(levels: 7, group: 32) }
      ),
      variant(
        "float8", "the matrix is rounded to float8", "quantisation that was not asked for",
        { $0.values = $0.values.map { NumberFormat.float8.round($0) } }
      ),
      variant(
        "half", "the matrix is rounded to float16", "the checkpoint was converted to half precision",
        { $0.values = $0.values.map { NumberFormat.float16.round($0) } }
      ),
      variant(
        "bfloat16", "the matrix is rounded to bfloat16", "the checkpoint was converted to bfloat16",
        { $0.values = $0.values.map { NumberFormat.bfloat16.round($0) } }
      ),
    ]

  static let weightFaults: [Fault] = bitFaults + matrixFaults + layerFaults

  private static let layerFaults: [Fault] = [
    Fault(
      "weights.of-layer-before", "the weights are those of the block before", .weights,
      at: .products.union(.norms).inBlocks, practice: "a loop over blocks is off by one"
    ) { site in
      guard let before = site.graph.previous(site.operation.output),
        let operation = site.graph.operation(making: before),
        operation.parameters.map(\.parameter.shape) == site.operation.parameters.map(\.parameter.shape)
      else { return nil }
      let parameters = operation.parameters.compactMap { site.parameter($0.parameter) }
      return parameters.count == site.parameters.count ? site.evaluated(parameters: parameters) : nil
    }
  ]

  static let biasFaults: [Fault] = biasVariants + broadcastFaults

  private static let biasVariants: [Fault] = [
    biasVariant(
      "missing", "the bias is not added", "the kernel takes none, or the tensor is not loaded",
      { bias in
        bias.values = bias.values.map { _ in 0 }
      }
    ),
    biasVariant(
      "twice", "the bias is added twice", "it starts the accumulator and is added again at the end",
      { bias in
        bias.values = bias.values.map { 2 * $0 }
      }
    ),
    biasVariant(
      "negated", "the bias is subtracted", "a sign", { bias in bias.values = bias.values.map { -$0 } }),
    biasVariant(
      "shifted", "the bias is shifted by one", "an offset is off by one",
      { bias in
        bias.values = Array(bias.values.dropFirst()) + [0]
      }
    ),
    biasVariant(
      "tail-missing", "the last n mod 8 entries of the bias are missing",
      "a vector loop without its remainder",
      { bias in
        let whole = bias.count / 8 * 8
        for index in whole..<bias.count { bias.values[index] = 0 }
      }
    ),
    biasVariant(
      "in-half", "the bias is rounded to float16", "biases are kept in half precision",
      { bias in
        bias.values = bias.values.map { NumberFormat.float16.round($0) }
      }
    ),
  ]

  private static let broadcastFaults: [Fault] = [
    Fault(
      "bias.first-row-only", "the bias is added to the first token only", .bias, at: .projections,
      practice: "a broadcast that does not repeat"
    ) { site in
      let without = site.evaluated(changingParameter: 1) { $0 = Tensor(repeating: 0, shape: $0.shape) }
      return site.edited { $0.takeTokens(from: without) { $0 > 0 } }
    },
    Fault(
      "bias.of-query", "the query's bias is added to keys and values", .bias,
      at: .thirds.filtered { operation, _ in operation.parameters.count > 1 && operation.third != 0 },
      practice: "the offset into the joint bias is forgotten"
    ) { site in
      site.evaluated(changingParameter: 1) { bias in
        let width = bias.count / 3
        bias.values = (0..<3).flatMap { _ in bias.values[0..<width] }
      }
    },
  ]

  private static func variant(
    _ id: String, _ name: String, _ practice: String,
    _ change: @escaping @Sendable (inout Tensor<Double>) -> Void
  ) -> Fault {
    Fault("weights.\(id)", name, .weights, at: .products, practice: practice) { site in
      site.evaluated(changingParameter: 0, change)
    }
  }

  private static func biasVariant(
    _ id: String, _ name: String, _ practice: String,
    _ change: @escaping @Sendable (inout Tensor<Double>) -> Void
  ) -> Fault {
    Fault("bias.\(id)", name, .bias, at: .projections, practice: practice) { site in
      site.evaluated(changingParameter: 1, change)
    }
  }
}

extension Tensor<Double> {
  mutating func setRow(_ row: Int, _ value: (Int) -> Double) {
    for column in 0..<rowWidth { self[row, column] = value(column) }
  }

  /// Rounds groups of consecutive values to multiples of their greatest magnitude over `levels`.
  mutating func quantise(levels: Double, group: Int) {
    for first in stride(from: 0, to: count, by: group) {
      let range = first..<Swift.min(first + group, count)
      let scale = values[range].reduce(0) { Swift.max($0, abs($1)) } / levels
      guard scale > 0 else { continue }
      for index in range { values[index] = (values[index] / scale).rounded() * scale }
    }
  }

  /// Takes the rows of some tokens from another tensor of the shape [T, N] or [H, T, d].
  mutating func takeTokens(from other: Tensor<Double>, where isTaken: (Int) -> Bool) {
    let tokens = shape[shape.count - 2]
    for row in 0..<rowCount where isTaken(row % tokens) {
      for column in 0..<rowWidth { self[row, column] = other[row, column] }
    }
  }
}
