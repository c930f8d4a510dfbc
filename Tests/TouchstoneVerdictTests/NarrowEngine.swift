import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneVerdict

/// A program that stores in 16 bits, computed in float64 with every rounding that it makes.
struct NarrowEngine {
  /// How it differs from one that rounds every result once and reads what it rounded.
  enum Way: Sendable, CustomStringConvertible {
    case plain
    /// Sums and LayerNorms read the stream before it is rounded.
    case unroundedStream
    /// The same from the middle of each block on only.
    case unroundedFromMiddle
    /// The mean of a LayerNorm is that of the unrounded stream, all else is read rounded.
    case meanOfUnroundedStream
    /// Projections are added into the stream before they are rounded, and the stream never is.
    case unroundedProjections
    /// LayerNorm stores what it normalises, and what it scales where `scaled` is true.
    case roundedSteps(scaled: Bool)
    /// Scores are divided by √d in the type, after their sum was stored.
    case dividedInType
    /// Scores are multiplied by 1/√d and by the rest of their scale, and stored before each.
    case scaledTwice
    /// Queries are multiplied by 1/√d in the type, and stored.
    case queriesScaledInType
    /// Queries and keys are multiplied by the root of 1/√d, and stored.
    case bothScaled
    /// Softmax reads scores, and the context probabilities, before they are rounded.
    case unroundedAttention
    /// The same with sums that are stored before they are scaled by a factor held in the type.
    case unroundedAttentionScaledInType
    /// Products read what LayerNorm and GELU made before it is rounded.
    case unroundedInputs
    /// Products are stored before their biases are added.
    case storedProduct
    /// Parameters stay as wide as they are given.
    case wideParameters
    /// What is stored is moved in one direction, at every point or into the stream alone.
    case cut(FloatingPointRoundingRule, streamAlone: Bool)

    var description: String {
      switch self {
      case .cut(let rule, let streamAlone): "cut \(rule)\(streamAlone ? ", the stream alone" : "")"
      case .roundedSteps(let scaled): "rounded steps\(scaled ? ", two" : ", one")"
      case .plain: "plain"
      case .wideParameters: "wide parameters"
      case .unroundedStream: "unrounded stream"
      case .unroundedFromMiddle: "unrounded from the middle of a block"
      case .meanOfUnroundedStream: "mean of the unrounded stream"
      case .unroundedProjections: "unrounded projections"
      case .dividedInType: "divided in the type"
      case .scaledTwice: "scaled twice"
      case .queriesScaledInType: "queries scaled in the type"
      case .bothScaled: "queries and keys scaled"
      case .unroundedAttention: "unrounded attention"
      case .unroundedAttentionScaledInType: "unrounded attention, scaled in the type"
      case .unroundedInputs: "unrounded inputs"
      case .storedProduct: "stored product"
      }
    }
  }

  let weights: Weights
  let type: ScalarType
  let way: Way
  /// How sums of the stream are stored, whatever the way.
  var streamRule = FloatingPointRoundingRule.toNearestOrEven

  /// Runs a sequence; what is recorded is what is stored.
  func run(_ inputs: Inputs) -> RecordedActivations {
    var stored: [Activation: Tensor<Double>] = [:]
    var exact: [Activation: Tensor<Double>] = [:]
    for operation in weights.graph.operations {
      let parameters = operation.parameters.map { view in
        let values = weights.float64(view.parameter)
        if case .wideParameters = way { return ParameterValues(values, view) }
        return ParameterValues(rounded(values), view)
      }
      let read = operation.inputs.enumerated().compactMap { index, input in
        readsUnrounded(operation, index) ? exact[input] : stored[input]
      }
      let value: Tensor<Double>
      switch operation.kind {
      case .layerNorm(let kind):
        let mean = way.isMeanOfUnrounded ? exact[operation.inputs[0]] : nil
        value = layerNorm(read[0], meanOf: mean ?? read[0], parameters[0], parameters[1], kind.epsilon)
      case .scores(let kind):
        value = scores(read[0], read[1], kind.scale, inputs)
      case .linear where parameters.count == 2:
        value = product(operation, read[0], parameters, inputs)
      default:
        value = operation.kind.value(Operands(read, parameters: parameters), in: inputs)
      }
      exact[operation.output] = value
      stored[operation.output] = store(value, operation)
    }
    return RecordedActivations(
      graph: weights.graph, inputs: inputs, precision: Precision(type), tensors: stored)
  }

