import TouchstoneGraph
import TouchstoneModel

extension ClassRow: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    Fault(
      "class-row.behind", "the learned row stands behind the patches", .embedding, of: ClassRow.self,
      practice: "the arguments of a concatenation are exchanged"
    ) { _, site in
      let (x, row) = (site.activations[0], site.parameters[0])
      return Tensor(x.values + row.values, shape: [x.rowCount + 1, x.rowWidth])
    },
    Fault(
      "class-row.zero", "the learned row is 0", .embedding, of: ClassRow.self,
      practice: "a parameter is not loaded"
    ) { _, site in site.evaluated(changingParameter: 0) { $0 = Tensor(repeating: 0, shape: $0.shape) } },
    Fault(
      "class-row.mean", "the mean of the patches stands for the learned row", .embedding, of: ClassRow.self,
      practice: "the pooling of another model family"
    ) { _, site in
      let x = site.activations[0]
      let sums = (0..<x.rowWidth).map { column in
        (0..<x.rowCount).reduce(0) { $0 + x[$1, column] } / Double(x.rowCount)
      }
      return Tensor(sums + x.values, shape: [x.rowCount + 1, x.rowWidth])
    },
  ]
}
