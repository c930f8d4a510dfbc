import Foundation
import TouchstoneConformance

/// A small engine of its own: GPT-2 in float32, one loop after the other.
public struct PlainEngine: Transformer {
  /// Which width the scores are divided by the root of.
  public enum ScoreWidth: Sendable {
    /// That of one head, as it should be.
    case head
    /// That of the model: a mistake that is easily made.
    case model
  }

  /// The model that it computes.
  public let graph: Graph
  private let configuration: Configuration
  private let parameters: [String: Tensor<Float>]
  private let scoreWidth: ScoreWidth

  /// Takes the weights of a model.
  ///
  /// - Throws: `NotImplemented` for a model that is not of the form of GPT-2.
  public init(weights: Weights, scoreWidth: ScoreWidth = .head) throws {
    graph = weights.graph
    guard let configuration = try? Configuration(weights.graph) else {
      throw NotImplemented("models of another form than GPT-2's")
    }
    self.configuration = configuration
    parameters = Dictionary(
      uniqueKeysWithValues: graph.parameters.map { ($0.name, weights.float32($0)) })
    self.scoreWidth = scoreWidth
  }

  /// Computes a whole sequence, and hands out every activation on the way.
  public func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) throws {
    let tokens = Matrix(parameter(.tokenEmbedding)).rows(inputs.tokenIDs)
    let positions = Matrix(parameter(.positionEmbedding)).rows(inputs.positionIDs)
    var stream = tokens + positions
    try observe(Activation(.tokenEmbedding), tokens.tensor)
    try observe(Activation(.positionEmbedding), positions.tensor)
    try observe(Activation(.embeddingSum), stream.tensor)

    for layer in 0..<configuration.layerCount {
      func show(_ point: Activation.Point, _ value: Matrix) throws {
        try observe(Activation(point, layer: layer), value.tensor)
      }
      try show(.residualIn, stream)

      let normed = norm(stream, .layerNorm1Weight, .layerNorm1Bias, layer)
      try show(.layerNorm1, normed)
      let context = try attention(normed, inputs, layer, observe)
      try show(.attentionContext, context)
      let heard = linear(context, .attentionOutputWeight, .attentionOutputBias, layer)
      try show(.attentionOutput, heard)
      stream = stream + heard
      try show(.residualMiddle, stream)

      let normedAgain = norm(stream, .layerNorm2Weight, .layerNorm2Bias, layer)
      try show(.layerNorm2, normedAgain)
      let inner = linear(normedAgain, .feedForwardInputWeight, .feedForwardInputBias, layer)
      try show(.feedForwardInput, inner)
      let active = inner.map(activate)
      try show(.feedForwardActivation, active)
      let thought = linear(active, .feedForwardOutputWeight, .feedForwardOutputBias, layer)
      try show(.feedForwardOutput, thought)
      stream = stream + thought
      try show(.residualOut, stream)
    }

    let final = norm(stream, .finalLayerNormWeight, .finalLayerNormBias)
    try observe(Activation(.finalLayerNorm), final.tensor)
    let table = Matrix(parameter(configuration.tiesEmbeddings ? .tokenEmbedding : .unembedding))
    let logits = final.times(table.transposed)
    try observe(Activation(.logits), logits.tensor)
    try observe(Activation(.probabilities), logits.mapRows { softmax($0) }.tensor)
  }

  // MARK: Attention

  private func attention(
    _ normed: Matrix, _ inputs: Inputs, _ layer: Int, _ observe: (Activation, Tensor<Float>) throws -> Void
  ) throws -> Matrix {
    let (heads, width) = (configuration.headCount, configuration.headWidth)
    let joint = linear(normed, .attentionInputWeight, .attentionInputBias, layer)
    let thirds = (0..<3).map { third in
      (0..<heads).map { joint.columns(third * configuration.width + $0 * width, count: width) }
    }
    for (point, third) in zip([Activation.Point.query, .key, .value], thirds) {
      try observe(Activation(point, layer: layer), stacked(third))
    }
    let scale = scoreScale(layer)
    let scores = (0..<heads).map { head in
      let products = thirds[0][head].times(thirds[1][head].transposed)
      return products.mapPlaces { query, key, product in
        inputs.isVisible(key: key, from: query, under: .causal) ? product * scale : -.infinity
      }
    }
    try observe(Activation(.attentionScores, layer: layer), stacked(scores))
    let probabilities = scores.map { $0.mapRows { softmax($0) } }
    try observe(Activation(.attentionProbabilities, layer: layer), stacked(probabilities))
    let heard = zip(probabilities, thirds[2]).map { average($0, of: $1, inputs) }
    return Matrix(besides: heard)
  }

  private func scoreScale(_ layer: Int) -> Float {
    guard configuration.scalesScores else { return 1 }
    let width = scoreWidth == .head ? configuration.headWidth : configuration.width
    let divisor = Float(width).squareRoot()
    return 1 / (configuration.scalesScoresByLayer ? divisor * Float(layer + 1) : divisor)
  }

  /// The values that a query may see, weighted; one that it may not is not read.
  private func average(_ probabilities: Matrix, of values: Matrix, _ inputs: Inputs) -> Matrix {
    var result = Matrix(rows: probabilities.rowCount, width: values.width)
    for query in 0..<probabilities.rowCount {
      for key in 0..<probabilities.width where inputs.isVisible(key: key, from: query, under: .causal) {
        for column in 0..<values.width {
          result[query, column] += probabilities[query, key] * values[key, column]
        }
      }
    }
    return result
  }

  // MARK: Everything else

  private func parameter(_ role: ParameterRole, _ layer: Int? = nil) -> Tensor<Float> {
    let parameter = configuration.parameter(role, layer: layer)
    guard let tensor = parameters[parameter.name] else {
      preconditionFailure("the model has no \(parameter)")
    }
    return tensor
  }

  private func linear(
    _ x: Matrix, _ weight: ParameterRole, _ bias: ParameterRole, _ layer: Int
  ) -> Matrix {
    x.times(Matrix(parameter(weight, layer)), plus: parameter(bias, layer).values)
  }

  private func norm(
    _ x: Matrix, _ weight: ParameterRole, _ bias: ParameterRole, _ layer: Int? = nil
  ) -> Matrix {
    let (gains, shifts) = (parameter(weight, layer).values, parameter(bias, layer).values)
    return x.mapRows { row in
      let mean = row.reduce(0, +) / Float(row.count)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(row.count)
      let spread = (variance + Float(configuration.layerNormEpsilon)).squareRoot()
      return row.indices.map { (row[$0] - mean) / spread * gains[$0] + shifts[$0] }
    }
  }

  private func activate(_ x: Float) -> Float {
    switch configuration.activationFunction {
    case .relu: max(0, x)
    case .geluErf: 0.5 * x * (1 + erf(x / Float(2).squareRoot()))
    case .geluTanh: 0.5 * x * (1 + tanh((2 / Float.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    default: preconditionFailure("no model of this form names \(configuration.activationFunction)")
    }
  }

  /// exp(x − max) over its sum; zeros where nothing is finite.
  private func softmax(_ row: [Float]) -> [Float] {
    guard let greatest = row.max(), greatest > -.infinity else { return row.map { $0.isNaN ? $0 : 0 } }
    let powers = row.map { exp($0 - greatest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }
}
