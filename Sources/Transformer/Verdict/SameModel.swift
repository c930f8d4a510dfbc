import TouchstoneGraph
import TouchstoneModel

extension Judge {
  /// Refuses what no verdict can be given on: another model, another sequence, another temperature.
  func checkSame(_ capture: any ActivationSource, _ golden: (any ActivationSource)?) throws(BadInput) {
    let graph = capture.graph.with(temperature: 1)
    for (other, owner) in [(golden?.graph, "the golden"), (weights?.graph, "the weights")] {
      guard let other, other.with(temperature: 1) != graph else { continue }
      guard other.isDifferentiated == graph.isDifferentiated else {
        throw BadInput(
          place: "inputs/targets",
          problem: graph.isDifferentiated
            ? "are in the capture, and \(owner) holds the forward pass alone"
            : "are missing, and \(owner) has them",
          remedy: "store targets in both, for the forward and the backward pass, or in none")
      }
      if graph.isDifferentiated, other.with(temperature: 1).forwardOperations == graph.forwardOperations {
        throw BadInput(
          place: "inputs",
          problem:
            "the attributes of its loss (reduction, divisor, loss_scale, label_smoothing, padding_index) are not "
            + "those of \(owner)",
          remedy: "capture the loss that was recorded, or record the one that is captured")
      }
      throw BadInput(
        place: "config_json", problem: "the capture's configuration is not that of \(owner)",
        remedy: "capture the same model")
    }
    if let golden { try capture.checkSameSequence(as: golden) }
    guard let probabilities = graph.probabilities else { return }
    if let golden, golden.storedShape(of: probabilities) != nil,
      capture.storedShape(of: probabilities) != nil, golden.temperature != capture.temperature
    {
      throw BadInput(
        place: probabilities.path,
        problem: "has the temperature \(capture.temperature) where the golden's is \(golden.temperature)",
        remedy: "capture at the golden's temperature")
    }
    for (temperature, owner) in [(capture.temperature, "capture"), (golden?.temperature, "golden")] {
      guard let temperature, !Temperature.range.contains(temperature) else { continue }
      throw BadInput(
        place: probabilities.path, problem: "has the temperature \(temperature) in the \(owner)",
        remedy: "record one from \(Temperature.range.lowerBound) to \(Temperature.range.upperBound)")
    }
  }
}

extension ActivationSource {
  /// Refuses inputs for which the forward pass is another; a mask that masks nothing is no mask.
  ///
  /// - Parameter other: the golden, or what stands `name` in the sentence.
  /// - Throws: ``BadInput`` that says which of tokens, positions and mask differ, and where first.
  package func checkSameSequence(as other: any ActivationSource, called name: String = "the golden")
    throws(BadInput)
  {
    func part(_ input: Input) -> Part { Part(input.rawValue, inputs.ids(input), other.inputs.ids(input)) }
    var read: [Input] = [.tokenIDs, .positionIDs, .attentionMask]
    if graph.inputs.contains(.tokenTypeIDs) { read.append(.tokenTypeIDs) }
    for input in graph.arrays where inputs.array(input) != other.inputs.array(input) {
      throw BadInput(
        place: Activation(given: input).path, problem: "differs from that of \(name)",
        remedy: "capture what \(name) was given")
    }
    if inputs.source?.sound != other.inputs.source?.sound {
      throw BadInput(
        place: "inputs/" + (graph.inputs.contains(.audio) ? Input.audio : .inputFeatures).rawValue,
        problem: "differs from that of \(name)", remedy: "capture the sound of \(name)")
    }
    if graph.readsSource {
      read += [.encoderTokenIDs, .encoderPositionIDs, .encoderAttentionMask]
    }
    if inputs.targets != nil || other.inputs.targets != nil { read.append(.targets) }
    let parts = read.map(part)
    guard let first = parts.first(where: { $0.difference != nil }), let difference = first.difference else {
      return
    }
    let agreeing = parts.filter { $0.difference == nil }.map(\.name)
    let others = parts.dropFirst(1 + (parts.firstIndex { $0.name == first.name } ?? 0))
      .filter { $0.difference != nil }.map(\.name)
    var problem: String
    var remedy = "capture the sequence of \(name)"
    if first.name == "position_ids", !givesPositions {
      problem =
        "is not recorded, which stands for 0…\(inputs.count - 1), where \(name) has others \(difference)"
      remedy = "record the positions that were used"
    } else {
      problem = "differs from that of \(name) \(difference)"
    }
    if !others.isEmpty { problem += ", and so does \(others.joined(separator: " and "))" }
    if !agreeing.isEmpty {
      problem += "; \(agreeing.joined(separator: " and ")) agree\(agreeing.count == 1 ? "s" : "")"
    }
    if first.name == "position_ids", inputs.positionIDs == Array(0..<inputs.count),
      inputs.ids(.attentionMask).contains(0)
    {
      remedy +=
        "; an engine that counts 0…\(inputs.count - 1) here does not skip masked tokens, as \(name) does"
    }
    throw BadInput(place: "inputs/" + first.name, problem: problem, remedy: remedy)
  }
}

/// One of the inputs, of two that should be the same.
private struct Part {
  let name: String
  /// Where the two differ first, in a few words; nil where they do not.
  let difference: String?

  init(_ name: String, _ own: [Int], _ wanted: [Int]) {
    self.name = name
    if own.count != wanted.count {
      difference = "in length (\(own.count) instead of \(wanted.count) tokens)"
    } else if let first = own.indices.first(where: { own[$0] != wanted[$0] }) {
      difference = "from token \(first) on (\(own[first]) instead of \(wanted[first]))"
    } else {
      difference = nil
    }
  }
}
