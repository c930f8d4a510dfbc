import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// The backward pass as a graph: right by the forward pass itself, honest in every arithmetic, and wrong where a fault is planted.
@Suite struct BackwardTests {
  /// The families that seeds draw from: those that are added later change no model of a seed.
  static let familiesOfSeeds = [
    "gpt2", "llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text", "olmo2", "phi3",
    "gpt_neox",
    "gptj", "phi", "falcon", "starcoder2", "opt", "bloom", "imagegpt", "bert", "roberta", "distilbert",
    "modernbert",
  ]

  /// The others that make logits.
  static let otherFamilies = Family.all.filter { family in
    let graph = try? RandomDecoder(family, kind: .probing, width: 28, seed: 0).architecture().graph
    return !familiesOfSeeds.contains(family.name) && graph?.results.logits != nil
  }.map(\.name)

  @Test func whatHasNoGradientIsRefusedByItsName() throws {
    let (x, y, z) = (
      Activation("embed/token"), Activation("shares", in: Activation.Block(0)), Activation("final/logits")
    )
    let table = ParameterView(Parameter("table", [9, 4]))
    let graph = try Graph(
      validating: [
        Operation(Embedding(.tokenIDs).kind, x, with: [table]), Operation(Softmax().kind, y, from: [x]),
        Operation(Linear().kind, z, from: [y], with: [table]),
      ], results: Graph.Results(logits: z))
    let error = try #require(throws: BadInput.self) { try graph.differentiated(by: Loss()) }
    #expect(error.place == y.path)
    #expect(error.problem.contains("softmax"), "\(error)")
    #expect(error.remedy?.contains("without targets") == true, "\(error)")
  }

  /// How far the slope of the loss along a random direction lies from what the gradients say, relatively.
  static func deviation(_ training: Training, seed: UInt64) throws -> Double {
    var random = SplitMix64(seed: seed)
    let (gradients, corners) = training.gradients()
    // Of a long table the rows that are looked up: the others have the gradient 0.
    let directions = gradients.sorted { $0.key < $1.key }.map { name, gradient in
      (
        name,
        gradient.values.indices.filter { gradient.count < 20_000 || gradient.values[$0] != 0 }
          .map { (place: $0, size: Double.random(in: -1...1, using: &random)) }
      )
    }
    var scale = 1.0
    for operation in training.weights.graph.operations {
      if case .crossEntropyGradient(let kind) = operation.kind { scale = kind.loss.scale }
    }
    var (slope, size) = (0.0, 0.0)
    for (name, direction) in directions {
      let gradient = try #require(gradients[name])
      for (place, step) in direction {
        slope += gradient.values[place] * step
        size += gradient.values[place] * gradient.values[place]
      }
    }
    // Eight points: the error is of the ninth order in the step.
    let (step, moves) = (1e-4, Dictionary(uniqueKeysWithValues: directions))
    func loss(_ step: Double) -> Double { training.loss(moves, step: step, corners: corners) }
    let weights = [4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280]
    let measured =
      weights.enumerated().reduce(0.0) { sum, entry in
        let h = Double(entry.offset + 1) * step
        return sum + entry.element * (loss(h) - loss(-h))
      } / step
    return abs(slope - scale * measured) / size.squareRoot()
  }

  @Test(
    .clause("LOS-3", "BWD-2", "BWD-11", "BWD-1", "BWD-3", "BWD-4", "BWD-5", "BWD-6"),
    arguments: everyday(0..<22, each: 2))
  func theLossGrowsAsTheGradientsSay(_ number: Int) throws {
    let training = try Training(seed: UInt64(number))
    let found = try Self.deviation(training, seed: UInt64(number) + 99)
    #expect(found <= 1e-9, "\(training): \(found)")
  }

  @Test(
    .clause(
      "BWD-16", "BWD-17", "BWD-18", "BWD-19", "BWD-20", "BWD-21", "BWD-22", "BWD-23", "BWD-24", "BWD-25",
      "BWD-10"),
    arguments: otherFamilies)
  func theLossGrowsAsTheGradientsSayInEveryFamily(_ name: String) throws {
    let family = try #require(Family.all.first { $0.name == name })
    for seed in everyday(0..<3 as Range<UInt64>, each: 3, from: name.utf8.count) {
      let training = try Training(seed: seed, family: family)
      let found = try Self.deviation(training, seed: seed + 99)
      #expect(found <= 1e-9, "\(training): \(found)")
    }
  }

