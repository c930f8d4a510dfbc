import TouchstoneModel

/// A matrix seen as [in, out], whichever way it is stored.
///
/// Its elements are widened as they are read, so that a large table needs no second copy.
struct MatrixView: Sendable {
  private let stored: StoredTensor
  let rows: Int
  let columns: Int
  private let rowStride: Int
  private let columnStride: Int
  private let offset: Int

  private init(
    _ stored: StoredTensor, rows: Int, columns: Int, rowStride: Int, columnStride: Int, offset: Int = 0
  ) {
    // What is neither float32 nor float64 is small, or widened once.
    let isReadable = stored.type == .float32 || stored.type == .float64
    self.stored = isReadable ? stored : StoredTensor(stored.float32())
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
    self.columnStride = columnStride
    self.offset = offset
  }

  subscript(row: Int, column: Int) -> Double {
    stored.bytes.withUnsafeBytes { bytes in
      let place = offset + row * rowStride + column * columnStride
      return stored.type == .float32 ? bytes.float32(at: place) : bytes.float64(at: place)
    }
  }

  /// `SIMD8` columns from `first` on, one vector for each row; zeros beyond the last column.
  func strip(from first: Int) -> [SIMD8<Double>] {
    stored.bytes.withUnsafeBytes { bytes in
      stored.type == .float32
        ? strip(from: first) { bytes.float32(at: $0) } : strip(from: first) { bytes.float64(at: $0) }
    }
  }

  /// Inlined, so that each type of element has a loop of its own.
  @inline(__always)
  private func strip(from first: Int, _ element: (Int) -> Double) -> [SIMD8<Double>] {
    let inside = min(8, columns - first)
    let start = offset + first * columnStride
    return [SIMD8<Double>](unsafeUninitializedCapacity: rows) { strip, count in
      for row in 0..<rows {
        var lanes = SIMD8<Double>.zero
        for lane in 0..<inside { lanes[lane] = element(start + row * rowStride + lane * columnStride) }
        strip.initializeElement(at: row, to: lanes)
      }
      count = rows
    }
  }
}

extension MatrixView {
  /// Some columns of a matrix stored as [in, out]; all of them unless given.
  init(_ matrix: StoredTensor, columns range: Range<Int>? = nil) {
    let (rows, width) = (matrix.shape[0], matrix.shape[1])
    let range = range ?? 0..<width
    self.init(
      matrix, rows: rows, columns: range.count, rowStride: width, columnStride: 1, offset: range.lowerBound)
  }

  /// A matrix stored as [out, in].
  init(transposing matrix: StoredTensor) {
    let (rows, width) = (matrix.shape[0], matrix.shape[1])
    self.init(matrix, rows: width, columns: rows, rowStride: 1, columnStride: width)
  }
}

extension UnsafeRawBufferPointer {
  /// Little-endian elements, which need not be aligned in a mapped file.
  fileprivate func float32(at index: Int) -> Double {
    Double(Float(bitPattern: UInt32(littleEndian: loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))))
  }

  fileprivate func float64(at index: Int) -> Double {
    Double(bitPattern: UInt64(littleEndian: loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)))
  }
}
