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
    guard self.type == .float32 else { return float64().isHeld(by: type) }
    func isHeld(_ values: Tensor<Float>) -> Bool {
      zip(values.values, values.rounded(to: type).values).allSatisfy { $0 == $1 || !$0.isFinite }
    }
    return (shape.count < 2 || isHeld(rows([0]).float32())) && isHeld(float32())
  }

  /// The same values rounded to a narrower type, in float32.
  func rounded(to type: ScalarType) -> StoredTensor {
    if self.type != .float64 { return StoredTensor(float32().rounded(to: type)) }
    let values = float64()
    return StoredTensor(Tensor(values.values.map { Float(type.rounded($0)) }, shape: values.shape))
  }
}

extension Tensor<Float> {
  /// The nearest numbers of a type, of which a tie goes to the even one, as ``ScalarType/rounded(_:_:)`` gives them: whole
  /// parameters are rounded anew for each way to compute a product.
  func rounded(to type: ScalarType) -> Tensor<Float> {
    var rounded = self
    switch type {
    case .float64, .float32: break
    case .bfloat16:
      for place in values.indices where values[place].isFinite {
        let bits = values[place].bitPattern
        rounded.values[place] = Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
      }
    case .float16:
      for place in values.indices where values[place].isFinite {
        let value = values[place]
        let power = Float(bitPattern: value.bitPattern & Float.infinity.bitPattern)
        let spacing = max(power, 0x1p-14) * 0x1p-10
        // A sum with so great a number has no room for a fraction.
        let whole = (value / spacing + 0x1.8p23) - 0x1.8p23
        let result = whole * spacing
        rounded.values[place] = abs(result) > 65504 ? (value < 0 ? -.infinity : .infinity) : result
      }
    }
    return rounded
  }
}
