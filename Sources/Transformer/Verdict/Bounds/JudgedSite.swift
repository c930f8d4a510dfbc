import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// One operation with everything that it reads, and how well that is known.
struct JudgedSite {
  /// The operation.
  let operation: Operation
  /// The activations that it reads.
  let activations: [Operand]
  /// The parameters that it reads.
  let parameters: [ParameterOperand]
  /// The sequence, or those of its tokens of which the output has rows.
  let inputs: Inputs
  /// The type in which the output is stored.
  let storedType: ScalarType
  /// What is judged, for a decision that may be right in several ways; nil where nothing is.
  var output: Tensor<Double>?

  /// What the definition reads.
  var operands: Operands {
    Operands(activations.map(\.values), parameters: parameters.map(\.values))
  }
}

/// A parameter as the definition reads it, and the rounding that the arithmetic is granted on it.
struct ParameterOperand: Sendable {
  let stored: StoredTensor
  let view: ParameterView
  var roundoff = 0.0

  /// A parameter of a model.
  init(_ stored: StoredTensor, _ view: ParameterView, roundoff: Double = 0) {
    self.stored = stored
    self.view = view
    self.roundoff = roundoff
  }

  /// A vector that stands in for a parameter.
  init(_ vector: [Float]) {
    self.init(
      StoredTensor(Tensor(vector, shape: [vector.count])), ParameterView(Parameter("vector", [vector.count])))
  }

  /// The values as one implementation may read them: each rounded in some way, the same in every row.
  func moved(_ random: inout SplitMix64) -> ParameterOperand {
    guard roundoff > 0 else { return self }
    var values = stored.float32()
    for index in values.values.indices {
      values.values[index] *= Float(1 + roundoff * Double.random(in: -1...1, using: &random))
    }
    return ParameterOperand(StoredTensor(values), view)
  }

  /// The values in float64, widened anew each time.
  var values: ParameterValues<Double> { ParameterValues(stored.float64(), view) }

  /// The values of a vector in float64, widened anew each time.
  var vector: [Double] {
    let values = values
    return (0..<values.outputCount).map { values[$0] }
  }

  /// The values of a matrix, widened as they are read.
  var matrix: MatrixView { MatrixView(stored, view) }
}

extension Rounding {
  /// What one operation gives by the definition, and how far an implementation's output may lie from it.
  ///
  /// The rounding of storing the output is not included.
  func estimate(
    _ operation: Operation, _ activations: [Operand], _ parameters: [ParameterOperand], inputs: Inputs
  ) -> Estimate {
    estimate(
      JudgedSite(
        operation: operation, activations: activations, parameters: parameters, inputs: inputs,
        storedType: precision.type))
  }

  /// The same of an operation with all that it reads.
  func estimate(_ site: JudgedSite) -> Estimate {
    site.operation.kind.bounded.estimate(site, self)
  }
}
