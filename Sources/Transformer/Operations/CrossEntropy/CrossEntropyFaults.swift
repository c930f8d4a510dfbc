import Foundation
import TouchstoneGraph
import TouchstoneModel

extension CrossEntropy: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    Fault(
      "loss.of-own-token", "the target is the token itself", .loss, of: CrossEntropy.self,
      practice: "labels are not shifted, for a loss that does not shift them"
    ) { _, site in site.evaluated(targets: site.inputs.tokenIDs) },
    Fault(
      "loss.one-further", "the target is a token too far", .loss, of: CrossEntropy.self,
      practice: "labels are shifted by the caller and by the loss"
    ) { _, site in site.evaluated(targets: site.targetsOneFurther) },
    Fault(
      "loss.of-probability", "the loss is that of a softmax of probabilities", .loss, of: CrossEntropy.self,
      practice: "a loss that takes scores is given probabilities"
    ) { _, site in
      let rows = (0..<site.inputs.count).flatMap { Array(site.activations[0].row($0)).softmax() }
      return site.evaluated(activations: [Tensor(rows, shape: site.activations[0].shape)])
    },
    Fault(
      "loss.smoothed", "labels are smoothed otherwise", .loss, of: CrossEntropy.self,
      practice: "a default of another recipe"
    ) { own, site in site.evaluated(as: CrossEntropy(labelSmoothing: own.labelSmoothing > 0 ? 0 : 0.1)) },
    Fault(
      "loss.in-bits", "the logarithm is that of base 2", .loss, of: CrossEntropy.self,
      practice: "bits for nats"
    ) { _, site in site.edited { $0.values = $0.values.map { $0 / log(2.0) } } },
  ]
}

extension FaultSite {
  /// The targets, or none.
  var targets: [Int] { inputs.ids(.targets) }

  /// Each target is that of the next token; the last token has none.
  var targetsOneFurther: [Int] { targets.dropFirst() + [Loss.ignoredTarget] }

  /// The operation's value with other targets, where one is asked for; nil where that cannot be.
  func evaluated(targets other: [Int], as kind: (any OperationKind)? = nil) -> Tensor<Double>? {
    let asked = zip(targets, other).map { $0 == Loss.ignoredTarget ? $0 : $1 }
    guard
      let inputs = try? Inputs(
        tokenIDs: inputs.tokenIDs, positionIDs: inputs.positionIDs, attentionMask: inputs.attentionMask,
        targets: asked, sequenceCount: inputs.sequenceCount, graph: graph)
    else { return nil }
    return (kind?.kind ?? operation.kind).value(site.operands, in: inputs)
  }
}
