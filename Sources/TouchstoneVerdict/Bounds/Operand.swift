import TouchstoneModel

/// A value that an operation reads, and how far what the implementation read may lie from it.
struct Operand: Sendable {
  /// The values as captured, or as replayed where the capture lacks them.
  let values: Tensor<Double>
  /// The relative rounding between what is captured and what was read.
  var roundoff = 0.0
  /// The error of a replayed value, element by element; nil where the value is captured.
  var error: [Bound]?

  /// The error of the element at `offset`.
  func error(at offset: Int) -> Bound {
    error?[offset] ?? .zero
  }

  /// The error of the element at `offset`, its rounding on reading included.
  func distance(at offset: Int) -> Bound {
    let rounding = roundoff * abs(values.values[offset])
    return error(at: offset) + rounding
  }
}

/// What an operation gives in float64, and how far an implementation's may lie from it.
package struct Estimate: Sendable {
  /// The value by the definition.
  package let values: Tensor<Double>
  /// The bounds of every element.
  package let bounds: [Bound]
}
