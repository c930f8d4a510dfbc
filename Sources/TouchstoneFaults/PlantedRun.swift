import TouchstoneModel
import TouchstoneReference

extension RecordedActivations {
  /// Runs the reference with every value rounded as it is stored, some operations replaced by faulty ones.
  ///
  /// In a 16-bit precision parameters are rounded too before they are read; sums are not.
  ///
  /// - Parameters:
  ///   - faults: the bugs to plant, each by the activation whose making it spoils.
  ///   - temperature: what divides the logits.
  ///   - precision: the type in which values are stored; float32 unless given.
  public init(
    weights: Weights, inputs: Inputs, temperature: Double = 1, precision: Precision = .float32,
    planting faults: [Activation: Fault] = [:]
  ) {
    let format = NumberFormat(precision.type)
    var tensors: [Activation: Tensor<Double>] = [:]
    ReferenceTransformer(weights).forward(inputs) { operation, activations, stored in
      let parameters = stored.map(format.rounded)
      var value: Tensor<Double>?
      if let fault = faults[operation.output] {
        let known = tensors
        let site = FaultSite(
          operation: operation, activations: activations, parameters: parameters, inputs: inputs,
          temperature: temperature, configuration: weights.configuration, activation: { known[$0] },
          parameter: { weights.stored[$0] == nil ? nil : format.rounded(weights.float64($0)) })
        value = fault.spoilt(site)
      }
      let computed =
        value
        ?? evaluate(
          operation, activations: activations, parameters: parameters, inputs: inputs,
          temperature: temperature)
      let rounded = format.rounded(computed)
      tensors[operation.output] = rounded
      return rounded
    }
    self.init(
      configuration: weights.configuration, inputs: inputs, precision: precision, temperature: temperature,
      tensors: tensors)
  }
}
