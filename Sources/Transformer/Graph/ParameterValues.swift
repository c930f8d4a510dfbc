import TouchstoneModel

/// The numbers of a parameter as an operation reads them, addressed by output and input whatever the layout.
public struct ParameterValues<Scalar: BinaryFloatingPoint & Sendable>: Sendable {
  /// The whole tensor, as it is stored.
  public let tensor: Tensor<Scalar>
  /// How many outputs the view keeps.
  public let outputCount: Int
  /// How many inputs each of them has; 1 for a vector.
  public let inputCount: Int
  /// Elements between two inputs of one output.
  @usableFromInline let inputStride: Int
  /// Where the first input of each output stands.
  @usableFromInline let starts: [Int]

  /// Looks at `tensor`, the value of `view.parameter`, as `view` says.
  public init(_ tensor: Tensor<Scalar>, _ view: ParameterView) {
    precondition(tensor.shape == view.parameter.shape, "\(view.parameter) has the shape \(tensor.shape)")
    self.tensor = tensor
    let (stored, inputs) = (view.storedOutputCount, view.inputCount ?? 1)
    let isInputsFirst = view.layout == .inputsFirst && view.inputCount != nil
    outputCount = view.outputCount
    inputCount = inputs
    inputStride = isInputsFirst ? stored : 1
    let outputStride = isInputsFirst ? 1 : inputs
    let base = (view.selection.expert ?? 0) * stored * inputs
    starts = view.storedOutputs.joined().map { base + $0 * outputStride }
  }

  /// Where W(output, input) stands in ``tensor``.
  public func offset(output: Int, input: Int = 0) -> Int { starts[output] + input * inputStride }

  /// W(output, input) of a matrix.
  @inlinable
  public subscript(output: Int, input: Int) -> Scalar {
    tensor.values[starts[output] + input * inputStride]
  }

  /// Element `output` of a vector.
  @inlinable
  public subscript(output: Int) -> Scalar {
    tensor.values[starts[output]]
  }
}
