import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// The functions of the examples that are operations of losses and backward passes.
extension ExampleExpression {
  /// What the reference gives; nil for a function that is none of these.
  ///
  /// - Throws: `BadInput` for an argument that is missing.
  func backwardValue() throws -> ExampleValue? {
    let read = try positional.map { try $0.tensor() }
    let epsilon = labelled["epsilon"]?.numbers[0] ?? 0
    let isCentred = labelled["centred"] != nil
    switch function {
    case "crossEntropy":
      return try value(of: CrossEntropy(labelSmoothing: labelled["smoothing"]?.numbers[0] ?? 0), read)
    case "lossMean": return try value(of: LossMean(Loss(divisor: labelled["divisor"]?.numbers[0])), read)
    case "crossEntropyGradient":
      return try value(of: CrossEntropyGradient(Loss(scale: labelled["scale"]?.numbers[0] ?? 1)), read)
    case "linearGradient":
      return try value(of: LinearGradient(), read, parameter: labelled["weight"]?.tensor())
    case "matrixGradient":
      let shape = [read[1].rowWidth, read[0].rowWidth]
      return try value(
        of: ParameterGradient([.matrix]), read, parameter: Tensor(repeating: 0, shape: shape))
    case "vectorGradient":
      return try value(
        of: ParameterGradient([.vector]), read, parameter: Tensor(repeating: 0, shape: [read[0].rowWidth]))
    case "shiftGradient":
      return try value(
        of: ParameterGradient([.shift]), read, parameter: Tensor(repeating: 0, shape: [read[0].rowWidth]))
    case "rowsGradient":
      let rows = try labelled["rows"]?.integers()[0] ?? 1
      return try value(
        of: ParameterGradient([.rows(Embedding(.tokenIDs))]), read,
        parameter: Tensor(repeating: 0, shape: [rows, read[0].rowWidth]))
    case "normGradient":
      return try value(of: NormGradient(epsilon: epsilon, isCentred: isCentred), read)
    case "gainGradient":
      return try value(of: GainGradient(epsilon: epsilon, isCentred: isCentred), read)
    case "reluGradient": return try value(of: ActivationGradient(.relu), read)
    case "siluGradient":
      return try value(of: ActivationGradient(.silu, limit: labelled["limit"]?.numbers[0]), read)
    case "softCapGradient":
      return try value(of: SoftCapGradient(at: labelled["cap"]?.numbers[0] ?? 1), read)
    case "softmaxGradient": return try value(of: SoftmaxGradient(), read)
    case "convolutionGradient", "filterGradient", "channelGradient", "turnedBack":
      return try valueOfFrames(read)
    default: return try valueOfChoice(read)
    }
  }

  /// The same of gradients through convolutions.
  private func valueOfFrames(_ read: [Tensor<Double>]) throws -> ExampleValue? {
    func whole(_ label: String) throws -> Int { try labelled[label]?.integers()[0] ?? 0 }
    switch function {
    case "convolutionGradient":
      let kind = ConvolutionGradient(
        stride: try whole("stride"), padding: try whole("padding"), frames: try whole("frames"))
      return try value(of: kind, read, parameter: labelled["filters"]?.tensor())
    case "filterGradient":
      let filters = Convolution(stride: try whole("stride"), padding: try whole("padding"))
      let shape = [read[1].rowCount, read[0].rowCount, try whole("width")]
      return try value(
        of: ParameterGradient([.filters(filters)]), read, parameter: Tensor(repeating: 0, shape: shape))
    case "channelGradient":
      return try value(
        of: ParameterGradient([.channels]), read, parameter: Tensor(repeating: 0, shape: [read[0].rowCount]))
    default: return try value(of: Transpose(backTo: read[0].rowCount), read)
    }
  }

  /// The same of gradients through clips, sinks, experts and distances.
  private func valueOfChoice(_ read: [Tensor<Double>]) throws -> ExampleValue? {
    func whole(_ label: String) throws -> Int { try labelled[label]?.integers()[0] ?? 0 }
    switch function {
    case "clipGradient":
      let kind = ClipGradient(
        limit: labelled["limit"]?.numbers[0] ?? 0, ofClipped: labelled["clipped"] != nil)
      return try value(of: kind, read)
    case "sinkGradient":
      return try value(of: SinkGradient(), read, parameter: Tensor([0], shape: [1]))
    case "mixtureGradient":
      let side: MixtureGradient.Side = labelled["expert"] == nil ? .weights : .expert(try whole("expert"))
      return try value(of: MixtureGradient(of: side), read)
    case "routeGradient":
      let weights = RouteWeights(
        isNormalised: labelled["normalised"] != nil, by: labelled["sigmoid"] == nil ? .softmax : .sigmoid)
      return try value(of: RouteGradient(of: weights), read)
    case "returnedRows": return try value(of: ReturnedRows(choices: read[0].rowWidth), read)
    case "takenColumns":
      let first = try whole("first")
      let kind = TakenColumns(first..<first + (try whole("count")), ofAllHeads: labelled["heads"] != nil)
      return try value(of: kind, read)
    case "bucketsGradient":
      let buckets = try whole("buckets")
      let bias = RelativeBias(
        buckets: buckets, greatestDistance: try whole("distance"), isBothWays: false, ofSource: false)
      return try value(
        of: ParameterGradient([.buckets(bias)]), read,
        parameter: Tensor(repeating: 0, shape: [buckets, read[0].shape[0]]))
    default: return nil
    }
  }

  /// What a kind makes of operands, of as many tokens as they have.
  private func value(
    of kind: some OperationKind, _ operands: [Tensor<Double>], parameter: Tensor<Double>? = nil
  ) throws -> ExampleValue {
    let graph = try Graph(validating: [
      Operation(
        Embedding(.tokenIDs).kind, Activation("embed/token"),
        with: [ParameterView(Parameter("table", [16, 1]))])
    ])
    let shape = operands[0].shape
    let count = shape.count == 1 ? shape[0] : shape[shape.count - 2]
    let inputs = try Inputs(
      tokenIDs: try labelled["ids"]?.integers() ?? [Int](repeating: 0, count: count),
      targets: try labelled["targets"]?.integers(), graph: graph)
    let viewed = parameter.map { [ParameterValues($0, ParameterView(Parameter("p", $0.shape)))] } ?? []
    return ExampleValue(kind.kind.value(Operands(operands, parameters: viewed), in: inputs))
  }
}
