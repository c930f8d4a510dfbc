import CHDF5
import Foundation
import TouchstoneModel

/// The value of an attribute: one text or one number.
package enum HDF5Attribute: Hashable, Sendable {
  case text(String)
  case integer(Int)
  case number(Double)

  /// The greatest number of bytes that an attribute is read with.
  private static let greatestByteCount = 1 << 22

  /// The greatest number of attributes of one object.
  private static let greatestCount = 1 << 10

  /// The names of the attributes of `object`.
  static func names(of object: borrowing Handle, at place: String) throws(BadInput) -> [String] {
    var names: [String] = []
    var position: hsize_t = 0
    let status = withUnsafeMutablePointer(to: &names) { list in
      H5Aiterate2(
        object.id, H5_INDEX_NAME, H5_ITER_NATIVE, &position,
        { _, name, _, context in
          guard let name, let context else { return -1 }
          let names = context.assumingMemoryBound(to: [String].self)
          names.pointee.append(String(cString: name))
          return names.pointee.count <= HDF5Attribute.greatestCount ? 0 : 1
        }, list)
    }
    try HDF5Library.check(status, "list the attributes", at: place)
    guard status == 0 else {
      throw BadInput(
        place: place, problem: "has more than \(greatestCount) attributes", remedy: "keep notes in one text")
    }
    return names
  }

  /// Reads the attribute `name` of `object`; nil where there is none or it is empty.
  static func read(_ name: String, of object: borrowing Handle, at place: String) throws(BadInput) -> Self? {
    let exists = H5Aexists(object.id, name)
    let place = "\(place == "/" ? "" : place)@\(name)"
    try HDF5Library.check(exists, "look up the attribute", at: place)
    guard exists > 0 else { return nil }
    let attribute = try Handle(H5Aopen(object.id, name, chdf5_default()), "open the attribute", at: place)
    let space = try Handle(H5Aget_space(attribute.id), "read the attribute", at: place)
    switch H5Sget_simple_extent_npoints(space.id) {
    case 0: return nil
    case 1: break
    default: throw BadInput(place: place, problem: "holds several values where one is expected")
    }
    let type = try Handle(H5Aget_type(attribute.id), "read the attribute", at: place)
    let size = H5Tget_size(type.id)
    guard (1...greatestByteCount).contains(size) else {
      throw BadInput(place: place, problem: "declares \(size) bytes", remedy: "shorten the attribute")
    }
    if H5Tis_variable_str(type.id) > 0 {
      return .text(try variableText(attribute, type, space, place: place))
    }
    var bytes = Data(count: size)
    let status = bytes.withUnsafeMutableBytes { H5Aread(attribute.id, type.id, $0.baseAddress) }
    let (element, isBigEndian) = try ElementType.classify(type)
    guard element.byteCount == size || element == .text else {
      throw BadInput(place: place, problem: "holds \(element)", remedy: "store a text or a number")
    }
    try HDF5Library.check(status, "read the attribute", at: place)
    if isBigEndian { bytes.reverseBytes(ofEach: size) }
    return try value(of: bytes, as: element, type, place: place)
  }

  private static func value(
    of bytes: Data, as element: ElementType, _ type: borrowing Handle, place: String
  ) throws(BadInput) -> Self {
    switch element {
    case .text:
      var text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      if H5Tget_strpad(type.id) == H5T_STR_SPACEPAD {
        while text.last == " " { text.removeLast() }
      }
      return .text(text)
    case .float(let format):
      return .number(StoredTensor(type: format, shape: [], bytes: bytes).float64().values[0])
    case .integer:
      guard let value = element.integers(bytes)?.first else {
        throw BadInput(place: place, problem: "is a number beyond the range of 64 bits")
      }
      return .integer(value)
    case .opaque, .other:
      throw BadInput(place: place, problem: "holds \(element)", remedy: "store a text or a number")
    }
  }

  private static func variableText(
    _ attribute: borrowing Handle, _ type: borrowing Handle, _ space: borrowing Handle, place: String
  ) throws(BadInput) -> String {
    let memoryType = try Handle(H5Tcopy(chdf5_string()), "read the attribute", at: place)
    try HDF5Library.check(
      H5Tset_size(memoryType.id, chdf5_variable_length()), "read the attribute", at: place)
    try HDF5Library.check(H5Tset_cset(memoryType.id, H5Tget_cset(type.id)), "read the attribute", at: place)
    var pointer: UnsafeMutablePointer<CChar>?
    try HDF5Library.check(H5Aread(attribute.id, memoryType.id, &pointer), "read the attribute", at: place)
    let text = pointer.map { String(cString: $0) } ?? ""
    _ = chdf5_reclaim(memoryType.id, space.id, &pointer)
    return text
  }
}

extension ElementType {
  /// Little-endian bytes as whole numbers; nil where the type is no integer or a value exceeds `Int`.
  package func integers(_ bytes: Data) -> [Int]? {
    func widen<Value: FixedWidthInteger>(_: Value.Type) -> [Int]? {
      let width = MemoryLayout<Value>.size
      var values: [Int] = []
      values.reserveCapacity(bytes.count / width)
      for start in stride(from: 0, to: bytes.count - width + 1, by: width) {
        let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start, as: Value.self) }
        guard let value = Int(exactly: Value(littleEndian: value)) else { return nil }
        values.append(value)
      }
      return values
    }
    return switch self {
    case .integer(1, true): widen(Int8.self)
    case .integer(1, false): widen(UInt8.self)
    case .integer(2, true): widen(Int16.self)
    case .integer(2, false): widen(UInt16.self)
    case .integer(4, true): widen(Int32.self)
    case .integer(4, false): widen(UInt32.self)
    case .integer(8, true): widen(Int64.self)
    case .integer(8, false): widen(UInt64.self)
    default: nil
    }
  }
}
