import TouchstoneGraph
import TouchstoneModel

extension Modulation: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    fault("missing", "nothing is modulated", "a block without a condition is assumed") { _, site in
      site.activations[0]
    },
    other("without-plus", "nothing is added to the scale", "1 is held to be in the scale already") { own in
      own.plus == 0
        ? nil : Modulation(parts: own.parts, scale: own.scale, shift: own.shift, plus: 0)
    },
    other("with-plus", "1 is added to the gate", "the form that stands behind norms") { own in
      own.plus == 0
        ? Modulation(parts: own.parts, scale: own.scale, shift: own.shift, plus: 1) : nil
    },
    other("exchanged", "scale and shift are exchanged", "the parts are read in another order") { own in
      own.shift.map { Modulation(parts: own.parts, scale: $0, shift: own.scale, plus: own.plus) }
    },
    other("without-shift", "the shift is not added", "a condition that scales alone is assumed") { own in
      own.shift == nil ? nil : Modulation(parts: own.parts, scale: own.scale, plus: own.plus)
    },
    other("next-part", "the parts behind are read", "an offset of one part") { own in
      Modulation(
        parts: own.parts, scale: (own.scale + 1) % own.parts,
        shift: own.shift.map { ($0 + 1) % own.parts }, plus: own.plus)
    },
    other("other-half", "the parts of the other half are read", "one list of parts for both halves") { own in
      guard own.parts % 2 == 0 else { return nil }
      let half = own.parts / 2
      return Modulation(
        parts: own.parts, scale: (own.scale + half) % own.parts,
        shift: own.shift.map { ($0 + half) % own.parts }, plus: own.plus)
    },
    fault("interleaved", "parts are read interleaved", "a reshape to [D, parts]") { own, site in
      let condition = site.activations[1]
      let width = condition.count / own.parts
      return site.evaluated(changing: 1) { changed in
        for part in 0..<own.parts {
          for column in 0..<width {
            changed.values[part * width + column] = condition.values[column * own.parts + part]
          }
        }
      }
    },
    fault("shift-first", "the shift is added before the scale", "the two steps are in the wrong order") {
      own, site in
      guard let shift = own.shift else { return nil }
      let (x, condition) = (site.activations[0], site.activations[1].values)
      let width = x.rowWidth
      let values = x.values.indices.map { offset in
        let column = offset % width
        return (x.values[offset] + condition[shift * width + column])
          * (own.plus + condition[own.scale * width + column])
      }
      return Tensor(values, shape: x.shape)
    },
    fault("first-token-alone", "the first token alone is modulated", "a broadcast over tokens is forgotten") {
      _, site in
      let x = site.activations[0]
      guard x.rowCount > 1 else { return nil }
      return site.edited { $0.values.replaceSubrange(x.rowWidth..., with: x.values[x.rowWidth...]) }
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (Modulation, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault("modulation.\(id)", name, .wiring, of: Modulation.self, practice: practice, output: output)
  }

  /// Other parts, or another constant; nil where it is the same.
  private static func other(
    _ id: String, _ name: String, _ practice: String, _ kind: @escaping @Sendable (Modulation) -> Modulation?
  ) -> Fault {
    fault(id, name, practice) { own, site in kind(own).map { site.evaluated(as: $0) } }
  }
}
