import Foundation
import TouchstoneGraph
import TouchstoneModel

extension CrossEntropyGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = ofTargets + ofDivisors + ofRows

  private static let ofDivisors: [Fault] =
    LossDivisorFault.all.map { other in
      fault("\(other.id)", other.name, other.practice) { own, site in
        other.loss(own.loss, site).map { site.evaluated(as: CrossEntropyGradient($0)) }
      }
    } + [
      fault("scale-missing", "the loss scale is not applied", "the scaler is skipped") { own, site in
        own.loss.scale == 1 ? nil : site.times(1 / own.loss.scale)
      },
      fault("scale-twice", "the loss scale is applied twice", "the scaler is called twice") { own, site in
        own.loss.scale == 1 ? nil : site.times(own.loss.scale)
      },
      fault("sign", "the sign is wrong", "target less probability") { _, site in site.times(-1) },
      fault("mean-over-sequences", "the mean is that of the means of the sequences", "sequences weigh alike")
      {
        own, site in
        let (count, length) = (site.inputs.sequenceCount, site.inputs.sequenceLength)
        guard count > 1 else { return nil }
        let asked = (0..<count).map { sequence in
          site.targets[sequence * length..<(sequence + 1) * length].count { $0 != Loss.ignoredTarget }
        }
        let whole = own.loss.divisor(of: site.inputs)
        return site.edited { value in
          for token in 0..<value.rowCount {
            let targets = Double(max(asked[token / length], 1))
            for id in 0..<value.rowWidth { value[token, id] *= whole / (targets * Double(count)) }
          }
        }
      },
    ]

  private static let ofTargets: [Fault] = [
    fault("own-token", "the target is the token itself", "labels are not shifted") { _, site in
      site.evaluated(targets: site.inputs.tokenIDs)
    },
    fault("one-further", "the target is a token too far", "labels are shifted twice") { _, site in
      site.evaluated(targets: site.targetsOneFurther)
    },
    fault("target-not-subtracted", "the target is not subtracted", "the gradient is the softmax itself") {
      _, site in site.rows { probabilities, _ in probabilities }
    },
    fault("smoothed", "labels are smoothed otherwise", "a default of another recipe") { own, site in
      let smoothing = own.loss.labelSmoothing > 0 ? 0 : 0.1
      return site.evaluated(
        as: CrossEntropyGradient(
          Loss(divisor: own.loss.divisor, scale: own.loss.scale, labelSmoothing: smoothing)))
    },
  ]

  private static let ofRows: [Fault] = [
    fault("softmax-twice", "probabilities are the softmax of probabilities", "the model ends in a softmax") {
      _, site in
      site.rows { probabilities, target in
        probabilities.softmax().enumerated().map { $1 - ($0 == target ? 1 : 0) }
      }
    },
    fault("squared-error", "the loss is the squared error of the probabilities", "another loss") { _, site in
      site.rows { p, target in
        let error = p.enumerated().map { 2 * ($1 - ($0 == target ? 1 : 0)) }
        let mean = zip(p, error).reduce(0) { $0 + $1.0 * $1.1 }
        return zip(p, error).map { $0 * ($1 - mean) }
      }
    },
    fault("last-id-missing", "the last token of the vocabulary is left out", "a loop ends one early") {
      _, site in
      site.edited { value in
        for token in 0..<value.rowCount { value[token, value.rowWidth - 1] = 0 }
      }
    },
    fault(
      "logarithm-squared", "the square of the logarithm of the sum is part of the loss", "a z-loss of 1e-4"
    ) {
      _, site in
      guard let logits = site.activations.first else { return nil }
      var token = -1
      return site.rows { p, target in
        token += 1
        let greatest = logits.row(token).max() ?? 0
        let logOfSum = greatest + log(logits.row(token).reduce(0) { $0 + exp($1 - greatest) })
        return p.enumerated().map { $1 - ($0 == target ? 1 : 0) + 2e-4 * logOfSum * $1 }
      }
    },
    fault(
      "ignored-not-masked", "tokens without a target have the gradient of their probabilities",
      "a mask is left out"
    ) {
      own, site in
      guard site.targets.contains(Loss.ignoredTarget) else { return nil }
      let factor = own.loss.scale / own.loss.divisor(of: site.inputs)
      return site.edited { value in
        for (token, target) in site.targets.enumerated() where target == Loss.ignoredTarget {
          let p = Array(site.activations[0].row(token)).softmax()
          for id in p.indices { value[token, id] = factor * p[id] }
        }
      }
    },
    fault("last-position-dropped", "the last token that has a target is left out", "a loop ends one early") {
      _, site in
      guard let last = site.targets.lastIndex(where: { $0 != Loss.ignoredTarget }) else { return nil }
      return site.edited { value in
        for id in 0..<value.rowWidth { value[last, id] = 0 }
      }
    },
    fault("half-probabilities", "probabilities are rounded to float16", "autocast") { _, site in
      site.rows { p, target in
        p.enumerated().map { NumberFormat.float16.round($1) - ($0 == target ? 1 : 0) }
      }
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (CrossEntropyGradient, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault(
      "loss-gradient.\(id)", name, .loss, of: CrossEntropyGradient.self, practice: practice, output: output)
  }
}

extension FaultSite {
  /// The operation's value times a number.
  func times(_ factor: Double) -> Tensor<Double> {
    edited { $0.values = $0.values.map { factor * $0 } }
  }

  /// A gradient by the logits that is made of the probabilities and the target of each row that has one.
  fileprivate func rows(_ row: ([Double], Int) -> [Double]) -> Tensor<Double>? {
    guard let own = operation.kind.payload as? CrossEntropyGradient else { return nil }
    let factor = own.loss.scale / own.loss.divisor(of: inputs)
    return edited { value in
      for (token, target) in targets.enumerated() {
        let made = row(Array(activations[0].row(token)).softmax(), target)
        guard target != Loss.ignoredTarget else { continue }
        for id in made.indices { value[token, id] = factor * made[id] }
      }
    }
  }
}
