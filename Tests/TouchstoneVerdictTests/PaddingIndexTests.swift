import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// PyTorch's `padding_idx`: a row of the table of tokens that learns nothing from what is looked up, where a file says so.
@Suite struct PaddingIndexTests {
  static let tokens = [5, 9, 2, 5, 11, 7, 9]

  private func model(_ name: String) throws -> (weights: Weights, inputs: Inputs) {
    let family = try #require(Family.all.first { $0.name == name })
    let weights = try RandomDecoder(family, kind: .probing, width: 28, seed: 3).weights()
    let inputs = try Inputs(
      tokenIDs: Self.tokens, targets: Self.tokens.dropFirst() + [Loss.ignoredTarget], graph: weights.graph)
    return (weights, inputs)
  }

  private func table(_ graph: Graph) throws -> Activation {
    let lookup = try #require(
      graph.operations.first {
        if case .embedding(let kind) = $0.kind { kind.ids == .tokenIDs } else { false }
      })
    return Activation(gradientOf: lookup.parameters[0].parameter)
  }

  /// Tied and untied tables: what a head gives the row stays.
  @Test(.clause("BWD-6", "BND-52"), arguments: ["llama", "gemma", "opt"])
  func whatIsDeclaredIsTheDefinition(_ name: String) throws {
    let (weights, inputs) = try model(name)
    let (whole, declared) = (
      try weights.differentiated(by: Loss()), try weights.differentiated(by: Loss(paddingIndex: 5))
    )
    let place = try table(whole.graph)
    let left = RecordedActivations(weights: declared, inputs: inputs)
    #expect(try Judge(weights: declared).verdict(on: left).outcome == .consistent)
    for arithmetic in HonestArithmetic.ofFamilies.prefix(3) {
      let capture = try RecordedActivations(of: HonestTransformer(declared, arithmetic), inputs: inputs)
      let verdict = try Judge(weights: declared).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(arithmetic): \(verdict.flagged)")
    }
    let all = RecordedActivations(weights: whole, inputs: inputs)
    let (learned, unlearned) = (try #require(all.tensors[place]), try #require(left.tensors[place]))
    for row in 0..<learned.rowCount where row != 5 {
      #expect(Array(learned.row(row)) == Array(unlearned.row(row)))
    }
    let lookups = try #require(all.tensors[Activation("embed/token").gradient])
    let width = learned.rowWidth
    for column in 0..<width {
      let sum = [0, 3].reduce(0.0) { $0 + lookups[$1, column] }
      let difference = learned[5, column] - unlearned[5, column]
      #expect(abs(difference - sum) <= 1e-5 * max(1, abs(learned[5, column])))
    }
    // Each in the other's place is wrong, at the table, and named.
    func cause(_ run: RecordedActivations, by weights: Weights) throws -> (Activation?, [String]) {
      let capture = RecordedActivations(graph: weights.graph, inputs: inputs, tensors: run.tensors)
      let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
      return (
        verdict.flagged.first?.activation, verdict.cause.map { [$0.id] + $0.equivalents } ?? []
      )
    }
    let forgotten = try cause(all, by: declared)
    #expect(forgotten.0 == place && forgotten.1.contains("table-gradient.row-of-padding-learned"))
    let undeclared = try cause(left, by: whole)
    #expect(undeclared.0 == place && undeclared.1.contains("table-gradient.row-of-first-missing"))
  }

  /// RoBERTa's positions are counted from behind padding, whose own row is left out, too.
  @Test(.clause("BWD-6")) func positionsCountedFromPaddingLeaveItsRowOut() throws {
    let (weights, _) = try model("roberta")
    let padding = try #require(weights.graph.paddingID)
    let inputs = try Inputs(
      tokenIDs: [padding] + Self.tokens, targets: [Loss.ignoredTarget] + Self.tokens, graph: weights.graph)
    let trained = try weights.differentiated(by: Loss(paddingIndex: padding))
    let run = RecordedActivations(weights: trained, inputs: inputs)
    let tables = trained.graph.operations.filter {
      if case .embedding(let kind) = $0.kind { kind.ids != .tokenTypeIDs } else { false }
    }
    #expect(tables.count == 2)
    for lookup in tables {
      let name = lookup.parameters[0].parameter
      guard case .embedding(let kind) = lookup.kind, kind.ids == .positionIDs else { continue }
      let gradient = try #require(run.tensors[Activation(gradientOf: name)])
      #expect(gradient.row(padding).allSatisfy { $0 == 0 })
      #expect(gradient.values.contains { $0 != 0 })
    }
  }

  @Test(.clause("BWD-6")) func aNegativeIndexIsRefused() throws {
    let (weights, _) = try model("llama")
    let error = #expect(throws: BadInput.self) { try weights.differentiated(by: Loss(paddingIndex: -1)) }
    #expect(error?.problem.contains("padding index -1") == true)
  }
}
