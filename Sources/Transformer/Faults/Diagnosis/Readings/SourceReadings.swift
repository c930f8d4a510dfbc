import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// An operation reads another activation of its block.
  static let sources: [Reading] = [
    Reading("wiring.other-input", .wiring, at: .computed) { site, got in
      let own = site.operation
      let product = (own.kind.payload as? Linear).flatMap { ReadProduct($0, site, got) }
      return own.inputs.indices.flatMap { index in
        site.graph.neighbours(of: own).filter { $0 != own.inputs[index] }.map { other in
          Guess("it reads \(other) instead of \(own.inputs[index])") { site in
            // What holds the very numbers that are to be explained explains nothing.
            guard let value = site.activation(other), value.shape == site.activations[index].shape,
              value.values != got.values, product?.mayRead(value) ?? true
            else { return nil }
            return site.evaluated(changing: index) { $0 = value }
          }
        }
      }
    },
    Reading("wiring.normed-input", .wiring, of: Linear.self) { kind, site, got in
      let own = site.operation
      let product = ReadProduct(kind, site, got)
      return site.graph.operations.filter { other in
        (other.kind.payload as? any Normalising)?.isJoined == false && other.output.block == own.output.block
          && other.output != own.inputs[0] && !own.inputs.contains(other.output)
      }.map { norm in
        Guess("it reads its input once it is normalised, as by \(norm.output)") { site in
          guard norm.parameters.allSatisfy({ $0.parameter.shape == [site.activations[0].rowWidth] }),
            let value = site.value(of: norm, reading: site.activations[0]),
            value.shape == site.activations[0].shape, product?.mayRead(value) ?? true
          else { return nil }
          return site.evaluated(changing: 0) { $0 = value }
        }
      }
    },
  ]
}

extension ReadProduct {
  /// Whether the product of another activation is nearly what was captured, where it is farthest off.
  fileprivate func mayRead(_ other: Tensor<Double>) -> Bool {
    mayBe(x: other) { output in bias.map { $0[output] } ?? 0 }
  }
}

extension Graph {
  /// What an operation may read by mistake: what its block makes, what the block reads, and what other blocks have in the place
  /// of what it reads.
  ///
  /// What is made of its output too: a norm behind a half, where it is due before, reads what the half was added to.
  fileprivate func neighbours(of operation: TouchstoneGraph.Operation) -> [Activation] {
    let own = operations.filter { $0.output.block == operation.output.block && $0.output != operation.output }
    let outside = own.flatMap(\.inputs).filter { $0.block != operation.output.block }
    let others = operation.inputs.flatMap { input in
      operations.map(\.output).filter {
        $0.name == input.name && $0.block?.stack == input.block?.stack && $0.block != input.block
      }
    }
    return (own.map(\.output) + outside + others).reduce(into: []) { found, activation in
      if !found.contains(activation) { found.append(activation) }
    }
  }
}
