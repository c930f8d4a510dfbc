import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// The functions of the examples that are operations of a graph.
extension ExampleExpression {
  /// What the reference gives; nil for a function that is none of these.
  ///
  /// - Throws: `BadInput` for an argument that is missing.
  func operationValue() throws -> ExampleValue? {
    switch function {
    case "view": return try viewed()
    case "scale": return try value(of: Scale(by: try number("factor")), [try operand(0)])
    case "softCap": return try value(of: SoftCap(at: try number("cap")), [try operand(0)])
    case "alibi":
      let mask = try integers("mask")
      let kind = Alibi(heads: try integers("heads")[0], form: labelled["fromEnd"] == nil ? .bloom : .mpt)
      return try value(of: kind, [], tokenCount: mask.count, mask: mask.map { $0 != 0 })
    case "relativeBias":
      let table = try tensor("table")
      let kind = RelativeBias(
        buckets: table.shape[0], greatestDistance: try integers("distance")[0],
        isBothWays: labelled["bothWays"] != nil, ofSource: false)
      return try value(of: kind, [], parameters: [table], tokenCount: try integers("count")[0])
    case "buckets":
      let kind = RelativeBias(
        buckets: try integers("count")[0], greatestDistance: try integers("distance")[0],
        isBothWays: labelled["bothWays"] != nil, ofSource: false)
      return .list(try integers("offsets").map { .number(Double(kind.bucket(of: $0))) })
    case "sinusoid":
      let kind = Sinusoid(
        .positionIDs, width: try integers("width")[0],
        form: labelled["interleaved"] == nil ? .halves : .interleaved)
      let positions = try integers("positions")
      return try value(of: kind, [], positions: positions, tokenCount: positions.count)
    case "convolution":
      let kind = Convolution(stride: try integers("stride")[0], padding: try integers("padding")[0])
      return try value(
        of: kind, [try operand(0)], parameters: [try tensor("filters"), try tensor("bias")])
    case "patches":
      let bias = try labelled["bias"].map { [Tensor($0.numbers, shape: [$0.numbers.count])] }
      return try value(of: Patches(), [try operand(0)], parameters: [try tensor("filters")] + (bias ?? []))
    case "classRow":
      let row = try named("row").numbers
      return try value(of: ClassRow(), [try operand(0)], parameters: [Tensor(row, shape: [row.count])])
    case "modulated":
      let by = try named("by").numbers
      let kind = Modulation(
        parts: try integers("parts")[0], scale: try integers("scale")[0],
        shift: try labelled["shift"]?.integers()[0], plus: try number("plus"))
      return try value(of: kind, [try operand(0), Tensor(by, shape: [1, by.count])])
    case "transposed": return try value(of: Transpose(), [try operand(0)])
    case "logMel": return try logMel()
    case "clipped":
      return try value(
        of: Linear(limit: try number("limit")), [try operand(0)], parameters: [try tensor("weight")])
    case "rmsNorm":
      let kind = RMSNorm(
        epsilon: try number("epsilon"), offset: optional("offset") ?? 0, isJoined: labelled["joined"] != nil)
      return try value(of: kind, [try operand(0)], parameters: [try tensor("weight")])
    case "rotate":
      let kind = Rotate(
        width: try integers("width")[0], first: try labelled["first"]?.integers()[0] ?? 0,
        style: labelled["interleaved"] == nil ? .half : .interleaved,
        frequencies: RotaryFrequencies(theta: try number("theta")))
      return try value(of: kind, [try operand(0)], positions: try integers("positions"))
    case "frequencies":
      let frequencies = RotaryFrequencies(theta: try number("theta"), scaling: scaling())
      let values = frequencies.values(
        pairs: try integers("pairs")[0], sequenceLength: try labelled["length"]?.integers()[0] ?? 1)
      return .list(values.map { .number($0) })
    case "groupedScores":
      return try value(
        of: AttentionScores(scale: try number("scale")), [try tensor("query"), try tensor("key")])
    case "biasedScores":
      return try value(
        of: AttentionScores(scale: try number("scale")),
        [try tensor("query"), try tensor("key"), try tensor("bias")])
    case "groupedContext":
      return try value(of: AttentionContext(), [try tensor("probabilities"), try tensor("value")])
    case "product":
      let kind = Product(plus: optional("plus") ?? 0, limit: optional("limit"))
      return try value(of: kind, [try operand(0), try operand(1)])
    case "routeIds":
      let groups = try labelled["groups"].map {
        ExpertGroups(
          try $0.integers()[0], keeping: try integers("kept")[0],
          by: labelled["twoBest"] == nil ? .best : .twoBest)
      }
      let correction = try labelled["correction"].map { [Tensor($0.numbers, shape: [$0.numbers.count])] }
      return try value(
        of: RouteIDs(
          try integers("count")[0], by: labelled["logistic"] == nil ? .softmax : .sigmoid, groups: groups),
        [try operand(0)], parameters: correction ?? [])
    case "routeWeights":
      return try value(
        of: RouteWeights(
          isNormalised: labelled["normalised"] != nil, by: labelled["logistic"] == nil ? .softmax : .sigmoid),
        [try operand(0), try tensor("ids")])
    case "joined": return try value(of: JoinedColumns(), [try operand(0), try operand(1)])
    case "chosenRows":
      return try value(
        of: ChosenRows(of: try integers("expert")[0]), [try operand(0), try tensor("ids")])
    case "mixture":
      let made = try tensor("outputs")
      let size = made.shape[1] * made.shape[2]
      let outputs = (0..<made.shape[0]).map {
        Tensor(Array(made.values[$0 * size..<($0 + 1) * size]), shape: Array(made.shape.dropFirst()))
      }
      return try value(of: Mixture(), [try tensor("ids"), try tensor("weights")] + outputs)
    case "firstRow": return try value(of: PickedRow(), [try operand(0)])
    case "endRow":
      let end = try labelled["end"]?.integers()[0]
      return try value(
        of: PickedRow(end.map { .firstOf(id: $0) } ?? .greatestID), [try operand(0)],
        tokenIDs: try integers("ids"))
    case "sinkProbabilities":
      let sinks = Tensor(try named("sinks").numbers, shape: [try named("sinks").numbers.count])
      return try value(of: AttentionProbabilities(), [try operand(0)], parameters: [sinks])
    case "quickGELUClipped":
      let kind = ActivationFunction(.quickGELU, limit: try number("limit"))
      return .number(kind.function(kind.clipped(try first())))
    case "silu": return .number(ActivationFunction.Function.silu(try first()))
    case "quickGELU": return .number(ActivationFunction.Function.quickGELU(try first()))
    case "geluFast": return .number(ActivationFunction.Function.geluFast(try first()))
    case "geluBloom": return .number(ActivationFunction.Function.geluBloom(try first()))
    case "reluSquared": return .number(ActivationFunction.Function.reluSquared(try first()))
    default: return try backwardValue()
    }
  }

