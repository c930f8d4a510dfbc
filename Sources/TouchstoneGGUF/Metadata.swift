import Foundation
import TouchstoneModel

/// The key-value pairs of a GGUF file, read as the types that are asked for.
public struct Metadata: Sendable {
  /// The types of values, by their numbers in the file.
  enum ValueType: UInt32 {
    case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

    /// Bytes of a value; nil where each has its own number.
    var byteCount: Int? {
      switch self {
      case .uint8, .int8, .bool: 1
      case .uint16, .int16: 2
      case .uint32, .int32, .float32: 4
      case .uint64, .int64, .float64: 8
      case .string, .array: nil
      }
    }
  }

  /// A value, or what an array holds: of which type, how many, and where.
  private struct Entry {
    let type: ValueType
    let count: Int?
    let range: Range<Int>
  }

  private let bytes: Data
  private var entries: [String: Entry] = [:]

  /// Reads `count` pairs and checks their types and extents; what arrays hold is read when it is asked for.
  init(count: UInt64, at cursor: inout ByteCursor) throws(BadInput) {
    bytes = cursor.bytes
    // A pair takes 13 bytes at least, so that no count can ask for more than the file holds.
    guard count <= cursor.remaining / 13 else {
      throw BadInput(
        place: "header", problem: "declares \(count) pairs of metadata, more than the file can hold")
    }
    for number in 0..<Int(count) {
      var place = "metadata, pair \(number)"
      do throws(BadInput) {
        let key = try cursor.name()
        place = key
        let entry = try Self.entry(at: &cursor)
        guard entries.updateValue(entry, forKey: key) == nil else {
          throw BadInput(problem: "is given twice")
        }
      } catch {
        throw BadInput(place: place, problem: error.problem)
      }
    }
  }

  private static func entry(at cursor: inout ByteCursor) throws(BadInput) -> Entry {
    let type = try valueType(at: &cursor)
    let start = cursor.offset
    guard type == .array else {
      try skip(1, of: type, at: &cursor)
      return Entry(type: type, count: nil, range: start..<cursor.offset)
    }
    let element = try valueType(at: &cursor)
    guard element != .array else { throw BadInput(problem: "is an array of arrays, which is not read") }
    let count = try cursor.integer(UInt64.self)
    let first = cursor.offset
    try skip(count, of: element, at: &cursor)
    return Entry(type: element, count: Int(count), range: first..<cursor.offset)
  }

  private static func valueType(at cursor: inout ByteCursor) throws(BadInput) -> ValueType {
    let number = try cursor.integer(UInt32.self)
    guard let type = ValueType(rawValue: number) else {
      throw BadInput(problem: "has the unknown type \(number)")
    }
    return type
  }

  private static func skip(_ count: UInt64, of type: ValueType, at cursor: inout ByteCursor) throws(BadInput)
  {
    guard count <= cursor.remaining else {
      throw BadInput(problem: "declares \(count) values, more than the file can hold")
    }
    if let size = type.byteCount {
      _ = try cursor.skip(count * UInt64(size))
    } else {
      for _ in 0..<count { _ = try cursor.string() }
    }
  }

  // MARK: What is asked for

  /// Every key.
  public var keys: some Collection<String> { entries.keys }

  /// The value of a key as text, or how many values of which type its array holds.
  public func text(_ key: String) -> String {
    guard let entry = entries[key] else { return "" }
    if let count = entry.count { return "\(count) × \(entry.type)" }
    let value: String? =
      switch entry.type {
      case .string: try? string(key)
      case .bool: try? bool(key)?.description
      case .float32, .float64: try? number(key)?.description
      default: try? integer(key)?.description
      }
    // A whole number beyond Int is told by its type alone.
    return value ?? "\(entry.type)"
  }

  /// A whole number; nil where the key is absent.
  ///
  /// - Throws: ``BadInput`` naming the key if it is something else.
  public func integer(_ key: String) throws(BadInput) -> Int? { try single(key, integers) }

  /// A number; nil where the key is absent.
  ///
  /// A float32 stands for the shortest decimal that rounds to it, which is what a converter was given.
  ///
  /// - Throws: ``BadInput`` naming the key if it is something else.
  public func number(_ key: String) throws(BadInput) -> Double? { try single(key, numbers) }

