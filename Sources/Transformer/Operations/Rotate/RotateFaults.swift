import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Rotate: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = wholeFaults + positionFaults + angleFaults

  private static let wholeFaults: [Fault] = [
    Fault(
      "rotary.missing", "nothing is rotated", .embedding, of: Rotate.self,
      practice: "a model with learned positions is assumed"
    ) { _, site in site.activations[0] },
    Fault(
      "rotary.other-pairs", "halves are paired where neighbours are, or the reverse", .embedding,
      of: Rotate.self, practice: "a checkpoint of Meta's is read as one of Hugging Face's"
    ) { own, site in
      let style: Style = own.style == .half ? .interleaved : .half
      return site.evaluated(
        as: Rotate(
          width: own.width, first: own.first, style: style, frequencies: own.frequencies,
          magnitude: own.magnitude, isTransposed: own.isTransposed))
    },
    Fault(
      "rotary.backwards", "pairs turn the other way", .embedding, of: Rotate.self,
      practice: "the sign of the sine"
    ) { own, site in site.turned(own) { position, frequency in -position * frequency } },
    Fault(
      "rotary.base-10000", "the base is 10,000 instead of the model's", .embedding, of: Rotate.self,
      practice: "rope_theta is not read"
    ) { own, site in
      own.frequencies.theta == 10_000
        ? nil
        : site.evaluated(
          as: own.with(RotaryFrequencies(theta: 10_000, scaling: own.frequencies.scaling)))
    },
    Fault(
      "rotary.not-stretched", "frequencies are not stretched", .embedding, of: Rotate.self,
      practice: "rope_scaling is dropped"
    ) { own, site in
      own.frequencies.scaling == .none
        ? nil : site.evaluated(as: own.with(RotaryFrequencies(theta: own.frequencies.theta)))
    },
    Fault(
      "rotary.magnitude-missing", "cosine and sine are not scaled", .embedding, of: Rotate.self,
      practice: "the attention factor of yarn or longrope is dropped"
    ) { own, site in
      own.magnitude == 1
        ? nil
        : site.evaluated(
          as: Rotate(
            width: own.width, first: own.first, style: own.style, frequencies: own.frequencies,
            isTransposed: own.isTransposed))
    },
  ]

  private static let positionFaults: [Fault] = [
    variant("one-later", "positions start at 1", "the position is counted after the token") {
      position, _ in position + 1
    },
    variant("all-first", "every token stands at position 0", "positions are not advanced while decoding") {
      _, _ in 0
    },
    variant("restart-after-8", "positions start again after eight tokens", "each chunk counts from 0") {
      position, _ in position.truncatingRemainder(dividingBy: 8)
    },
    variant("reversed", "positions run backwards", "a sequence padded on the left") { position, count in
      Double(count - 1) - position
    },
    variant("one-earlier", "positions lag by 1", "the cache's length is read before it grows") {
      position, _ in position - 1
    },
    variant("offset-2", "positions start at 2", "the padding offset of another model family") {
      position, _ in position + 2
    },
    variant("clipped", "positions end at 15", "a table is shorter than the sequence") { position, _ in
      min(position, 15)
    },
    variant("all-last", "every token stands at the last position", "one position for a whole batch") {
      _, count in Double(count - 1)
    },
    variant("twice", "everything is rotated twice", "model and kernel both rotate") { position, _ in
      2 * position
    },
  ]

  private static let angleFaults: [Fault] = [
    Fault(
      "rotary.angles-in-bfloat16", "angles are rounded to bfloat16", .precision, of: Rotate.self,
      practice: "positions are multiplied by frequencies in the model's type"
    ) { own, site in site.turned(own) { NumberFormat.bfloat16.round($0 * $1) } },
    Fault(
      "rotary.frequencies-in-bfloat16", "frequencies are rounded to bfloat16", .precision, of: Rotate.self,
      practice: "a buffer is cast with the model"
    ) { own, site in site.turned(own) { $0 * NumberFormat.bfloat16.round($1) } },
  ]

  /// Other positions in the place of the right ones.
  private static func variant(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable (Double, Int) -> Double
  ) -> Fault {
    Fault("rotary.\(id)", name, .embedding, of: Rotate.self, practice: practice) { own, site in
      site.turned(own) { position, frequency in other(position, site.inputs.count) * frequency }
    }
  }

  /// The same with other frequencies.
  func with(_ frequencies: RotaryFrequencies) -> Rotate {
    Rotate(
      width: width, first: first, style: style, frequencies: frequencies, magnitude: magnitude,
      isTransposed: isTransposed)
  }
}

extension FaultSite {
  /// The rotation by other angles, made from position and frequency.
  fileprivate func turned(_ own: Rotate, _ angle: (Double, Double) -> Double) -> Tensor<Double> {
    let x = activations[0]
    let positions = inputs.positionIDs
    let frequencies = own.frequencies.values(
      pairs: own.width / 2, sequenceLength: (positions.max() ?? 0) + 1)
    var y = x
    for (token, position) in positions.enumerated() {
      for (pair, frequency) in frequencies.enumerated() {
        let turn = own.direction * angle(Double(position), frequency)
        let (cosine, sine) = (own.magnitude * cos(turn), own.magnitude * sin(turn))
        let (from, to) = own.columns(of: pair)
        for head in 0..<x.shape[0] {
          let (a, b) = (x[head, token, from.0], x[head, token, from.1])
          y[head, token, to.0] = a * cosine - b * sine
          y[head, token, to.1] = b * cosine + a * sine
        }
      }
    }
    return y
  }
}
