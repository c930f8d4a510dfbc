import Foundation

/// Assembles a GGUF file byte by byte, malformed ones too.
public struct RawGGUF {
  /// The number of a type of metadata, and its bytes.
  public typealias Value = (type: UInt32, bytes: Data)

  /// The pairs of metadata.
  public var pairs: [(key: String, value: Value)] = []
  /// The tensors: extents innermost first, the number of their type, where they begin in the data.
  public var tensors: [(name: String, extents: [UInt64], type: UInt32, offset: UInt64)] = []
  /// The tensors' bytes.
  public var payload = Data()
  /// What the file begins with.
  public var magic = "GGUF"
  /// The version that it declares.
  public var version: UInt32 = 3
  /// How many tensors it declares; nil for as many as there are.
  public var tensorCount: UInt64?
  /// How many pairs it declares; nil for as many as there are.
  public var pairCount: UInt64?

  /// An empty file.
  public init() {}

  /// Appends a tensor and its bytes, aligned.
  public mutating func add(_ name: String, _ type: UInt32, _ extents: [UInt64], _ bytes: Data) {
    payload.append(Data(count: (32 - payload.count % 32) % 32))
    tensors.append((name, extents, type, UInt64(payload.count)))
    payload.append(bytes)
  }

  /// Appends a float32 tensor, outermost extent first, of numbers that tell its elements apart.
  public mutating func add(_ name: String, _ shape: [Int]) {
    let values = (0..<shape.reduce(1, *)).map { Float($0 % 61) / 64 }
    add(name, 0, shape.reversed().map(UInt64.init), values.withUnsafeBytes { Data($0) })
  }

  /// Sets a pair of metadata.
  public mutating func set(_ key: String, _ value: Value) {
    pairs.removeAll { $0.key == key }
    pairs.append((key, value))
  }

  /// The file.
  public var data: Data {
    var file = Data(magic.utf8) + Self.bytes(version)
    file += Self.bytes(tensorCount ?? UInt64(tensors.count)) + Self.bytes(pairCount ?? UInt64(pairs.count))
    for (key, value) in pairs { file += Self.text(key) + Self.bytes(value.type) + value.bytes }
    for tensor in tensors {
      file += Self.text(tensor.name) + Self.bytes(UInt32(tensor.extents.count))
      file += tensor.extents.reduce(Data()) { $0 + Self.bytes($1) }
      file += Self.bytes(tensor.type) + Self.bytes(tensor.offset)
    }
    return file + Data(count: (32 - file.count % 32) % 32) + payload
  }

  // MARK: Values

  /// A whole number of 32 bits.
  public static func integer(_ value: Int) -> Value { (4, bytes(UInt32(value))) }
  /// A number in float32.
  public static func number(_ value: Float) -> Value { (6, bytes(value.bitPattern)) }
  /// true or false.
  public static func bool(_ value: Bool) -> Value { (7, Data([value ? 1 : 0])) }
  /// A string.
  public static func string(_ value: String) -> Value { (8, text(value)) }
  /// An array of values of one type.
  public static func array(_ values: [Value]) -> Value {
    let type = values.first?.type ?? 4
    return (9, bytes(type) + bytes(UInt64(values.count)) + values.reduce(into: Data()) { $0 += $1.bytes })
  }

  private static func text(_ text: String) -> Data { bytes(UInt64(text.utf8.count)) + Data(text.utf8) }

  private static func bytes<T: FixedWidthInteger>(_ value: T) -> Data {
    withUnsafeBytes(of: value.littleEndian) { Data($0) }
  }
}