  /// What is heard of samples.
  private func logMel() throws -> ExampleValue {
    let filters = try tensor("filters")
    let frontEnd = FrontEnd(windowLength: try integers("window")[0], hop: try integers("hop")[0])
    let frames = try integers("frames")[0]
    let kind = LogMel(frontEnd, mels: filters.rowWidth, frames: frames)
    let names = ["features/log_mel", "convolved", "turned"].map { Activation($0) }
    let views = [Parameter("filters", [1, filters.rowWidth, 1]), Parameter("bias", [1])].map {
      ParameterView($0)
    }
    let graph = try Graph(validating: [
      Operation(kind.kind, names[0]),
      Operation(Convolution(stride: 1, padding: 0).kind, names[1], from: [names[0]], with: views),
      Operation(Transpose().kind, names[2], from: [names[1]]),
    ])
    let samples = try tensor("samples").values.map { Float($0) }
    let inputs = try Inputs.source(
      Sound(samples: samples, filters: filters, frontEnd: frontEnd), graph: graph)
    return ExampleValue(kind.kind.value(Operands([]), in: inputs))
  }

  /// What a kind makes of operands, of as many tokens as they have.
  private func value(
    of kind: some OperationKind, _ operands: [Tensor<Double>], parameters: [Tensor<Double>] = [],
    positions: [Int]? = nil, tokenCount: Int? = nil, mask: [Bool]? = nil, tokenIDs: [Int]? = nil
  ) throws -> ExampleValue {
    let table = Parameter("table", [(tokenIDs?.max() ?? 0) + 1, 1])
    let graph = try Graph(validating: [
      Operation(Embedding(.tokenIDs).kind, Activation("embed/token"), with: [ParameterView(table)])
    ])
    let count = tokenCount ?? operands[0].shape[operands[0].shape.count - 2]
    let inputs = try Inputs(
      tokenIDs: tokenIDs ?? [Int](repeating: 0, count: count), positionIDs: positions, attentionMask: mask,
      graph: graph)
    let viewed = parameters.map { ParameterValues($0, ParameterView(Parameter("p", $0.shape))) }
    return ExampleValue(kind.kind.value(Operands(operands, parameters: viewed), in: inputs))
  }

