import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension SoftCap: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = others + [afterMask]

  private static let others: [Fault] = [
    Fault(
      "soft-cap.missing", "there is no soft cap", .activation, of: SoftCap.self,
      practice: "a fused attention kernel knows no cap"
    ) { _, site in site.activations[0] },
    variant("twice", "the soft cap is applied twice", "kernel and caller both apply it") { x, cap in
      cap * tanh(tanh(x / cap))
    },
    variant("cap-30", "the cap is 30", "the cap of the logits is taken for the scores") { x, _ in
      30 * tanh(x / 30)
    },
    variant("cap-50", "the cap is 50", "the cap of the scores is taken for the logits") { x, _ in
      50 * tanh(x / 50)
    },
    variant("factor-missing", "tanh is not multiplied by the cap", "tanh(x/c)") { x, cap in tanh(x / cap) },
    variant("quotient-missing", "the argument is not divided by the cap", "c·tanh(x)") { x, cap in
      cap * tanh(x)
    },
    variant("clipped", "values are clipped at the cap", "a hard limit for the soft one") { x, cap in
      min(max(x, -cap), cap)
    },
    variant("sigmoid", "the cap is c·(σ(x/c) − ½)", "tanh(z) is taken for σ(z) − ½") { x, cap in
      cap * (1 / (1 + exp(-x / cap)) - 0.5)
    },
    variant("tanh-to-11-bits", "tanh is right to 11 bits", "the hardware's approximate tanh") { x, cap in
      cap * NumberFormat.tensorFloat32.round(tanh(x / cap))
    },
  ]

  /// What stands for a masked score becomes −c, which softmax takes for a score.
  private static let afterMask = Fault(
    "soft-cap.after-mask", "scores are capped after they are masked, so that every key is seen", .mask,
    at: Place.of(AttentionProbabilities.self).filtered { $1.source(of: $0)?.kind.payload is SoftCap },
    practice: "a mask is added to scores before they are handed to what caps them"
  ) { site in
    guard let cap = (site.graph.source(of: site.operation)?.kind.payload as? SoftCap)?.cap else { return nil }
    let capped = site.activations[0]
    let tokens = site.inputs.count
    guard let own = site.operation.kind.payload as? AttentionProbabilities else { return nil }
    let rows = (0..<capped.rowCount).flatMap { row in
      site.weights(
        (0..<capped.rowWidth).map { key in
          let isVisible = site.inputs.isVisible(key: key, from: row % tokens, under: own.visibility)
          return isVisible ? capped[row, key] : -cap
        }, row: row)
    }
    return Tensor(rows, shape: capped.shape)
  }

  /// Another rule for every value but −∞.
  private static func variant(
    _ id: String, _ name: String, _ practice: String, _ rule: @escaping @Sendable (Double, Double) -> Double
  ) -> Fault {
    Fault("soft-cap.\(id)", name, .activation, of: SoftCap.self, practice: practice) { own, site in
      let x = site.activations[0]
      return Tensor(x.values.map { $0 == -.infinity ? $0 : rule($0, own.cap) }, shape: x.shape)
    }
  }
}

extension SoftCap {
  static let readings: [Reading] = [
    Reading("soft-cap.other-cap", .activation, of: SoftCap.self) { own, site, got in
      guard let read = cap(read: got.values, of: site.activations[0].values) else { return [] }
      return plainNumbers(near: read).map { cap in
        Reading.Guess("the cap is \(words(cap)) instead of \(words(own.cap))", numbers: 1) { site in
          cap > 0 ? site.evaluated(as: SoftCap(at: cap)) : nil
        }
      }
    }
  ]

  /// c of y = c·tanh(x/c), by the greatest x: y grows with c.
  private static func cap(read y: [Double], of x: [Double]) -> Double? {
    let finite = x.indices.filter { x[$0].isFinite && y[$0].isFinite }
    guard let place = finite.max(by: { abs(x[$0]) < abs(x[$1]) }) else { return nil }
    let (argument, value) = (abs(x[place]), y[place] * (x[place] < 0 ? -1 : 1))
    guard value > 0, value < argument else { return nil }
    var (low, high) = (value / 2, argument * 1e4)
    for _ in 0..<200 {
      let middle = (low * high).squareRoot()
      if middle * tanh(argument / middle) < value { low = middle } else { high = middle }
    }
    return (low * high).squareRoot()
  }
}
