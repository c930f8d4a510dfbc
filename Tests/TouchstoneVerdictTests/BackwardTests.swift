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
  /// A model with its loss, and a sequence with targets.
  struct Training: CustomStringConvertible {
    let weights: Weights
    let inputs: Inputs
    let description: String

    /// Draws a family, a loss, one sequence or two, and which tokens have no target.
    init(seed: UInt64, family: Family? = nil, kind: SyntheticModel = .probing, width: Int = 28) throws {
      var random = SplitMix64(seed: seed)
      let families = Family.all.filter { !BackwardTests.withoutGradient.contains($0.name) }
      let family = family ?? families[Int(seed % UInt64(families.count))]
      let model = RandomDecoder(family, kind: kind, width: width, seed: seed)
      let losses = [
        Loss(), .sum, Loss(scale: 1024), Loss(divisor: 37), Loss(labelSmoothing: 0.1), Loss(),
      ]
      let loss = losses[Int(random.next() % 6)]
      let plain = try model.weights()
      let count = 6 + Int(random.next() % 5)
      let sequenceCount = 1 + Int(random.next() % 2)
      let total = count * sequenceCount
      let vocabulary = UInt64(min(plain.graph.idCount(of: .tokenIDs) ?? 61, 61))
      let isMasked = random.next() % 3 == 0
      inputs = try Inputs(
        tokenIDs: (0..<total).map { _ in Int(random.next() % vocabulary) },
        attentionMask: isMasked ? (0..<total).map { $0 % count < count - 2 } : nil,
        targets: (0..<total).map { $0 % 5 == 3 ? Loss.ignoredTarget : Int(random.next() % vocabulary) },
        sequenceCount: sequenceCount, graph: plain.graph)
      weights = try plain.differentiated(by: loss)
      description = "\(model), \(loss), \(sequenceCount) of \(count) tokens"
    }

    /// The gradients of all parameters, by name, and what each ReLU reads.
    func gradients() -> (ofParameters: [String: Tensor<Double>], corners: [Activation: Tensor<Double>]) {
      var (found, corners): ([String: Tensor<Double>], [Activation: Tensor<Double>]) = ([:], [:])
      Executor(weights, inputs).run(computing: { site in
        if site.operation.kind.hasCorner { corners[site.operation.output] = site.operands.activations[0] }
        return site.value()
      }) { activation, value in
        if activation.path.hasPrefix("grad/weights/") { found[String(activation.path.dropFirst(13))] = value }
      }
      return (found, corners)
    }

    /// The loss where parameters are moved by `step` times their directions.
    ///
    /// - Parameters:
    ///   - directions: of each parameter, the places that are moved, and how far.
    ///   - corners: what each ReLU reads before anything is moved: it stays the line that it is there, so that no step
    ///     goes over a corner, where there is no slope.
    func loss(
      _ directions: [String: [(place: Int, size: Double)]], step: Double,
      corners: [Activation: Tensor<Double>]
    ) -> Double {
      var loss = Double.nan
      var moved: [String: Tensor<Double>] = [:]
      Executor(weights, inputs).run(computing: { site in
        guard !site.operation.output.path.hasPrefix("grad/") else { return Tensor([], shape: [0]) }
        let parameters = zip(site.operands.parameters, site.operation.parameters).map { values, view in
          let name = view.parameter.name
          if moved[name] == nil {
            var tensor = values.tensor
            for (place, size) in directions[name] ?? [] { tensor.values[place] += step * size }
            moved[name] = tensor
          }
          return ParameterValues(moved[name] ?? values.tensor, view)
        }
        let value = site.operation.kind.value(
          Operands(site.operands.activations, parameters: parameters), in: site.inputs)
        guard let before = corners[site.operation.output] else { return value }
        let isSquared = site.operation.kind == ActivationFunction(.reluSquared).kind
        return Tensor(
          zip(site.operands.activations[0].values, before.values).map { x, before in
            before > 0 ? (isSquared ? x * x : x) : 0
          }, shape: value.shape)
      }) { activation, value in
        if activation.path == "loss/mean" { loss = value.values[0] }
      }
      return loss
    }
  }

  /// Families with an operation that has no gradient: clipped products, experts, latent attention, a source.
  static let withoutGradient = [
    "mpt", "mixtral", "qwen3_moe", "gpt_oss", "deepseek_v2", "deepseek_v3", "t5", "bart", "marian",
  ]

  @Test(arguments: withoutGradient) func whatHasNoGradientIsRefusedByItsName(family: String) throws {
    let family = try #require(Family.all.first { $0.name == family })
    // Not every seed draws clipped products.
    let errors = try (0..<8 as Range<UInt64>).compactMap { seed -> BadInput? in
      let graph = try RandomDecoder(family, kind: .initialised, width: 28, seed: seed).architecture().graph
      do throws(BadInput) {
        _ = try graph.differentiated(by: Loss())
        return nil
      } catch {
        return error
      }
    }
    let error = try #require(errors.first)
    #expect(error.place?.contains("layers/") == true, "\(error)")
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

  @Test(.clause("LOS-3", "BWD-2", "BWD-11", "BWD-1", "BWD-3", "BWD-4", "BWD-5", "BWD-6"), arguments: 0..<22)
  func theLossGrowsAsTheGradientsSay(_ number: Int) throws {
    let training = try Training(seed: UInt64(number))
    let found = try Self.deviation(training, seed: UInt64(number) + 99)
    #expect(found <= 1e-9, "\(training): \(found)")
  }

  @Test(
    .clause("BND-50", "BND-51", "BND-52", "BND-53", "BND-54", "BND-55", "BND-56"),
    arguments: HonestArithmetic.ofFamilies.indices.filter { $0 % 2 == 0 })
  func honestArithmeticIsConsistent(_ index: Int) throws {
    let arithmetic = HonestArithmetic.ofFamilies[index]
    let kind = SyntheticModel.allCases[index % 4]
    let training = try Training(seed: UInt64(200 + index), kind: kind)
    let capture = try RecordedActivations(
      of: HonestTransformer(training.weights, arithmetic), inputs: training.inputs)
    let verdict = try Judge(weights: training.weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(arithmetic), \(training): \(verdict.flagged)")
  }

  /// Some faults of the backward pass are planted, and found at their operation.
  @Test(.clause("BWD-2", "NUM-4"), arguments: [3, 11] as [UInt64])
  func aFaultIsFoundWhereItIs(_ seed: UInt64) throws {
    let found = try Self.plant(Training(seed: seed), each: 6)
    #expect(found.visible > 5)
    #expect(found.caught * 10 >= found.visible * 9, "\(found)")
    #expect(found.placed * 10 >= found.caught * 9, "\(found)")
  }

  struct Planted {
    var (visible, caught, placed, named, wrong) = (0, 0, 0, 0, 0)
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

extension TouchstoneGraph.Operation.Kind {
  /// Whether it is a ReLU, or its square.
  fileprivate var hasCorner: Bool {
    guard case .activationFunction(let kind) = self else { return false }
    return [.relu, .reluSquared].contains(kind.function)
  }
}
