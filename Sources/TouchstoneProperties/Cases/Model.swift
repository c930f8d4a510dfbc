import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// A model whose parameters can be changed one by one.
package struct Model: Sendable {
  /// Shapes and choices.
  package var configuration: Configuration
  /// The learned values.
  package var parameters: [Parameter: Tensor<Float>]

  /// The parameters as an implementation takes them.
  ///
  /// - Throws: `BadInput` when a property made a parameter of the wrong shape.
  package func weights() throws(BadInput) -> Weights {
    let named = parameters.map { ($0.key.name, StoredTensor($0.value)) }
    return try Weights(configuration: configuration, tensors: Dictionary(uniqueKeysWithValues: named))
  }

  /// The values of a parameter of the model.
  package func value(_ parameter: Parameter) -> Tensor<Double> {
    guard let tensor = parameters[parameter] else { preconditionFailure("the model has no \(parameter)") }
    return tensor.converted(to: Double.self)
  }

  /// The values of the parameter of a role.
  package func value(_ role: ParameterRole, layer: Int? = nil) -> Tensor<Double> {
    value(configuration.parameter(role, layer: layer))
  }

  /// The values of a parameter as an operation reads them.
  package func values(_ view: ParameterView) -> ParameterValues<Double> {
    ParameterValues(value(view.parameter), view)
  }

  /// The values of the parameter of a role; nil where the model has none.
  package subscript(role: ParameterRole, layer: Int? = nil) -> Tensor<Float>? {
    get { parameters[configuration.parameter(role, layer: layer)] }
    set { parameters[configuration.parameter(role, layer: layer)] = newValue }
  }

  /// The same with every parameter of a role, in every block, put through `change`: (value, index) → value.
  package func changing(_ role: ParameterRole, _ change: (Float, Int) -> Float) -> Model {
    var model = self
    for (parameter, tensor) in parameters where parameter.role == role {
      let values = tensor.values.enumerated().map { change($0.element, $0.offset) }
      model.parameters[parameter] = Tensor(values, shape: tensor.shape)
    }
    return model
  }

  /// The same with roles that do nothing: gains 1, everything else 0.
  package func neutralising(_ roles: ParameterRole...) -> Model {
    roles.reduce(self) { model, role in model.changing(role) { _, _ in role.neutralValue } }
  }
}

extension ParameterRole {
  /// The value at which a parameter has no effect.
  var neutralValue: Float {
    switch self {
    case .layerNorm1Weight, .layerNorm2Weight, .finalLayerNormWeight: 1
    default: 0
    }
  }
}

extension Configuration {
  /// The same but for what is given.
  package func with(
    epsilon: Double? = nil, tiesEmbeddings: Bool? = nil, feedForwardWidth: Int? = nil
  ) throws(BadInput) -> Configuration {
    try Configuration(
      vocabularySize: vocabularySize, contextLength: contextLength, width: width, layerCount: layerCount,
      headCount: headCount, feedForwardWidth: feedForwardWidth ?? self.feedForwardWidth,
      activationFunction: activationFunction, layerNormEpsilon: epsilon ?? layerNormEpsilon,
      tiesEmbeddings: tiesEmbeddings ?? self.tiesEmbeddings, scalesScores: scalesScores,
      scalesScoresByLayer: scalesScoresByLayer)
  }
}
