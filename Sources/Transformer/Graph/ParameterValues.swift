import TouchstoneModel

/// The numbers of a parameter as an operation reads them, addressed by output and input whatever the layout.
public struct ParameterValues<Scalar: BinaryFloatingPoint & Sendable>: Sendable {
  /// The whole tensor, as it is stored.
  public let tensor: Tensor<Scalar>
  /// How many outputs the view keeps.
  public let outputCount: Int
  /// How many inputs each of them has; 1 for a vector.
  public let inputCount: Int
  /// Where each number stands.
  @usableFromInline let places: ViewPlaces

  /// Looks at `tensor`, the value of `view.parameter`, as `view` says.
  public init(_ tensor: Tensor<Scalar>, _ view: ParameterView) {
    precondition(tensor.shape == view.parameter.shape, "\(view.parameter) has the shape \(tensor.shape)")
    self.tensor = tensor
    outputCount = view.outputCount
    inputCount = view.inputCount ?? 1
    places = ViewPlaces(view)
  }

  /// Where W(output, input) stands in ``tensor``.
  public func offset(output: Int, input: Int = 0) -> Int {
    places.starts[output] + input * places.inputStride
  }

  /// W(output, input) of a matrix.
  @inlinable
  public subscript(output: Int, input: Int) -> Scalar {
    tensor.values[places.starts[output] + input * places.inputStride]
  }

  /// Element `output` of a vector.
  @inlinable
  public subscript(output: Int) -> Scalar {
    tensor.values[places.starts[output]]
  }
}

/// Where the numbers that a view keeps stand in its tensor, whatever the layout.
public struct ViewPlaces: Sendable {
  /// Elements between two inputs of one output.
  public let inputStride: Int
  /// Where the first input of each output stands.
  public let starts: [Int]

  /// The places of a view.
  public init(_ view: ParameterView) {
    let (stored, inputs) = (view.storedOutputCount, view.inputCount ?? 1)
    let isInputsFirst = view.layout == .inputsFirst && view.inputCount != nil
    inputStride = isInputsFirst ? stored : 1
    let outputStride = isInputsFirst ? 1 : inputs
    let base = (view.selection.expert ?? 0) * stored * inputs
    starts = view.storedOutputs.joined().map { base + $0 * outputStride }
  }
}
