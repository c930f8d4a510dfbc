import Foundation

/// A tensor as a file holds it: a type, a shape and little-endian bytes, which may be memory-mapped.
public struct StoredTensor: Sendable {
  /// The type of each value.
  public let type: ScalarType
  /// Extent of each axis, outermost first.
  public let shape: [Int]
  /// The values, row-major, little-endian.
  public let bytes: Data

  /// Wraps `bytes`, whose count must be that of `shape` in `type`.
  public init(type: ScalarType, shape: [Int], bytes: Data) {
    precondition(bytes.count == shape.reduce(type.byteCount, *), "\(bytes.count) bytes do not fill \(shape)")
    self.type = type
    self.shape = shape
    self.bytes = bytes
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
    Tensor(map { Float($0) }, shape: shape)
  }

  /// The values in float64, exactly.
  public func float64() -> Tensor<Double> {
    Tensor(map { $0 }, shape: shape)
  }

  private func map<Result>(_ convert: (Double) -> Result) -> [Result] {
    let count = shape.reduce(1, *)
    return bytes.withUnsafeBytes { raw in
      (0..<count).map { index in
        switch type {
        case .float64:
          let pattern = raw.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
          return convert(Double(bitPattern: UInt64(littleEndian: pattern)))
        case .float32:
          let pattern = raw.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
          return convert(Double(Float(bitPattern: UInt32(littleEndian: pattern))))
        case .float16, .bfloat16:
          let stored = raw.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
          let pattern = UInt16(littleEndian: stored)
          return convert(Double(type == .float16 ? widenFloat16(pattern) : widenBFloat16(pattern)))
        }
      }
    }
  }
}
