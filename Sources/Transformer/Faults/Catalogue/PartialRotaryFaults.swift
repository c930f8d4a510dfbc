import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// Rotations of a part of each head that take other columns, or turn them as if they were all.
  static let partialRotaryFaults: [Fault] = [
    part("frequencies-of-head", "frequencies are those of a rotation of whole heads", "ω is θ^(−2p/d)") {
      own, width in
      let theta = pow(own.frequencies.theta, Double(own.width) / Double(width))
      return own.with(RotaryFrequencies(theta: theta, scaling: own.frequencies.scaling))
    },
    part("last-columns", "the columns at the other end of a head turn", "the parts of a head are exchanged") {
      own, width in
      own.turning(own.width, from: width - own.width - own.first)
    },
    part("whole-head", "every column of a head turns", "the part that turns is not read") { own, width in
      guard width.isMultiple(of: 2), case .none = own.frequencies.scaling else { return nil }
      return own.turning(width, from: 0)
    },
  ]

  private static func part(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable (Rotate, Int) -> Rotate?
  ) -> Fault {
    Fault(
      "rotary.\(id)", name, .embedding,
      at: Place.of(Rotate.self).filtered { operation, graph in
        guard let own = operation.kind.payload as? Rotate else { return false }
        return own.width < graph.shape(of: operation.output, tokenCount: 1)?.last ?? 0
      },
      practice: practice
    ) { site in
      (site.operation.kind.payload as? Rotate).flatMap { other($0, site.activations[0].rowWidth) }
        .map { site.evaluated(as: $0) }
    }
  }
}

extension Rotate {
  /// The same rotation of other columns.
  fileprivate func turning(_ width: Int, from first: Int) -> Rotate {
    Rotate(
      width: width, first: first, style: style, frequencies: frequencies, magnitude: magnitude,
      isTransposed: isTransposed)
  }
}
