import Foundation
import Testing
import TouchstoneConformance
import TouchstoneFaults
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneTestSupport

/// Properties can fail: planted bugs are found, and shrunk to the smallest shape that shows them.
@Suite struct PlantedFaultTests {
  /// A bug, and the smallest model on which it can be seen.
  struct Planted: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let tokens: Int
    let width: Int
    let vocabulary: Int
    let engine: Engine

    init(
      _ name: String, tokens: Int = 1, width: Int = 1, vocabulary: Int = 1,
      _ substitute: @escaping TestDouble<Float>.Substitute
    ) {
      testDescription = name
      self.tokens = tokens
      self.width = width
      self.vocabulary = vocabulary
      engine = .double(name, substitute)
    }
  }

  static let bugs: [Planted] = [
    Planted("mask: the first token sees the next one", tokens: 2) { site in
      var value = site.value()
      guard site.operation.output.point == .attentionProbabilities, site.inputs.count > 1 else {
        return value
      }
      for head in 0..<value.shape[0] { value[head, 0, 1] = 0.5 }
      return value
    },
    Planted("softmax: the last term is not in the sum", tokens: 2) { site in
      var value = site.value()
      guard site.operation.output.point == .attentionProbabilities else { return value }
      for row in 0..<value.rowCount {
        let last = value.row(row).last ?? 0
        guard last > 0, last < 1 else { continue }
        for column in 0..<value.rowWidth { value[row, column] /= 1 - last }
      }
      return value
    },
    Planted("embedding: the row after the id's", vocabulary: 2) { site in
      let value = site.value()
      guard site.operation.output.point == .tokenEmbedding else { return value }
      let table = site.operands.parameters[0].tensor
      return embedding(site.inputs.tokenIDs.map { ($0 + 1) % table.rowCount }, table: table)
    },
    Planted("layer norm: the variance is divided by D − 1", width: 2) { site in
      guard let norm = site.operation.kind.payload as? LayerNorm, site.operands.activations[0].rowWidth > 1
      else {
        return site.value()
      }
      let (gain, shift) = (site.operands.parameters[0].tensor, site.operands.parameters[1].tensor)
      let width = Double(gain.count)
      let scale = ((width - 1) / width).squareRoot()
      return layerNorm(
        site.operands.activations[0], weight: Tensor(gain.values.map { $0 * scale }, shape: gain.shape),
        bias: shift, epsilon: norm.epsilon * (width - 1) / width)
    },
  ]

  private func counterexample(_ planted: Planted, seed: UInt64 = 0, count: Int = 12) throws -> (
    property: ModelProperty, found: Counterexample<ModelCase>
  ) {
    for property in ModelProperty.all {
      if let found = property.counterexample(by: planted.engine, seed: seed, count: count) {
        return (property, found)
      }
    }
    throw BadInput(problem: "no property finds \(planted.testDescription)")
  }

  @Test(arguments: bugs)
  func aPlantedBugIsFoundAndShrunkToTheSmallestShape(_ planted: Planted) throws {
    let smallest = try counterexample(planted).found.smallest
    #expect(smallest.tokens.count == planted.tokens, "\(smallest)")
    #expect(smallest.headCount * smallest.headWidth == planted.width, "\(smallest)")
    #expect(smallest.vocabularySize == planted.vocabulary, "\(smallest)")
    #expect(
      smallest.layerCount == 1 && smallest.feedForwardWidth == 1 && smallest.spareContext == 0, "\(smallest)")
    #expect(smallest.simpler.allSatisfy { $0.description != smallest.description })
  }

  @Test(arguments: bugs)
  func thePrintedSeedFindsTheSameCaseAtOnce(_ planted: Planted) throws {
    let (property, found) = try counterexample(planted)
    let again = property.counterexample(by: planted.engine, seed: found.seed, count: 1)
    #expect(again?.found.description == found.found.description)
    #expect(again?.smallest.description == found.smallest.description && again?.reason == found.reason)
  }

  @Test func aFailureNamesItsSeedItsCommandAndAGoldenThatHoldsTheCase() throws {
    let planted = Self.bugs[0]
    let (property, found) = try counterexample(planted)
    let message = try #require(failure(of: property, by: planted.engine, cases: 12)).description
    #expect(
      message.contains("TOUCHSTONE_SEED=\(found.seed) TOUCHSTONE_CASES=1 swift test --filter aFailureNames"))
    let path = try #require(message.firstMatch(of: /touchstone verify (\S+)/)?.1)
    let golden = try ActivationFile(path: String(path))
    #expect(
      golden.inputs.count == 2 && golden.graph.shape(of: Activation(.embeddingSum), tokenCount: 2) == [2, 1])
    let weights = try golden.weights()
    let model = try found.smallest.model()
    #expect(weights?.stored.count == model.parameters.count)
    try FileManager.default.removeItem(atPath: String(path))
    try? FileManager.default.removeItem(atPath: path + ".sha256")
  }

  /// How many faults of the catalogue the properties find, without any golden: every eighth each day, all of them
  /// where the environment asks for more cases.
  @Test func mostFaultsOfTheCatalogueAreFoundByPropertiesAlone() throws {
    let step = PropertyRun.cases == nil ? 8 : 1
    let catalogue = Fault.catalogue(of: try ModelCase(tokens: [0]).model().configuration.graph)
    let faults = stride(from: 0, to: catalogue.count, by: step).map { catalogue[$0] }
    let missed = faults.filter { !isFound($0) }
    let families = Fault.Family.allCases.compactMap { family -> String? in
      let all = faults.count { $0.family == family }
      return all == 0 ? nil : "\(family.rawValue) \(all - missed.count { $0.family == family })/\(all)"
    }
    print(
      "properties find \(faults.count - missed.count) of \(faults.count): \(families.joined(separator: ", "))"
    )
    print("not found: \(missed.map(\.id).joined(separator: ", "))")
    #expect(Double(missed.count) <= 0.2 * Double(faults.count), "not found: \(missed)")
  }

  private func isFound(_ fault: Fault) -> Bool {
    let engine = Engine(fault.id, verifyCommand: { "touchstone verify \($0)" }) {
      FaultyTransformer(weights: $0, fault: fault)
    }
    return (0..<6 as Range<UInt64>).contains { seed in
      var generator = SplitMix64(seed: seed)
      let generated = ModelCase.generate(&generator)
      return ModelProperty.all.contains { property in
        do {
          return try property.violation(generated, engine) != nil
        } catch {
          return !(error is NotObserved)
        }
      }
    }
  }
}

/// The reference in float32 with one fault at every place where it can be planted.
private struct FaultyTransformer: Transformer {
  let weights: Weights
  let fault: Fault
  var graph: Graph { weights.graph }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Float>) throws -> Void) throws {
    let sites = fault.sites(in: graph).map { ($0.output, fault) }
    let run = RecordedActivations(
      weights: weights, inputs: inputs, planting: Dictionary(uniqueKeysWithValues: sites))
    for operation in graph.operations {
      if let tensor = run.tensors[operation.output] {
        try observe(operation.output, tensor.converted(to: Float.self))
      }
    }
  }
}
