import Foundation

/// A tensor as a file holds it: a type, a shape and little-endian bytes, which may be memory-mapped.
public struct StoredTensor: Sendable {
  /// The type of each value.
  public let type: ScalarType
  /// Extent of each axis, outermost first.
  public let shape: [Int]
  /// The values, row-major, little-endian.
  public let bytes: Data
  private let isMapped: Bool

  /// Wraps `bytes`, whose count must be that of `shape` in `type`.
  ///
  /// - Parameter isMapped: whether they are pages of a file, mapped to be read alone.
  public init(type: ScalarType, shape: [Int], bytes: Data, isMapped: Bool = false) {
    precondition(
      bytes.count == shape.reduce(type.byteCount, *), "\(bytes.count) bytes do not fill \(shape)")
    self.type = type
    self.shape = shape
    self.bytes = bytes
    self.isMapped = isMapped
  }

  /// Gives back the memory that a mapped file's pages take; they come from the file again when they are touched.
  ///
  /// - Parameter range: of `bytes`, counted from 0; all of them where nothing is given.
  public func release(_ range: Range<Int>? = nil) {
    guard isMapped else { return }
    bytes.withUnsafeBytes { bytes in
      let bytes = UnsafeRawBufferPointer(rebasing: bytes[range ?? 0..<bytes.count])
      // Only whole pages: what lies beside the range is another's.
      let page = sysconf(Int32(_SC_PAGESIZE))
      let start = Int(bitPattern: bytes.baseAddress)
      let first = (start + page - 1) / page * page
      let end = (start + bytes.count) / page * page
      if first < end { madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, MADV_DONTNEED) }
    }
  }

  /// Stores float32 values.
  public init(_ tensor: Tensor<Float>) {
    let bytes = tensor.values.withUnsafeBytes { Data($0) }
    self.init(type: .float32, shape: tensor.shape, bytes: bytes)
  }

  /// Stores float64 values.
  public init(_ tensor: Tensor<Double>) {
    let bytes = tensor.values.withUnsafeBytes { Data($0) }
    self.init(type: .float64, shape: tensor.shape, bytes: bytes)
  }

  /// The values in float32: 16-bit types widen exactly, float64 is rounded to nearest.
  public func float32() -> Tensor<Float> {
    let values: [Float] =
      switch type {
      case .float64: read(UInt64.self) { Float(Double(bitPattern: $0)) }
      case .float32: read(UInt32.self) { Float(bitPattern: $0) }
      case .float16: read(UInt16.self) { widenFloat16($0) }
      case .bfloat16: read(UInt16.self) { widenBFloat16($0) }
      }
    return Tensor(values, shape: shape)
  }

  /// The values in float64, exactly.
  public func float64() -> Tensor<Double> {
    let values: [Double] =
      switch type {
      case .float64: read(UInt64.self) { Double(bitPattern: $0) }
      case .float32: read(UInt32.self) { Double(Float(bitPattern: $0)) }
      case .float16: read(UInt16.self) { Double(widenFloat16($0)) }
      case .bfloat16: read(UInt16.self) { Double(widenBFloat16($0)) }
      }
    return Tensor(values, shape: shape)
  }

  /// The rows along the last axis that `indices` name, in their order: [indices, last extent].
  public func rows(_ indices: [Int]) -> StoredTensor {
    let extent = shape.last ?? 1
    let width = extent * type.byteCount
    let rows = indices.reduce(into: Data(capacity: indices.count * width)) { rows, index in
      let first = bytes.startIndex + index * width
      rows += bytes[first..<first + width]
    }
    return StoredTensor(type: type, shape: [indices.count, extent], bytes: rows)
  }

  /// One of the tensors that stand along the first axis, without a copy.
  package func part(_ index: Int) -> StoredTensor {
    let shape = Array(shape.dropFirst())
    let count = shape.reduce(type.byteCount, *)
    let first = bytes.startIndex + index * count
    return StoredTensor(type: type, shape: shape, bytes: bytes[first..<first + count], isMapped: isMapped)
  }

  /// Every value from its bits.
  ///
  /// Inlined, so that each conversion becomes a loop of its own, a plain copy where nothing is converted;
  /// unaligned, because safetensors headers need not end on a boundary.
  @inline(__always)
  private func read<Pattern: FixedWidthInteger & BitwiseCopyable, Scalar>(
    _: Pattern.Type, _ value: (Pattern) -> Scalar
  ) -> [Scalar] {
    let count = bytes.count / MemoryLayout<Pattern>.size
    return bytes.withUnsafeBytes { raw in
      [Scalar](unsafeUninitializedCapacity: count) { values, initialized in
        for index in 0..<count {
          let offset = index * MemoryLayout<Pattern>.size
          let pattern = raw.loadUnaligned(fromByteOffset: offset, as: Pattern.self)
          values.initializeElement(at: index, to: value(Pattern(littleEndian: pattern)))
        }
        initialized = count
      }
    }
  }
}
