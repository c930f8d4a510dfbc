import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// The right operations, connected wrongly.
  static let wiringFaults: [Fault] = [
    Fault(
      "residual.doubled", "the stream is added twice", .wiring, at: .residuals,
      practice: "a kernel that already adds the residual is followed by the addition"
    ) { site in site.activations[0].adding(site.evaluated()) },
    Fault(
      "residual.missing", "the stream is not added", .wiring, at: .residuals,
      practice: "the addition is forgotten"
    ) { $0.activations[1] },
    Fault(
      "residual.branch-missing", "the branch is not added", .wiring, at: .residuals,
      practice: "the result of a sublayer is dropped"
    ) { $0.activations[0] },
    Fault(
      "residual.branch-twice", "the branch is added twice", .wiring, at: .residuals,
      practice: "a fused kernel is followed by the addition"
    ) { site in site.evaluated().adding(site.activations[1]) },
    Fault(
      "residual.subtracted", "the branch is subtracted", .wiring, at: .residuals, practice: "a sign"
    ) { site in site.evaluated(changing: 1) { $0.values = $0.values.map { -$0 } } },
    Fault(
      "residual.from-norm", "the normalised stream is added instead of the stream", .wiring, at: .residuals,
      practice: "post-norm wiring in a pre-norm model"
    ) { site in
      site.evaluated(reading: site.graph.norm(of: site.operation.inputs[0])?.output)
    },
    Fault(
      "residual.from-block-input", "the block's input is added instead of the stream after attention",
      .wiring, at: .residuals.filtered { $1.residual(before: $0) != nil },
      practice: "a saved pointer is not updated"
    ) { site in
      site.evaluated(reading: site.graph.residual(before: site.operation)?.inputs.first)
    },
    Fault(
      "residual.averaged", "the sum is halved", .wiring, at: .residuals, practice: "a mean for a sum"
    ) { site in site.edited { $0.values = $0.values.map { $0 / 2 } } },
    Fault(
      "residual.scaled-branch", "the branch is scaled by 1/√(2·layers)", .wiring, at: .residuals,
      practice: "the scale of initialisation is applied again"
    ) { site in
      let scale = 1 / (2 * Double(site.graph.layerCount)).squareRoot()
      return site.evaluated(changing: 1) { $0.values = $0.values.map { $0 * scale } }
    },
    Fault(
      "wiring.norm-of-block-input", "the second norm reads the block's input", .wiring,
      at: .norms.filtered { $1.residual(before: $0) != nil },
      practice: "the parallel block of another model family"
    ) { site in
      site.evaluated(reading: site.graph.residual(before: site.operation)?.inputs.first)
    },
    Fault(
      "wiring.feed-forward-of-first-norm", "the feed-forward block reads the first norm", .wiring,
      at: secondHalves, practice: "the parallel block of another model family"
    ) { site in
      let (graph, norm) = (site.graph, site.graph.norm(readBy: site.operation))
      let stream = norm.flatMap { graph.residual(before: $0) }?.inputs.first
      return site.evaluated(reading: stream.flatMap { graph.norm(of: $0) }?.output)
    },
    Fault(
      "wiring.feed-forward-of-stream", "the feed-forward block reads the stream without its norm", .wiring,
      at: secondHalves, practice: "a norm is computed and not used"
    ) { site in site.evaluated(reading: site.graph.norm(readBy: site.operation)?.inputs.first) },
    Fault(
      "wiring.parallel-in-sequence", "the feed-forward block reads what attention has added to", .wiring,
      at: besideAttention, practice: "halves side by side are run one after the other"
    ) { site in
      let (graph, norm) = (site.graph, site.graph.norm(readBy: site.operation))
      guard let norm, let sum = graph.parallelSum(of: norm), let stream = site.activation(sum.inputs[0]),
        let attended = site.activation(sum.inputs[1]),
        let normed = site.value(of: norm, reading: stream.adding(attended))
      else { return nil }
      return site.evaluated(activations: [normed])
    },
    Fault(
      "wiring.norm-in-sequence", "the second norm reads what attention has added to", .wiring,
      at: .norms.filtered { $1.parallelSum(of: $0) != nil && !$1.isReadByHeads($0) },
      practice: "halves side by side are run one after the other"
    ) { site in
      guard let sum = site.graph.parallelSum(of: site.operation),
        let attended = site.activation(sum.inputs[1])
      else { return nil }
      return site.evaluated(activations: [site.activations[0].adding(attended)])
    },
    Fault(
      "wiring.norm-of-other-half", "a half reads the other half's norm", .wiring,
      at: normReaders.filtered { $1.otherNorm(of: $0) != nil },
      practice: "one norm for both halves, or two norms exchanged"
    ) { site in
      site.evaluated(reading: site.graph.otherNorm(of: site.operation)?.output)
    },
    Fault(
      "wiring.attention-of-stream", "the projection reads its input without the norm", .wiring,
      at: normReaders.subtracting(secondHalves), practice: "a norm is computed and not used"
    ) { site in site.evaluated(reading: site.graph.norm(readBy: site.operation)?.inputs.first) },
    Fault(
      "wiring.block-skipped", "the block reads the stream from before the previous block", .wiring,
      at: .of(Identity.self).inBlocks, practice: "two buffers take turns and one turn is missed"
    ) { site in site.graph.previous(site.operation.output).flatMap(site.activation) },
    Fault(
      "wiring.final-norm-of-middle", "the final norm reads the stream before the last feed-forward block",
      .wiring, at: .norms.filtered { operation, _ in operation.output.block == nil },
      practice: "a saved pointer is not updated"
    ) { site in
      let last = site.graph.source(of: site.operation)
      return site.evaluated(reading: last.flatMap { $0.kind.payload is Sum ? $0.inputs.first : nil })
    },
  ]

  /// Products of a feed-forward half that stands beside attention.
  private static let besideAttention = normReaders.filtered { operation, graph in
    (operation.kind.payload as? Linear)?.heads == nil
      && graph.norm(readBy: operation).flatMap { graph.parallelSum(of: $0) } != nil
  }
  /// Products inside the blocks that read a norm.
  private static let normReaders = Place.products.inBlocks.filtered { $1.norm(readBy: $0) != nil }
  /// Those of them whose norm reads what the block has added to the stream already.
  private static let secondHalves = normReaders.filtered { operation, graph in
    graph.norm(readBy: operation).flatMap { graph.residual(before: $0) } != nil
  }
}

extension Graph {
  /// Another norm of the stream that the norm in front of an operation reads; nil where there is none.
  fileprivate func otherNorm(of reader: TouchstoneGraph.Operation) -> TouchstoneGraph.Operation? {
    guard let norm = norm(readBy: reader), norm.output.block == reader.output.block else { return nil }
    return operations.first {
      $0.kind.payload is any Normalising && $0 != norm && $0.inputs == norm.inputs
        && $0.output.block == norm.output.block
    }
  }

  /// Whether queries, keys or values are made of what an operation makes.
  fileprivate func isReadByHeads(_ operation: TouchstoneGraph.Operation) -> Bool {
    operations.contains {
      $0.inputs == [operation.output] && ($0.kind.payload as? Linear)?.heads != nil
    }
  }

  /// The sum that adds both halves of a block at once to the stream that a norm reads; nil where there is none.
  fileprivate func parallelSum(of norm: TouchstoneGraph.Operation) -> TouchstoneGraph.Operation? {
    operations.first {
      $0.kind.payload is Sum && $0.inputs.count == 3 && $0.inputs.first == norm.inputs.first
        && $0.output.block == norm.output.block && $0.output.block != nil
    }
  }
}
