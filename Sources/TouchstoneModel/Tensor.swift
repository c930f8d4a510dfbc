/// A dense row-major array with a checked shape.
public struct Tensor<Scalar: BinaryFloatingPoint & Sendable>: Sendable, Equatable {
  /// Extent of each axis, outermost first.
  public let shape: [Int]
  /// The values, row-major: the last axis is contiguous.
  public var values: [Scalar]

  /// Wraps `values` in `shape`; the count must be the product of the extents.
  @inlinable
  public init(_ values: [Scalar], shape: [Int]) {
    precondition(
      values.count == shape.reduce(1, *), "\(values.count) values do not fill the shape \(shape)")
    self.shape = shape
    self.values = values
  }

  /// A tensor of the given shape with every element equal to `value`.
  @inlinable
  public init(repeating value: Scalar, shape: [Int]) {
    self.shape = shape
    self.values = [Scalar](repeating: value, count: shape.reduce(1, *))
  }

  /// The number of elements.
  @inlinable
  public var count: Int { values.count }

  /// The extent of the last axis; 1 for a scalar.
  @inlinable
  public var rowWidth: Int { shape.last ?? 1 }

  /// The product of every extent but the last.
  @inlinable
  public var rowCount: Int { shape.dropLast().reduce(1, *) }

  /// Row `index` along the last axis.
  @inlinable
  public func row(_ index: Int) -> ArraySlice<Scalar> {
    values[index * rowWidth..<(index + 1) * rowWidth]
  }

  /// The element of a matrix (or of a tensor seen as rows) at `row`, `column`.
  @inlinable
  public subscript(row: Int, column: Int) -> Scalar {
    get { values[row * rowWidth + column] }
    set { values[row * rowWidth + column] = newValue }
  }

  /// The element of a tensor of three axes.
  @inlinable
  public subscript(outer: Int, row: Int, column: Int) -> Scalar {
    get { values[(outer * shape[1] + row) * shape[2] + column] }
    set { values[(outer * shape[1] + row) * shape[2] + column] = newValue }
  }

  /// The coordinates of the element at position `offset` of ``values``.
  public func index(of offset: Int) -> [Int] {
    var remainder = offset
    var index = [Int](repeating: 0, count: shape.count)
    for axis in shape.indices.reversed() {
      index[axis] = remainder % shape[axis]
      remainder /= shape[axis]
    }
    return index
  }

  /// The same values in another scalar type, rounded to nearest where that type is narrower.
  @inlinable
  public func converted<Other>(to type: Other.Type) -> Tensor<Other> {
    Tensor<Other>(values.map { Other($0) }, shape: shape)
  }
}

extension Tensor<Double> {
  /// Where the first value stands that is not finite; nil where all are.
  ///
  /// - Parameter acceptsMinusInfinity: whether −∞ is none of them, as in the scores of masked keys.
  public func firstNotFinite(acceptsMinusInfinity: Bool = false) -> Int? {
    values.indices.first { !values[$0].isFinite && !(acceptsMinusInfinity && values[$0] == -.infinity) }
  }
}
