import Foundation
import TouchstoneGraph
import TouchstoneModel

extension RouteWeights: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = otherRules + otherShares

  private static let otherRules: [Fault] = [
    Fault(
      "router.not-normalised", "the weights of a token do not add up to 1", .softmax,
      at: Place.of(RouteWeights.self).filtered { operation, _ in operation.isNormalisedRouting == true },
      practice: "norm_topk_prob is not read, or the softmax runs over all experts"
    ) { site in
      (site.operation.kind.payload as? RouteWeights).map {
        site.evaluated(as: RouteWeights(isNormalised: false, factor: $0.factor, by: $0.function))
      }
    },
    Fault(
      "router.normalised", "the weights of a token are made to add up to 1", .softmax,
      at: Place.of(RouteWeights.self).filtered { operation, _ in operation.isNormalisedRouting == false },
      practice: "norm_topk_prob is not read, or the softmax runs over the chosen experts"
    ) { site in
      (site.operation.kind.payload as? RouteWeights).map {
        site.evaluated(as: RouteWeights(isNormalised: true, factor: $0.factor, by: $0.function))
      }
    },
    Fault(
      "router.factor-missing", "the weights are not multiplied by the model's factor", .softmax,
      at: Place.of(RouteWeights.self).filtered { operation, _ in
        (operation.kind.payload as? RouteWeights)?.factor != 1
      },
      practice: "routed_scaling_factor is not read"
    ) { site in
      (site.operation.kind.payload as? RouteWeights).map {
        site.evaluated(as: RouteWeights(isNormalised: $0.isNormalised, by: $0.function))
      }
    },
    Fault(
      "router.weights-reversed", "the last choice has the weight of the best", .wiring, of: RouteWeights.self,
      practice: "weights are sorted the other way round than their ids"
    ) { _, site in
      let weights = site.evaluated()
      return Tensor((0..<weights.rowCount).flatMap { weights.row($0).reversed() }, shape: weights.shape)
    },
    Fault(
      "router.weights-of-token-before", "each token has the weights of the one before", .wiring,
      of: RouteWeights.self, practice: "a row is read before it is written"
    ) { _, site in
      let (weights, tokens) = (site.evaluated(), site.inputs.count)
      guard tokens > 1 else { return nil }
      return Tensor((0..<tokens).flatMap { weights.row(max($0 - 1, 0)) }, shape: weights.shape)
    },
  ]

  private static let otherShares: [Fault] = [
    share("equal-weights", "the chosen experts count alike", "weights are never written") { _, count in
      1 / Double(count)
    },
    share("weights-of-one", "every weight is 1", "the experts' results are only added") { _, _ in 1 },
    share("raw-logits", "the logits themselves are the weights", "the softmax is forgotten") { logit, _ in
      logit
    },
    Fault(
      "router.sigmoid", "weights are logistic functions of the logits", .softmax,
      at: functions(.softmax), practice: "the routing of another model family"
    ) { site in
      site.evaluated(as: RouteWeights(isNormalised: false, by: .sigmoid))
    },
    Fault(
      "router.softmax", "weights are shares of a softmax", .softmax, at: functions(.sigmoid),
      practice: "the routing of another model family"
    ) { site in
      (site.operation.kind.payload as? RouteWeights).map {
        site.evaluated(as: RouteWeights(isNormalised: $0.isNormalised, factor: $0.factor))
      }
    },
    Fault(
      "router.correction-weighs", "what is added for the choice counts in the weights too", .wiring,
      at: functions(.sigmoid).filtered { $1.correction(of: $0) != nil },
      practice: "the corrected scores are gathered instead of the scores"
    ) { site in
      let (logits, ids) = (site.activations[0], site.activations[1])
      guard let own = site.operation.kind.payload as? RouteWeights,
        let correction = site.graph.correction(of: site.operation).flatMap({ site.parameter($0.parameter) })
      else { return nil }
      let weights = (0..<ids.rowCount).flatMap { token -> [Double] in
        let scores = ids.experts(of: token, among: logits.rowWidth).map { expert in
          expert.map {
            ActivationFunction.Function.sigmoid(logits[token, $0]) + correction.values[$0]
          } ?? 0
        }
        let total = own.isNormalised ? scores.reduce(0, +) + leastSum : 1
        return scores.map { own.factor * $0 / total }
      }
      return Tensor(weights, shape: ids.shape)
    },
  ]

  private static func functions(_ function: RouterFunction) -> Place {
    .of(RouteWeights.self).filtered { operation, _ in
      (operation.kind.payload as? RouteWeights)?.function == function
    }
  }

  /// Other weights, by the logit of an expert and K.
  private static func share(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable (Double, Int) -> Double
  ) -> Fault {
    Fault("router.\(id)", name, .softmax, of: RouteWeights.self, practice: practice) { _, site in
      let (logits, ids) = (site.activations[0], site.activations[1])
      let weights = (0..<ids.rowCount).flatMap { token in
        ids.experts(of: token, among: logits.rowWidth).map { expert in
          expert.map { other(logits[token, $0], ids.rowWidth) } ?? 0
        }
      }
      return Tensor(weights, shape: ids.shape)
    }
  }
}

extension TouchstoneGraph.Operation {
  /// Whether the weights of its routing add up to 1; nil for what is no routing.
  fileprivate var isNormalisedRouting: Bool? { (kind.payload as? RouteWeights)?.isNormalised }
}

extension Graph {
  /// What is added to the scores by which the experts of some weights are chosen; nil for nothing.
  fileprivate func correction(of weights: TouchstoneGraph.Operation) -> ParameterView? {
    operation(making: weights.inputs[1])?.parameters.first
  }
}
