import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Sinusoid: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    waves("other-layout", "sines and cosines stand in the other layout", "halves for pairs, or the reverse") {
      own, position, column in
      let form: Form = own.form == .halves ? .interleaved : .halves
      return Sinusoid(own.ids, width: own.width, form: form).wave(position, column)
    },
    waves("exchanged", "sines and cosines are exchanged", "cosines come first") { own, position, column in
      let (pair, isCosine) = own.term(of: column)
      let angle = Double(position) * own.frequency(of: pair)
      return isCosine ? sin(angle) : cos(angle)
    },
    waves(
      "step-to-the-end", "wavelengths run to 10000 with the last one", "the step ln 10000/(D/2 − 1)"
    ) { own, position, column in
      guard own.width > 3 else { return nil }
      let (pair, isCosine) = own.term(of: column)
      let angle = Double(position) * pow(10_000, -Double(pair) / (Double(own.width / 2) - 1))
      return isCosine ? cos(angle) : sin(angle)
    },
    waves("column-for-pair", "each column has a wavelength of its own", "column for pair in the exponent") {
      own, position, column in
      let isCosine = own.term(of: column).isCosine
      let angle = Double(position) * pow(10_000, -2 * Double(column) / Double(own.width))
      return isCosine ? cos(angle) : sin(angle)
    },
    waves("one-later", "positions start at 1", "the position is counted after the token") {
      own, position, column in own.wave(position + 1, column)
    },
    waves("offset-2", "positions start at 2", "the padding offset of another model family") {
      own, position, column in own.wave(position + 2, column)
    },
    waves("all-first", "every token stands at position 0", "positions are not advanced while decoding") {
      own, _, column in own.wave(0, column)
    },
    waves("other-base", "the longest wavelength is that of 1000", "another base") { own, position, column in
      let (pair, isCosine) = own.term(of: column)
      let angle = Double(position) * pow(1000, -2 * Double(pair) / Double(own.width))
      return isCosine ? cos(angle) : sin(angle)
    },
    waves("missing", "there are no positions", "they are left out") { _, _, _ in 0 },
    waves("in-half", "the table is rounded to float16", "it is kept in half precision") {
      own, position, column in NumberFormat.float16.round(own.wave(position, column))
    },
  ]

  private static func waves(
    _ id: String, _ name: String, _ practice: String,
    _ wave: @escaping @Sendable (Sinusoid, Int, Int) -> Double?
  ) -> Fault {
    Fault("sinusoid.\(id)", name, .embedding, of: Sinusoid.self, practice: practice) { own, site in
      let positions = site.inputs.ids(own.ids)
      var values: [Double] = []
      for position in positions {
        for column in 0..<own.width {
          guard let value = wave(own, position, column) else { return nil }
          values.append(value)
        }
      }
      return Tensor(values, shape: [positions.count, own.width])
    }
  }

  /// What a column holds at a position.
  fileprivate func wave(_ position: Int, _ column: Int) -> Double {
    let (pair, isCosine) = term(of: column)
    let angle = Double(position) * frequency(of: pair)
    return isCosine ? cos(angle) : sin(angle)
  }
}