  /// A parameter through a view, outputs first.
  private func viewed() throws -> ExampleValue {
    let stored = try operand(0)
    let take = try integers("take")
    let selection = ParameterView.Selection(
      groups: try labelled["groups"]?.integers()[0] ?? 1, parts: try integers("parts")[0],
      take: take[0]..<take[1])
    let layout: ParameterView.Layout = labelled["inputsFirst"] == nil ? .outputsFirst : .inputsFirst
    let view = ParameterView(Parameter("p", stored.shape), layout, selection)
    let values = ParameterValues(stored, view)
    let numbers = (0..<values.outputCount).flatMap { output in
      (0..<values.inputCount).map { values[output, $0] }
    }
    return ExampleValue(Tensor(numbers, shape: view.shape))
  }

  /// Numbers in the order of the scaling's formula.
  private func scaling() -> RotaryFrequencies.Scaling {
    if let numbers = labelled["linear"]?.numbers { return .linear(factor: numbers[0]) }
    if let numbers = labelled["dynamic"]?.numbers {
      return .dynamic(factor: numbers[0], positions: Int(numbers[1]))
    }
    if let numbers = labelled["llama"]?.numbers {
      return .llama3(factor: numbers[0], low: numbers[1], high: numbers[2], original: Int(numbers[3]))
    }
    if let numbers = labelled["yarn"]?.numbers {
      return .yarn(
        factor: numbers[0], fast: numbers[1], slow: numbers[2], original: Int(numbers[3]),
        truncates: numbers[4] != 0)
    }
    return .none
  }

  private func named(_ label: String) throws -> ExampleValue {
    guard let value = labelled[label] else { throw BadInput(problem: "\(function) needs \(label):") }
    return value
  }

  private func tensor(_ label: String) throws -> Tensor<Double> { try named(label).tensor() }
  private func number(_ label: String) throws -> Double { try named(label).numbers[0] }
  private func integers(_ label: String) throws -> [Int] { try named(label).integers() }
  private func optional(_ label: String) -> Double? { labelled[label]?.numbers[0] }
  private func first() throws -> Double { try operandValue(0).numbers[0] }
  private func operand(_ index: Int) throws -> Tensor<Double> { try operandValue(index).tensor() }

  private func operandValue(_ index: Int) throws -> ExampleValue {
    guard index < positional.count else { throw BadInput(problem: "\(function) needs more arguments") }
    return positional[index]
  }
}
