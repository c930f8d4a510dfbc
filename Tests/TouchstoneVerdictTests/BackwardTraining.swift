import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

extension BackwardTests {
  /// A model with its loss, and a sequence with targets.
  struct Training: CustomStringConvertible {
    let weights: Weights
    let inputs: Inputs
    let description: String

    /// Draws a family, a loss, one sequence or two, and which tokens have no target.
    init(seed: UInt64, family: Family? = nil, kind: SyntheticModel = .probing, width: Int = 28) throws {
      var random = SplitMix64(seed: seed)
      let names = BackwardTests.familiesOfSeeds
      let name = names[Int(seed % UInt64(names.count))]
      let family = try #require(family ?? Family.all.first { $0.name == name })
      let model = RandomDecoder(family, kind: kind, width: width, seed: seed)
      let losses = [
        Loss(), .sum, Loss(scale: 1024), Loss(divisor: 37), Loss(labelSmoothing: 0.1), Loss(),
      ]
      let loss = losses[Int(random.next() % 6)]
      let plain = try model.weights()
      let count = 6 + Int(random.next() % 5)
      let sequenceCount = plain.graph.readsSource ? 1 : 1 + Int(random.next() % 2)
      let total = count * sequenceCount
      let vocabulary = UInt64(min(plain.graph.idCount(of: .tokenIDs) ?? 61, 61))
      let isMasked = random.next() % 3 == 0
      inputs = try Inputs(
        tokenIDs: (0..<total).map { _ in Int(random.next() % vocabulary) },
        attentionMask: isMasked ? (0..<total).map { $0 % count < count - 2 } : nil,
        source: plain.graph.readsSource ? Self.source(of: count + 3, plain.graph, &random) : nil,
        targets: (0..<total).map { $0 % 5 == 3 ? Loss.ignoredTarget : Int(random.next() % vocabulary) },
        sequenceCount: sequenceCount, graph: plain.graph)
      weights = try plain.differentiated(by: loss)
      description = "\(model), \(loss), \(sequenceCount) of \(count) tokens"
    }

    /// A source, one token of which is masked, or a sound.
    private static func source(of count: Int, _ graph: Graph, _ random: inout SplitMix64) throws -> Inputs {
      if let hearing = graph.hearing {
        let features = (0..<hearing.mels * hearing.frames).map { _ in
          Float.random(in: -1...1.5, using: &random)
        }
        return try Inputs.source(
          Sound(features: Tensor(features, shape: [hearing.mels, hearing.frames])), graph: graph)
      }
      return try Inputs.source(
        tokenIDs: (0..<count).map { _ in Int(random.next() % 61) },
        attentionMask: (0..<count).map { $0 != 2 }, graph: graph)
    }

    /// The gradients of all parameters, by name, and what says on which side of its corners each operation stands.
    func gradients() -> (ofParameters: [String: Tensor<Double>], corners: [Activation: Tensor<Double>]) {
      var (found, corners): ([String: Tensor<Double>], [Activation: Tensor<Double>]) = ([:], [:])
      Executor(weights, inputs).run(computing: { site in
        let value = site.value()
        if let read = site.decidingCorners(value) { corners[site.operation.output] = read }
        return value
      }) { activation, value in
        if activation.path.hasPrefix("grad/weights/") { found[String(activation.path.dropFirst(13))] = value }
      }
      return (found, corners)
    }

    /// The loss where parameters are moved by `step` times their directions.
    ///
    /// - Parameters:
    ///   - directions: of each parameter, the places that are moved, and how far.
    ///   - corners: what decides where each ReLU, clip and choice of experts stands before anything is moved: it stays what it
    ///     is there, so that no step goes over a corner, where there is no slope.
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
        let operands = Operands(site.operands.activations, parameters: parameters)
        return corners[site.operation.output].map { site.value(of: operands, keeping: $0) }
          ?? site.operation.kind.value(operands, in: site.inputs)
      }) { activation, value in
        if activation.path == "loss/mean" { loss = value.values[0] }
      }
      return loss
    }
  }
}

extension Site {
  /// What says on which side of its corners it stands: of a choice the choice; nil where it has no corners.
  fileprivate func decidingCorners(_ value: Tensor<Double>) -> Tensor<Double>? {
    switch operation.kind {
    case .activationFunction(let kind):
      [.relu, .reluSquared].contains(kind.function) || kind.limit != nil ? operands.activations[0] : nil
    case .product(let kind): kind.limit == nil ? nil : operands.activations[1]
    case .linear(let kind): kind.limit == nil ? nil : value
    case .routeIDs: value
    default: nil
    }
  }

  /// Its value where it stays on the side of its corners that something decided.
  fileprivate func value(of operands: Operands, keeping before: Tensor<Double>) -> Tensor<Double> {
    switch operation.kind {
    case .activationFunction(let kind):
      let x = operands.activations[0]
      return Tensor(
        zip(x.values, before.values).map { x, before in
          if let limit = kind.limit, before > limit { return kind.function(limit) }
          switch kind.function {
          case .relu: return before > 0 ? x : 0
          case .reluSquared: return before > 0 ? x * x : 0
          default: return kind.function(x)
          }
        }, shape: x.shape)
    case .product(let kind):
      let (a, b) = (operands.activations[0], operands.activations[1])
      let limit = kind.limit ?? .infinity
      return Tensor(
        zip(a.values, zip(b.values, before.values)).map { a, pair in
          a * ((abs(pair.1) > limit ? (pair.1 < 0 ? -limit : limit) : pair.0) + kind.plus)
        }, shape: a.shape)
    case .linear(let kind):
      let whole = Linear(heads: kind.heads).kind.value(operands, in: inputs)
      let limit = kind.limit ?? .infinity
      return Tensor(
        zip(whole.values, before.values).map { abs($1) < limit ? $0 : $1 }, shape: whole.shape)
    default: return before
    }
  }
}
