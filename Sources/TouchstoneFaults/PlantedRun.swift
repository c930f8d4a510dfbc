import TouchstoneModel
import TouchstoneReference

extension RecordedActivations {
  /// Runs the reference with every value rounded to float32, one operation replaced by a faulty one.
  ///
  /// - Parameters:
  ///   - faults: the bugs to plant, each by the activation whose making it spoils.
  ///   - temperature: what divides the logits.
  public init(
    weights: Weights, inputs: Inputs, temperature: Double = 1, planting faults: [Activation: Fault] = [:]
  ) {
    var tensors: [Activation: Tensor<Double>] = [:]
    ReferenceTransformer(weights).forward(inputs) { operation, activations, parameters in
      var value: Tensor<Double>?
      if let fault = faults[operation.output] {
        let known = tensors
        let site = FaultSite(
          operation: operation, activations: activations, parameters: parameters, inputs: inputs,
          temperature: temperature, configuration: weights.configuration, activation: { known[$0] },
          parameter: { weights.stored[$0] == nil ? nil : weights.float64($0) })
        value = fault.spoilt(site)
      }
      let computed =
        value
        ?? evaluate(
          operation, activations: activations, parameters: parameters, inputs: inputs,
          temperature: temperature)
      let rounded = computed.converted(to: Float.self).converted(to: Double.self)
      tensors[operation.output] = rounded
      return rounded
    }
    self.init(
      configuration: weights.configuration, inputs: inputs, temperature: temperature, tensors: tensors)
  }
}
