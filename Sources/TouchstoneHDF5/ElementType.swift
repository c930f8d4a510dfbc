import CHDF5
import TouchstoneModel

/// What one element of a dataset or an attribute is.
package enum ElementType: Hashable, Sendable, CustomStringConvertible {
  /// One of the four floating-point formats of the golden format.
  case float(ScalarType)
  /// A whole number; enumerations (NumPy's booleans) count as the integers they are stored as.
  case integer(byteCount: Int, isSigned: Bool)
  /// Bytes without a meaning of their own.
  case opaque(byteCount: Int)
  /// Text of fixed or variable length.
  case text
  /// Anything that this package does not read.
  case other(String)

  /// Bytes per element; nil where elements are not read as plain bytes.
  package var byteCount: Int? {
    switch self {
    case .float(let type): type.byteCount
    case .integer(let byteCount, _), .opaque(let byteCount): byteCount
    case .text, .other: nil
    }
  }

  /// The name of the type as NumPy spells it.
  package var description: String {
    switch self {
    case .float(let type): type.rawValue
    case .integer(let byteCount, let isSigned): (isSigned ? "int" : "uint") + "\(8 * byteCount)"
    case .opaque(let byteCount): "\(byteCount) opaque bytes"
    case .text: "text"
    case .other(let name): name
    }
  }
}

/// Classifying the types of a file, and making the ones that are written.
extension ElementType {
  /// Recognises a type of the library, and whether its bytes stand in big-endian order.
  static func classify(_ type: borrowing Handle) throws(BadInput) -> (type: ElementType, isBigEndian: Bool) {
    let size = H5Tget_size(type.id)
    let isBigEndian = H5Tget_order(type.id) == H5T_ORDER_BE
    switch H5Tget_class(type.id) {
    case H5T_FLOAT:
      guard let format = floatFormat(type) else { return (.other("a float of \(size) bytes"), isBigEndian) }
      return (.float(format), isBigEndian)
    case H5T_INTEGER:
      guard [1, 2, 4, 8].contains(size), H5Tget_precision(type.id) == 8 * size, H5Tget_offset(type.id) == 0
      else { return (.other("an integer of \(H5Tget_precision(type.id)) bits"), isBigEndian) }
      return (.integer(byteCount: size, isSigned: H5Tget_sign(type.id) == H5T_SGN_2), isBigEndian)
    case H5T_ENUM:
      return try classify(Handle(H5Tget_super(type.id), "read the type of an enumeration"))
    case H5T_OPAQUE:
      return (.opaque(byteCount: size), false)
    case H5T_STRING:
      return (.text, false)
    case H5T_COMPOUND:
      return (.other("a compound type"), false)
    default:
      return (.other("an unsupported type"), false)
    }
  }

  /// The layout of the bits of a floating-point type.
  private struct FloatLayout: Equatable {
    var sign = 0
    var exponent = 0
    var exponentBits = 0
    var fraction = 0
    var fractionBits = 0
    var bias = 0

    /// The layout that `type` has in a file.
    init(_ type: ScalarType) {
      fractionBits = type.significandBits - 1
      exponentBits = 8 * type.byteCount - type.significandBits
      exponent = fractionBits
      sign = exponent + exponentBits
      bias = 1 << (exponentBits - 1) - 1
    }

    /// The layout of a type of the library; nil where it cannot be told.
    init?(_ type: borrowing Handle) {
      guard H5Tget_norm(type.id) == H5T_NORM_IMPLIED, H5Tget_offset(type.id) == 0,
        H5Tget_order(type.id) == H5T_ORDER_LE || H5Tget_order(type.id) == H5T_ORDER_BE
      else { return nil }
      var positions = (sign: 0, exponent: 0, exponentBits: 0, fraction: 0, fractionBits: 0)
      guard
        H5Tget_fields(
          type.id, &positions.sign, &positions.exponent, &positions.exponentBits, &positions.fraction,
          &positions.fractionBits) >= 0,
        let bias = Int(exactly: H5Tget_ebias(type.id))
      else { return nil }
      sign = positions.sign
      exponent = positions.exponent
      exponentBits = positions.exponentBits
      fraction = positions.fraction
      fractionBits = positions.fractionBits
      self.bias = bias
    }
  }

  private static func floatFormat(_ type: borrowing Handle) -> ScalarType? {
    guard let layout = FloatLayout(type) else { return nil }
    let size = H5Tget_size(type.id)
    return ScalarType.allCases.first { $0.byteCount == size && FloatLayout($0) == layout }
  }

  /// A little-endian type of the library for what this package writes.
  func makeType() throws(BadInput) -> Handle {
    let attempt = "make the type \(self)"
    switch self {
    case .float(.float64): return try Handle(H5Tcopy(chdf5_float64()), attempt)
    case .float(.float32): return try Handle(H5Tcopy(chdf5_float32()), attempt)
    case .float(let narrow):
      let layout = FloatLayout(narrow)
      let type = try Handle(H5Tcopy(chdf5_float32()), attempt)
      try HDF5Library.check(
        H5Tset_fields(type.id, layout.sign, layout.exponent, layout.exponentBits, 0, layout.fractionBits),
        attempt)
      try HDF5Library.check(H5Tset_size(type.id, narrow.byteCount), attempt)
      try HDF5Library.check(H5Tset_ebias(type.id, layout.bias), attempt)
      return type
    case .integer(1, false): return try Handle(H5Tcopy(chdf5_uint8()), attempt)
    case .integer(2, false): return try Handle(H5Tcopy(chdf5_uint16()), attempt)
    case .integer(4, true): return try Handle(H5Tcopy(chdf5_int32()), attempt)
    case .integer(8, true): return try Handle(H5Tcopy(chdf5_int64()), attempt)
    default: throw BadInput(problem: "\(self) is not a type that this package writes")
    }
  }
}
