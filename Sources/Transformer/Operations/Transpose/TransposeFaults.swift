import TouchstoneGraph
import TouchstoneModel

extension Transpose: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    Fault(
      "transpose.missing", "rows and columns are exchanged by shape alone", .wiring, of: Transpose.self,
      practice: "a reshape without the transposition"
    ) { _, site in
      let x = site.activations[0]
      return Tensor(x.values, shape: [x.rowWidth, x.rowCount])
    },
    Fault(
      "transpose.one-later", "each token is the frame before", .wiring, of: Transpose.self,
      practice: "an offset of one frame"
    ) { kind, site in
      let x = site.activations[0]
      let isBack = kind.frames != nil
      return site.edited { value in
        for row in 0..<value.rowCount {
          for column in 0..<value.rowWidth {
            let (moment, unit) = isBack ? (column, row) : (row, column)
            guard moment > 0 else { continue }
            value[row, column] = isBack ? x[moment - 1, unit] : x[unit, moment - 1]
          }
        }
      }
    },
  ]
}
