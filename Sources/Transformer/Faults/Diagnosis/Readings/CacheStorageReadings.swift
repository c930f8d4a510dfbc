import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Keys or values that are kept in fewer bits, all or those of the first tokens.
  static let cacheStorage: [Reading] = [
    Reading("attention.stored-in-fewer-bits", .cache, at: .attention) { site, got in
      guard site.activations.count > 1, got.values.allSatisfy({ !$0.isNaN }) else { return [] }
      let subject = site.operation.kind.payload is AttentionScores ? "keys" : "values"
      let ways = StoredRows.all(of: site.activations[1])
      let want = site.evaluated()
      let wrong = site.wrongPlaces.filter { got.values[$0].isFinite && want.values[$0].isFinite }
      let whole = wrong.reduce(0) {
        $0 + (got.values[$1] - want.values[$1]) * (got.values[$1] - want.values[$1])
      }
      let tried = ways.map { way in
        let value = site.evaluated(changing: 1) { $0 = way.stored($0) }
        let rest = wrong.reduce(0.0) {
          $0 + (got.values[$1] - value.values[$1]) * (got.values[$1] - value.values[$1])
        }
        return (way: way, rest: rest)
      }
      return nearest(tried, of: whole).map { way in
        Guess("\(subject) are \(way.inWords)") { site in site.evaluated(changing: 1) { $0 = way.stored($0) } }
      }
    }
  ]
}

/// A tensor [H, T, d] that is kept in fewer bits.
struct StoredRows: Sendable {
  let change: StoredProduct.Change
  let inWords: String

  static func all(of x: Tensor<Double>) -> [StoredRows] {
    let formats: [NumberFormat] = [.float16, .bfloat16, .float8, .tensorFloat32]
    let schemes = [Quantisation.Step.symmetric, .centred, .affine].flatMap { step in
      [8, 4].flatMap { bits in
        [false, true].map { Quantisation(bits: bits, step: step, isStepInHalf: $0, shift: 0) }
      }
    }
    let perHead = x.shape.count == 3 ? x.shape[1] * x.shape[2] : x.count
    let groups = [
      (x.rowWidth, "token by token"), (perHead, "head by head"), (x.count, "as a whole"),
      (32, "in blocks of 32"),
    ]
    return formats.map { StoredRows(change: .rounded($0), inWords: "rounded to \($0.name)") }
      + formats.map { StoredRows(change: .cut($0), inWords: "cut to \($0.name)") }
      + schemes.flatMap { scheme in
        groups.map { size, name in
          StoredRows(
            change: .quantised(scheme, .inputs(size)), inWords: "quantised to \(scheme.inWords) \(name)")
        }
      }
  }

  func stored(_ x: Tensor<Double>) -> Tensor<Double> { Tensor(change.changed(x.values), shape: x.shape) }
}