  /// true or false; nil where the key is absent.
  ///
  /// - Throws: ``BadInput`` naming the key if it is something else.
  public func bool(_ key: String) throws(BadInput) -> Bool? { try single(key, bools) }

  /// A string; nil where the key is absent.
  ///
  /// - Throws: ``BadInput`` naming the key if it is something else.
  public func string(_ key: String) throws(BadInput) -> String? {
    try single(key, strings).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whole numbers, one or an array of them; nil where the key is absent.
  ///
  /// - Throws: ``BadInput`` naming the key if it is something else.
  public func integers(_ key: String) throws(BadInput) -> [Int]? {
    try values(key, "whole numbers") { type in
      switch type {
      case .uint8: reader(UInt8.self)
      case .int8: reader(Int8.self)
      case .uint16: reader(UInt16.self)
      case .int16: reader(Int16.self)
      case .uint32: reader(UInt32.self)
      case .int32: reader(Int32.self)
      case .uint64: reader(UInt64.self)
      case .int64: reader(Int64.self)
      default: nil
      }
    }
  }

  /// Numbers, one or an array of them; nil where the key is absent.
  ///
  /// - Throws: ``BadInput`` naming the key if it is something else.
  public func numbers(_ key: String) throws(BadInput) -> [Double]? {
    switch entries[key]?.type {
    case .float32:
      try values(key, "numbers") { _ in
        { cursor throws(BadInput) in
          let value = Float(bitPattern: try cursor.integer(UInt32.self))
          return Double(value.description) ?? Double(value)
        }
      }
    case .float64:
      try values(key, "numbers") { _ in
        { cursor throws(BadInput) in Double(bitPattern: try cursor.integer(UInt64.self)) }
      }
    default: try integers(key)?.map(Double.init)
    }
  }

  /// true and false, one or an array of them; nil where the key is absent.
  ///
  /// - Throws: ``BadInput`` naming the key if it is something else.
  public func bools(_ key: String) throws(BadInput) -> [Bool]? {
    try values(key, "true or false") { type in
      type == .bool ? { cursor throws(BadInput) in try cursor.integer(UInt8.self) != 0 } : nil
    }
  }

  /// The bytes of strings, one or an array of them; nil where the key is absent.
  ///
  /// - Throws: ``BadInput`` naming the key if it is something else.
  public func strings(_ key: String) throws(BadInput) -> [Data]? {
    try values(key, "strings") { type in
      type == .string ? { cursor throws(BadInput) in try cursor.string() } : nil
    }
  }

  private typealias Reader<Value> = (inout ByteCursor) throws(BadInput) -> Value

  private func reader<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> Reader<Int> {
    { cursor throws(BadInput) in
      let value = try cursor.integer(T.self)
      guard let value = Int(exactly: value) else {
        throw BadInput(problem: "is \(value), too large to be real")
      }
      return value
    }
  }

  private func values<Value>(
    _ key: String, _ meaning: String, _ reader: (ValueType) -> Reader<Value>?
  ) throws(BadInput) -> [Value]? {
    guard let entry = entries[key] else { return nil }
    guard let read = reader(entry.type) else {
      throw BadInput(
        place: key, problem: "is of the type \(entry.type), where \(meaning) are due",
        remedy: "convert the model again")
    }
    var cursor = ByteCursor(bytes: bytes)
    _ = try cursor.skip(UInt64(entry.range.lowerBound))
    var values: [Value] = []
    values.reserveCapacity(entry.count ?? 1)
    do throws(BadInput) {
      for _ in 0..<(entry.count ?? 1) { values.append(try read(&cursor)) }
    } catch {
      throw BadInput(place: key, problem: error.problem, remedy: "convert the model again")
    }
    return values
  }

  private func single<Value>(
    _ key: String, _ all: (String) throws(BadInput) -> [Value]?
  ) throws(BadInput) -> Value? {
    guard let entry = entries[key] else { return nil }
    guard entry.count == nil else {
      throw BadInput(
        place: key, problem: "is an array, where one value is due", remedy: "convert the model again")
    }
    return try all(key)?.first
  }
}
