import TouchstoneGraph
import TouchstoneModel

/// A matrix seen as [in, out], whichever way it is stored, and whatever of it is read.
///
/// Its elements are widened as they are read, so that a large table needs no second copy.
struct MatrixView: Sendable {
  private let stored: StoredTensor
  /// How many inputs each column has.
  let rows: Int
  /// How many outputs there are.
  let columns: Int
  private let places: ViewPlaces

  /// What a view keeps of a stored tensor.
  init(_ matrix: StoredTensor, _ view: ParameterView) {
    // What is neither float32 nor float64 is small, or widened once.
    let isReadable = matrix.type == .float32 || matrix.type == .float64
    stored = isReadable ? matrix : StoredTensor(matrix.float32())
    rows = view.inputCount ?? 1
    columns = view.outputCount
    places = ViewPlaces(view)
  }

  /// The whole of a matrix stored as [in, out].
  init(_ matrix: StoredTensor) {
    self.init(matrix, ParameterView(Parameter("matrix", matrix.shape), .inputsFirst))
  }

  subscript(row: Int, column: Int) -> Double {
    stored.bytes.withUnsafeBytes { bytes in
      let place = places.starts[column] + row * places.inputStride
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
    var starts = SIMD8<Int>.zero
    for lane in 0..<inside { starts[lane] = places.starts[first + lane] }
    let stride = places.inputStride
    return [SIMD8<Double>](unsafeUninitializedCapacity: rows) { strip, count in
      for row in 0..<rows {
        var lanes = SIMD8<Double>.zero
        for lane in 0..<inside { lanes[lane] = element(starts[lane] &+ row &* stride) }
        strip.initializeElement(at: row, to: lanes)
      }
      count = rows
    }
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