  private func readsUnrounded(_ operation: Operation, _ index: Int) -> Bool {
    switch (way, operation.kind) {
    case (.unroundedStream, .sum), (.unroundedStream, .layerNorm): index == 0 && !isEmbedding(operation)
    case (.unroundedFromMiddle, .sum): operation.output.point == .residualOut && index == 0
    case (.unroundedFromMiddle, .layerNorm): operation.output.point == .layerNorm2
    case (.unroundedProjections, .sum): !isEmbedding(operation)
    case (.unroundedProjections, .layerNorm): true
    case (.unroundedAttention, .probabilities), (.unroundedAttentionScaledInType, .probabilities): true
    case (.unroundedAttention, .context), (.unroundedAttentionScaledInType, .context): index == 0
    case (.unroundedInputs, .linear): operation.inputs[0].point != .attentionContext
    default: false
    }
  }

  private func isEmbedding(_ operation: Operation) -> Bool { operation.output.point == .embeddingSum }

  private func store(_ value: Tensor<Double>, _ operation: Operation) -> Tensor<Double> {
    if streamRule != .toNearestOrEven, operation.isSum {
      return Tensor(value.values.map { type.rounded($0, streamRule) }, shape: value.shape)
    }
    guard case .cut(let rule, let streamAlone) = way, !operation.isEmbedding,
      operation.isSum || !streamAlone
    else { return rounded(value) }
    return Tensor(value.values.map { type.rounded($0, rule) }, shape: value.shape)
  }

  private func rounded(_ value: Tensor<Double>) -> Tensor<Double> {
    Tensor(value.values.map { TouchstoneVerdictTests.rounded($0, to: type) }, shape: value.shape)
  }

  private func rounded(_ value: Double) -> Double { TouchstoneVerdictTests.rounded(value, to: type) }

  private func product(
    _ operation: Operation, _ read: Tensor<Double>, _ parameters: [ParameterValues<Double>], _ inputs: Inputs
  ) -> Tensor<Double> {
    func value(_ x: Tensor<Double>, _ parameters: [ParameterValues<Double>]) -> Tensor<Double> {
      operation.kind.value(Operands([x], parameters: parameters), in: inputs)
    }
    let whole = value(read, parameters)
    guard case .storedProduct = way else { return whole }
    let nothing = Tensor<Double>(repeating: 0, shape: read.shape)
    let (products, biases) = (value(read, [parameters[0]]), value(nothing, parameters))
    return Tensor(zip(rounded(products).values, biases.values).map(+), shape: whole.shape)
  }

  private func layerNorm(
    _ x: Tensor<Double>, meanOf: Tensor<Double>, _ gain: ParameterValues<Double>,
    _ bias: ParameterValues<Double>,
    _ epsilon: Double
  ) -> Tensor<Double> {
    let values = (0..<x.rowCount).flatMap { row -> [Double] in
      let (elements, others) = (Array(x.row(row)), Array(meanOf.row(row)))
      let mean = others.reduce(0, +) / Double(others.count)
      let variance = elements.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(elements.count)
      let inverse = 1 / (variance + epsilon).squareRoot()
      return elements.indices.map { column in
        var value = (elements[column] - mean) * inverse
        guard case .roundedSteps(let scaled) = way else {
          return value * gain[column] + bias[column]
        }
        value = rounded(value) * gain[column]
        return (scaled ? rounded(value) : value) + bias[column]
      }
    }
    return Tensor(values, shape: x.shape)
  }

  private func scores(
    _ query: Tensor<Double>, _ key: Tensor<Double>, _ scale: Double, _ inputs: Inputs
  ) -> Tensor<Double> {
    func sum(_ query: Tensor<Double>, _ key: Tensor<Double>) -> Tensor<Double> {
      Definition.scores(query: query, key: key, scale: 1, inputs: inputs)
    }
    func times(_ tensor: Tensor<Double>, _ factor: Double) -> Tensor<Double> {
      Tensor(tensor.values.map { $0 * factor }, shape: tensor.shape)
    }
    switch way {
    case .dividedInType: return times(rounded(sum(query, key)), 1 / rounded(1 / scale))
    case .scaledTwice:
      let root = 1 / Double(query.rowWidth).squareRoot()
      return times(rounded(times(rounded(sum(query, key)), root)), scale / root)
    case .queriesScaledInType: return sum(rounded(times(query, rounded(scale))), key)
    case .bothScaled:
      let root = scale.squareRoot()
      return sum(rounded(times(query, root)), rounded(times(key, root)))
    case .unroundedAttentionScaledInType: return times(rounded(sum(query, key)), rounded(scale))
    default: return times(sum(query, key), scale)
    }
  }
}

extension NarrowEngine.Way {
  fileprivate var isMeanOfUnrounded: Bool {
    if case .meanOfUnroundedStream = self { true } else { false }
  }
}
