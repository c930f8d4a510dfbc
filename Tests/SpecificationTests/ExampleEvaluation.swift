import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

extension ExampleExpression {
  /// What the reference gives.
  ///
  /// - Throws: `BadInput` for an unknown function or an argument that is missing.
  func evaluated() throws -> ExampleValue {
    switch function {
    case "embedding":
      return ExampleValue(embedding(try argument(0).integers(), table: try tensor("table")))
    case "sum":
      return ExampleValue(sum(try argument(0).tensor(), try argument(1).tensor()))
    case "linear":
      let weight = try tensor("weight")
      let column = try labelled["columns"]?.integers().first
      return ExampleValue(
        linear(
          try argument(0).tensor(), weight: weight, bias: try tensor("bias"), part: column ?? 0,
          of: column == nil ? 1 : weight.rowWidth))
    case "layerNorm":
      return ExampleValue(
        layerNorm(
          try argument(0).tensor(), weight: try tensor("weight"), bias: try tensor("bias"),
          epsilon: try number("epsilon")))
    case "splitHeads":
      return ExampleValue(
        splitHeads(try argument(0).tensor(), headCount: try named("headCount").integers()[0]))
    case "attentionScores":
      let query = try tensor("query")
      return ExampleValue(
        attentionScores(
          query: query, key: try tensor("key"), scale: try number("scale"), inputs: try inputs(query)))
    case "maskedSoftmax":
      let scores = try argument(0).tensor()
      return ExampleValue(maskedSoftmax(scores, inputs: try inputs(scores)))
    case "attentionContext":
      let value = try tensor("value")
      return ExampleValue(
        attentionContext(
          probabilities: try tensor("probabilities"), value: value, inputs: try inputs(value)))
    case "geluTanh": return .number(geluTanh(try argument(0).numbers[0]))
    case "geluErf": return .number(geluErf(try argument(0).numbers[0]))
    case "relu":
      let x = try argument(0).tensor()
      return ExampleValue(Tensor(x.values.map { activation(.relu, $0) }, shape: x.shape))
    case "unembedding":
      return ExampleValue(unembedding(try argument(0).tensor(), table: try tensor("table")))
    case "softmax": return try softmaxValue()
    case "nextToken": return try nextTokenValue()
    default:
      guard let value = try operationValue() else {
        throw BadInput(problem: "\(function) is no function of the examples")
      }
      return value
    }
  }

  private func softmaxValue() throws -> ExampleValue {
    let scores = try argument(0)
    if scores.shape.count == 1 {
      return .list(softmax(scores.numbers).map { .number($0) })
    }
    return ExampleValue(softmax(try scores.tensor(), temperature: try number("temperature")))
  }

  private func nextTokenValue() throws -> ExampleValue {
    let options = try SamplingOptions(
      temperature: labelled["temperature"]?.numbers[0] ?? 1, topK: labelled["topK"]?.integers()[0],
      topP: labelled["topP"]?.numbers[0])
    return .list(nextTokenDistribution(try argument(0).numbers, options: options).map { .number($0) })
  }

  private func argument(_ index: Int) throws -> ExampleValue {
    guard index < positional.count else { throw BadInput(problem: "\(function) needs more arguments") }
    return positional[index]
  }

  private func named(_ label: String) throws -> ExampleValue {
    guard let value = labelled[label] else { throw BadInput(problem: "\(function) needs \(label):") }
    return value
  }

  private func tensor(_ label: String) throws -> Tensor<Double> { try named(label).tensor() }

  private func number(_ label: String) throws -> Double { try named(label).numbers[0] }

  /// Inputs of as many tokens as `tensor` has, masked as the example says.
  private func inputs(_ tensor: Tensor<Double>) throws -> Inputs {
    .tokens(
      [Int](repeating: 0, count: tensor.shape[1]), mask: try labelled["mask"]?.integers().map { $0 != 0 })
  }
}
