import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// A gate of the condition that is applied to something else than to what is added.
  static let gatedSums: [Reading] = [
    Reading("sum.gated-otherwise", .wiring, of: Sum.self) { _, site, _ in
      site.operation.inputs.indices.flatMap { index -> [Guess] in
        guard let gate = Gate(of: index, in: site) else { return [] }
        let ways: [(String, @Sendable (Double, Double, Double) -> Double)] = [
          ("the gate multiplies the whole sum, not what is added alone", { ($0 + $1) * $2 }),
          ("the gate multiplies the stream instead of what is added", { $0 * $2 + $1 }),
          ("what is gated is gated once more with the sum", { ($0 + $1 * $2) * $2 }),
          ("the stream is multiplied by 1 − the gate", { $0 * (1 - $2) + $1 * $2 }),
          ("what is gated is taken away instead of added", { $0 - $1 * $2 }),
        ]
        return ways.map { name, rule in Guess(name) { gate.value(of: $0, by: rule) } }
      }
    }
  ]
}

/// The gate before one addend of a sum.
private struct Gate: Sendable {
  private let index: Int
  /// What is gated: [T, D].
  private let half: Tensor<Double>
  /// D numbers.
  private let numbers: [Double]

  /// nil where the addend is not what a gate makes, or what that reads is not known.
  init?(of index: Int, in site: FaultSite) {
    guard let maker = site.graph.operation(making: site.operation.inputs[index]),
      let own = maker.kind.payload as? Modulation, own.shift == nil,
      let half = site.activation(maker.inputs[0]), let condition = site.activation(maker.inputs[1]),
      half.shape == site.activations[index].shape, condition.count == own.parts * half.rowWidth
    else { return nil }
    self.index = index
    self.half = half
    numbers = (0..<half.rowWidth).map { own.plus + condition.values[own.scale * half.rowWidth + $0] }
  }

  /// The sum where stream, what is added, and its gate are put together otherwise.
  func value(of site: FaultSite, by rule: (Double, Double, Double) -> Double) -> Tensor<Double>? {
    guard site.activations[0].shape == half.shape else { return nil }
    let others = site.activations.enumerated().filter { $0.offset != index }.map(\.element)
    let values = half.values.indices.map { offset in
      let stream = others.reduce(0) { $0 + $1.values[offset] }
      return rule(stream, half.values[offset], numbers[offset % numbers.count])
    }
    return Tensor(values, shape: half.shape)
  }
}
