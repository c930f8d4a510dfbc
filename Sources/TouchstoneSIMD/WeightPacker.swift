import TouchstoneGraph
import TouchstoneModel

/// Lays the stored tensors of a model out in one block of memory, converting each value to float32 once.
struct WeightPacker {
  let memory: AlignedBuffer
  private let weights: Weights
  private var used = 0

  /// Bytes of a mapped file that are read before they are given back: else the model would be in memory twice.
  fileprivate static let releaseStep = 1 << 22

  /// - Throws: ``BadInput`` where there is no memory for the packed weights.
  init(_ weights: Weights) throws(BadInput) {
    self.weights = weights
    let configuration = weights.configuration
    let (width, inner) = (configuration.width, configuration.feedForwardWidth)
    let matrices = [(width, 3 * width), (width, width), (width, inner), (inner, width)]
    let perLayer =
      matrices.map { PackedMatrix.floatCount(depth: $0.0, columns: $0.1) }.reduce(0, +)
      + 4 * Self.aligned(width)
    let tables =
      PackedMatrix.floatCount(depth: width, columns: configuration.vocabularySize)
      + Self.aligned(configuration.contextLength * width)
      + (configuration.tiesEmbeddings ? 0 : Self.aligned(configuration.vocabularySize * width))
    memory = try AlignedBuffer(
      count: configuration.layerCount * perLayer + 2 * Self.aligned(width) + tables, holding: "packed weights"
    )
  }

  /// The values in their own order.
  mutating func rows(_ parameter: Parameter) -> UnsafeMutablePointer<Float> {
    let tensor = stored(parameter)
    let target = take(tensor.shape.reduce(1, *))
    let width = tensor.shape.last ?? 1
    tensor.withRows(width: width) { row, values in
      (target + row * width).update(from: values, count: width)
    }
    return target
  }

  /// A weight [in, out] with its bias [out].
  mutating func matrix(_ weight: Parameter, bias: Parameter) -> PackedMatrix {
    let tensor = stored(weight)
    let packed = takeMatrix(depth: tensor.shape[0], columns: tensor.shape[1])
    tensor.withRows(width: packed.columns) { k, values in
      for first in stride(from: 0, to: packed.columns, by: Kernels.panelWidth) {
        let target = packed.panels + first / Kernels.panelWidth * packed.panelStride + k * Kernels.panelWidth
        target.update(from: values + first, count: min(Kernels.panelWidth, packed.columns - first))
      }
    }
    stored(bias).withRows(width: packed.columns) { _, values in
      packed.bias.update(from: values, count: packed.columns)
    }
    return packed
  }

  /// A table [rows, D], whose rows become the columns of a matrix without bias.
  mutating func transposedTable(_ parameter: Parameter) -> PackedMatrix {
    let tensor = stored(parameter)
    let packed = takeMatrix(depth: tensor.shape[1], columns: tensor.shape[0])
    tensor.withRows(width: packed.depth) { row, values in
      let (panel, column) = row.quotientAndRemainder(dividingBy: Kernels.panelWidth)
      let target = packed.panels + panel * packed.panelStride + column
      for k in 0..<packed.depth { target[k * Kernels.panelWidth] = values[k] }
    }
    return packed
  }

  private func stored(_ parameter: Parameter) -> StoredTensor {
    guard let tensor = weights.stored[parameter] else {
      preconditionFailure("the model has no \(parameter)")
    }
    return tensor
  }

  private mutating func takeMatrix(depth: Int, columns: Int) -> PackedMatrix {
    let filled = roundedUp(columns, to: Kernels.pairWidth)
    return PackedMatrix(
      panels: take(filled * depth), bias: take(filled), depth: depth, columns: columns)
  }

  private mutating func take(_ count: Int) -> UnsafeMutablePointer<Float> {
    defer { used += Self.aligned(count) }
    precondition(used + count <= memory.count)
    return memory.base + used
  }

  /// Every tensor begins on a cache line.
  private static func aligned(_ count: Int) -> Int { roundedUp(count, to: 16) }
}

extension StoredTensor {
  /// Calls `body(row, values)` for each row of `width` float32 values, which are valid during the call.
  fileprivate func withRows(width: Int, _ body: (Int, UnsafePointer<Float>) -> Void) {
    let rows = shape.reduce(1, *) / width
    let buffer = UnsafeMutablePointer<Float>.allocate(capacity: width)
    defer { buffer.deallocate() }
    bytes.withUnsafeBytes { raw in
      var released = 0
      for row in 0..<rows {
        copyRow(raw, first: row * width, count: width, to: buffer)
        body(row, buffer)
        let read = (row + 1) * width * type.byteCount
        guard read - released >= WeightPacker.releaseStep || row == rows - 1 else { continue }
        release(released..<read)
        released = read
      }
    }
  }

  private func copyRow(
    _ raw: UnsafeRawBufferPointer, first: Int, count: Int, to target: UnsafeMutablePointer<Float>
  ) {
    let start = first * type.byteCount
    switch type {
    case .float32:
      for index in 0..<count {
        let pattern = raw.loadUnaligned(fromByteOffset: start + index * 4, as: UInt32.self)
        target[index] = Float(bitPattern: UInt32(littleEndian: pattern))
      }
    case .float64:
      for index in 0..<count {
        let pattern = raw.loadUnaligned(fromByteOffset: start + index * 8, as: UInt64.self)
        target[index] = Float(Double(bitPattern: UInt64(littleEndian: pattern)))
      }
    case .float16, .bfloat16:
      for index in 0..<count {
        let pattern = raw.loadUnaligned(fromByteOffset: start + index * 2, as: UInt16.self)
        let little = UInt16(littleEndian: pattern)
        target[index] = type == .float16 ? widenFloat16(little) : widenBFloat16(little)
      }
    }
  }
}
