import TouchstoneGraph
import TouchstoneModel

extension LossMean: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = LossDivisorFault.all.map { other in
    Fault(
      "loss.\(other.id)", other.name, .loss, of: LossMean.self, practice: other.practice
    ) { own, site in other.loss(own.loss, site).map { site.evaluated(as: LossMean($0)) } }
  }
}

/// The losses that people take for one another, which differ in what the sum is divided by.
struct LossDivisorFault: Sendable {
  let id: String
  let name: String
  let practice: String
  /// The other loss; nil where it is the same.
  let loss: @Sendable (Loss, FaultSite) -> Loss?

  static let all: [LossDivisorFault] = [
    LossDivisorFault(
      id: "over-all-tokens", name: "the sum is divided by all tokens, with a target or not",
      practice: "padding is counted"
    ) {
      own, site in own.dividing(by: Double(site.inputs.count), site)
    },
    LossDivisorFault(id: "sum-for-mean", name: "the sum is not divided", practice: "reduction = sum") {
      own, site in
      own.dividing(by: 1, site)
    },
    LossDivisorFault(
      id: "mean-for-divisor", name: "the sum is divided by the targets of the sequence",
      practice: "reduction = mean, where a step has several batches"
    ) {
      own, site in own.dividing(by: Loss().divisor(of: site.inputs), site)
    },
    LossDivisorFault(
      id: "one-target-more", name: "the sum is divided by one more than the targets",
      practice: "the last token is counted, which has no target"
    ) {
      own, site in own.dividing(by: own.divisor(of: site.inputs) + 1, site)
    },
  ]
}

extension Loss {
  /// The same loss with another divisor; nil where it has that one.
  fileprivate func dividing(by other: Double, _ site: FaultSite) -> Loss? {
    other == divisor(of: site.inputs)
      ? nil : Loss(divisor: other, scale: scale, labelSmoothing: labelSmoothing)
  }
}