  @Test(
    .clause("BND-50", "BND-51", "BND-52", "BND-53", "BND-54", "BND-55", "BND-56"),
    arguments: everyday(HonestArithmetic.ofFamilies.indices, each: 5))
  func honestArithmeticIsConsistent(_ index: Int) throws {
    let arithmetic = HonestArithmetic.ofFamilies[index]
    let kind = SyntheticModel.allCases[index % 4]
    let training = try Training(seed: UInt64(200 + index), kind: kind)
    let capture = try RecordedActivations(
      of: HonestTransformer(training.weights, arithmetic), inputs: training.inputs)
    let verdict = try Judge(weights: training.weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(arithmetic), \(training): \(verdict.flagged)")
  }

  @Test(.clause("BND-57", "BND-58", "BND-59", "BND-60", "BND-20", "BND-52"), arguments: otherFamilies)
  func honestArithmeticIsConsistentInEveryFamily(_ name: String) throws {
    let family = try #require(Family.all.first { $0.name == name })
    for index in HonestArithmetic.ofFamilies.indices where (index + name.utf8.count) % 29 == 0 {
      let (arithmetic, kind) = (HonestArithmetic.ofFamilies[index], SyntheticModel.allCases[index % 4])
      let training = try Training(seed: UInt64(300 + index), family: family, kind: kind)
      let capture = try RecordedActivations(
        of: HonestTransformer(training.weights, arithmetic), inputs: training.inputs)
      let verdict = try Judge(weights: training.weights).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(arithmetic), \(training): \(verdict.flagged)")
    }
  }

  /// Biases that all blocks share need not be recorded for the gradients of each block's attention to be judged.
  @Test(.clause("BND-56"), arguments: ["mpt", "t5", "bloom"])
  func biasesThatAreNotRecordedHideNoGradient(_ name: String) throws {
    let family = try #require(Family.all.first { $0.name == name })
    let arithmetic = try #require(
      HonestArithmetic.ofFamilies.first { $0.name == "biases fused into attention, tables of slopes" })
    let training = try Training(seed: 25_045, family: family)
    let capture = try RecordedActivations(
      of: HonestTransformer(training.weights, arithmetic), inputs: training.inputs)
    let verdict = try Judge(weights: training.weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(training): \(verdict.flagged), \(verdict.uncovered)")
  }

  /// Some faults of the backward pass are planted, and found at their operation.
  @Test(.clause("BWD-2", "NUM-4"), arguments: [3, 11] as [UInt64])
  func aFaultIsFoundWhereItIs(_ seed: UInt64) throws {
    let found = try Self.plant(Training(seed: seed), each: isExhaustive ? 6 : 15)
    #expect(found.visible > 5)
    #expect(found.caught * 10 >= found.visible * 9, "\(found)")
    #expect(found.placed * 10 >= found.caught * 9, "\(found)")
  }

  struct Planted {
    /// How many change something, are flagged, are flagged first where they are, are named first, are named among those that
    /// give the same numbers, and are called something else.
    var (visible, caught, placed, named, alike, wrong) = (0, 0, 0, 0, 0, 0)
    var notes: [String] = []
  }

  /// Plants faults of the backward pass, one in `each`.
  static func plant(_ training: Training, each: Int) throws -> Planted {
    let graph = training.weights.graph
    let right = RecordedActivations(weights: training.weights, inputs: training.inputs)
    var planted = Planted()
    var number = 0
    for fault in Fault.catalogue(of: graph) where [.gradient, .loss].contains(fault.family) {
      let sites = fault.sites(in: graph)
      for operation in [sites.first, sites.last].compactMap(\.self)
      where sites.count > 1 || operation == sites.first {
        number += 1
        guard number % each == 0 else { continue }
        let run = RecordedActivations(
          weights: training.weights, inputs: training.inputs, planting: [operation.output: fault])
        guard run.tensors[operation.output] != right.tensors[operation.output] else { continue }
        planted.visible += 1
        let verdict = try Judge(weights: training.weights, depth: .whole()).verdict(on: run)
        guard verdict.outcome == .mismatch else {
          planted.notes.append("MISSED \(fault.id) at \(operation.output)")
          continue
        }
        planted.caught += 1
        if verdict.flagged.first?.activation == operation.output {
          planted.placed += 1
        } else {
          planted.notes.append(
            "ELSEWHERE \(fault.id) at \(operation.output): \(verdict.flagged.map(\.activation))")
        }
        let ids = verdict.causes.map(\.id)
        if ids.contains(fault.id) {
          planted.named += 1
        } else if verdict.causes.contains(where: { $0.equivalents.contains(fault.id) }) {
          planted.alike += 1
        } else if !ids.isEmpty {
          planted.wrong += 1
          planted.notes.append("OTHER \(fault.id) at \(operation.output): \(ids)")
        } else {
          planted.notes.append("UNNAMED \(fault.id) at \(operation.output)")
        }
      }
    }
    return planted
  }
}
