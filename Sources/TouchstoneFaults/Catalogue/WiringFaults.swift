import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Fault {
  /// The right operations, connected wrongly.
  static let wiringFaults: [Fault] = [
    Fault(
      "residual.doubled", "the stream is added twice", .wiring, at: residuals,
      practice: "a kernel that already adds the residual is followed by the addition"
    ) { site in sum(site.activations[0], site.evaluated()) },
    Fault(
      "residual.missing", "the stream is not added", .wiring, at: residuals,
      practice: "the addition is forgotten"
    ) { $0.activations[1] },
    Fault(
      "residual.branch-missing", "the branch is not added", .wiring, at: residuals,
      practice: "the result of a sublayer is dropped"
    ) { $0.activations[0] },
    Fault(
      "residual.branch-twice", "the branch is added twice", .wiring, at: residuals,
      practice: "a fused kernel is followed by the addition"
    ) { site in sum(site.evaluated(), site.activations[1]) },
    Fault(
      "residual.subtracted", "the branch is subtracted", .wiring, at: residuals, practice: "a sign"
    ) { site in site.evaluated(changing: 1) { $0.values = $0.values.map { -$0 } } },
    Fault(
      "residual.from-norm", "the normalised stream is added instead of the stream", .wiring, at: residuals,
      practice: "post-norm wiring in a pre-norm model"
    ) { site in
      site.sibling(site.operation.output.point == .residualMiddle ? .layerNorm1 : .layerNorm2)
        .map { sum($0, site.activations[1]) }
    },
    Fault(
      "residual.from-block-input", "the block's input is added instead of the stream after attention",
      .wiring,
      at: [.residualOut], practice: "a saved pointer is not updated"
    ) { site in site.sibling(.residualIn).map { sum($0, site.activations[1]) } },
    Fault(
      "residual.averaged", "the sum is halved", .wiring, at: residuals, practice: "a mean for a sum"
    ) { site in site.edited { $0.values = $0.values.map { $0 / 2 } } },
    Fault(
      "residual.scaled-branch", "the branch is scaled by 1/√(2·layers)", .wiring, at: residuals,
      practice: "the scale of initialisation is applied again"
    ) { site in
      let scale = 1 / (2 * Double(site.configuration.layerCount)).squareRoot()
      return site.evaluated(changing: 1) { $0.values = $0.values.map { $0 * scale } }
    },
    Fault(
      "wiring.norm-of-block-input", "the second norm reads the block's input", .wiring, at: [.layerNorm2],
      practice: "the parallel block of another model family"
    ) { site in site.sibling(.residualIn).map { site.evaluated(activations: [$0]) } },
    Fault(
      "wiring.feed-forward-of-first-norm", "the feed-forward block reads the first norm", .wiring,
      at: [.feedForwardInput], practice: "the parallel block of another model family"
    ) { site in site.sibling(.layerNorm1).map { site.evaluated(activations: [$0]) } },
    Fault(
      "wiring.feed-forward-of-stream", "the feed-forward block reads the stream without its norm", .wiring,
      at: [.feedForwardInput], practice: "a norm is computed and not used"
    ) { site in site.sibling(.residualMiddle).map { site.evaluated(activations: [$0]) } },
    Fault(
      "wiring.attention-of-stream", "the projection reads the stream without its norm", .wiring,
      at: [.query, .key, .value], practice: "a norm is computed and not used"
    ) { site in site.sibling(.residualIn).map { site.evaluated(activations: [$0]) } },
    Fault(
      "wiring.block-skipped", "the block reads the stream from before the previous block", .wiring,
      at: [.residualIn], practice: "two buffers take turns and one turn is missed"
    ) { site in
      guard let layer = site.operation.output.layer, layer > 0 else { return nil }
      return site.activation(Activation(.residualIn, layer: layer - 1))
    },
    Fault(
      "wiring.final-norm-of-middle", "the final norm reads the stream before the last feed-forward block",
      .wiring, at: [.finalLayerNorm], practice: "a saved pointer is not updated"
    ) { site in
      let last = site.configuration.layerCount - 1
      return site.activation(Activation(.residualMiddle, layer: last)).map {
        site.evaluated(activations: [$0])
      }
    },
  ]

  private static let residuals: Set<Activation.Point> = [.residualMiddle, .residualOut]
}
