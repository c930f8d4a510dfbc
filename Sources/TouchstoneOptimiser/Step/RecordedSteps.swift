import TouchstoneModel

/// Steps in memory.
public struct RecordedSteps: StepSource {
  /// The steps, in the order in which they were taken.
  public var steps: [StepDescription] = []
  /// The arithmetic that made the values.
  public var precision: Precision
  private var tensors: [String: Tensor<Double>] = [:]

  /// No step yet.
  public init(precision: Precision = .float32) { self.precision = precision }

  /// A quantity of a parameter; nil where it is not recorded.
  public subscript(_ quantity: StepQuantity, _ parameter: String, _ step: Int) -> Tensor<Double>? {
    get { tensors[steps[step].path(quantity, of: parameter)] }
    set { tensors[steps[step].path(quantity, of: parameter)] = newValue }
  }

  /// What a micro-batch gave of a parameter's gradient; nil where it is not recorded.
  public subscript(microBatch index: Int, _ parameter: String, _ step: Int) -> Tensor<Double>? {
    get { tensors["\(steps[step].place)/micro/\(index)/\(parameter)"] }
    set { tensors["\(steps[step].place)/micro/\(index)/\(parameter)"] = newValue }
  }

  /// The shape of a quantity; nil where it is not recorded.
  public func shape(_ quantity: StepQuantity, of parameter: String, in step: Int) -> [Int]? {
    self[quantity, parameter, step]?.shape
  }

  /// A quantity; nil where it is not recorded.
  public func tensor(_ quantity: StepQuantity, of parameter: String, in step: Int) -> Tensor<Double>? {
    self[quantity, parameter, step]
  }

  /// What a micro-batch gave; nil where it is not recorded.
  public func microGradient(_ microBatch: Int, of parameter: String, in step: Int) -> Tensor<Double>? {
    self[microBatch: microBatch, parameter, step]
  }
}
