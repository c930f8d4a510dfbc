import TouchstoneGraph
import TouchstoneModel

/// A tensor of a capture and the type whose numbers it holds.
struct RecordedTensor: Sendable {
  let values: Tensor<Double>
  let type: ScalarType

  /// A tensor that is stored as `type`, which may be wider than what was computed: numbers of a narrower type of the
  /// arithmetic need no rounding when they are read.
  init(_ values: Tensor<Double>, type: ScalarType, of precision: Precision) {
    self.values = values
    let isWider = type.significandBits > precision.type.significandBits
    self.type = isWider && values.isHeld(by: precision.type) ? precision.type : type
  }

  private init(_ values: Tensor<Double>, of type: ScalarType) {
    (self.values, self.type) = (values, type)
  }

  /// Other values of the same type.
  func holding(_ values: Tensor<Double>) -> RecordedTensor { RecordedTensor(values, of: type) }

  /// Some rows of a matrix.
  func rows(_ range: Range<Int>) -> RecordedTensor {
    let width = values.rowWidth
    return RecordedTensor(
      Tensor(
        Array(values.values[range.lowerBound * width..<range.upperBound * width]),
        shape: [range.count, width]),
      of: type)
  }
}

extension Replay {
  /// What an operation may round of what it reads.
  ///
  /// Products round their factors to a narrow type; what else has a result that is wider did not compute in that type.
  func roundoff(ofReading tensor: RecordedTensor, by reader: Operation?) -> Double {
    if let reader, !reader.kind.bounded.isProduct, rounding.precision.type.isNarrow,
      rounding.storesExactly(as: tensor.type),
      let output = recorded[reader.output], rounding.storesExactly(as: output.type)
    {
      return 0
    }
    return rounding.ofOperand(stored: tensor.type)
  }
}

extension StoredTensor {
  /// Whether every value is a number of a type.
  func isHeld(by type: ScalarType) -> Bool {
    let firstRow = shape.count == 2 ? rows([0]).float64() : float64()
    return firstRow.isHeld(by: type) && float64().isHeld(by: type)
  }

  /// The same values rounded to a narrower type, in float32.
  func rounded(to type: ScalarType) -> StoredTensor {
    let values = float64()
    return StoredTensor(Tensor(values.values.map { Float(type.rounded($0)) }, shape: values.shape))
  }
}
