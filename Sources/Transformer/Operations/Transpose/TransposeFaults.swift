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
    ) { _, site in
      site.edited { value in
        let own = value
        for row in 1..<max(1, own.rowCount) {
          for column in 0..<own.rowWidth { value[row, column] = own[row - 1, column] }
        }
      }
    },
  ]
}
