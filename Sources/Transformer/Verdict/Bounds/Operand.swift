import TouchstoneModel

/// A value that an operation reads, and how far what the implementation read may lie from it.
struct Operand: Sendable {
  /// The values as captured, or as replayed where the capture lacks them.
  let values: Tensor<Double>
  /// The relative rounding between what is captured and what was read.
  var roundoff = 0.0
  /// What that rounding may lose besides, below the normal range of float16.
  var underflow = 0.0
  /// The error of a replayed value, element by element; nil where the value is captured.
  var error: [Bound]?
  /// The format in which a product reads it; nil for the recorded values.
  var format: ProductInputs.Format?

  /// The error of the element at `offset`.
  func error(at offset: Int) -> Bound {
    error?[offset] ?? .zero
  }

  /// The error of the element at `offset`, its rounding on reading included.
  func distance(at offset: Int) -> Bound {
    let rounding = roundoff * abs(values.values[offset])
    return error(at: offset) + (rounding + underflow)
  }
}

extension Operand {
  /// Whether what was read is known exactly.
  var isExact: Bool { error == nil && roundoff == 0 }

  /// The errors of one row, its rounding on reading included; nil where there are none.
  func distances(row: Int) -> [Bound]? {
    guard error != nil || roundoff > 0 else { return nil }
    let width = values.rowWidth
    return (row * width..<(row + 1) * width).map(distance(at:))
  }

  /// The same values, each known only within half a unit in the last place of a type: copies that were rounded for the
  /// record.
  func roundedCopy(in type: ScalarType) -> Operand {
    Operand(
      values: values, roundoff: roundoff, underflow: underflow,
      error: values.values.indices.map { error(at: $0) + type.spacing(around: values.values[$0]) / 2 })
  }
}

/// What an operation gives in float64, and how far an implementation's may lie from it.
package struct Estimate: Sendable {
  /// The value by the definition.
  package let values: Tensor<Double>
  /// The bounds of every element.
  package let bounds: [Bound]

  /// The same values with one bound around each.
  package func within(_ error: Double) -> Estimate {
    Estimate(values: values, bounds: bounds.map { _ in Bound(error) })
  }
}
