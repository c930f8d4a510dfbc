import TouchstoneModel
import TouchstoneReference

extension Fault {
  static let biasFaults: [Fault] = [
    Fault(
      "bias.missing", "the bias is not added", .bias, at: projections,
      practice: "the kernel takes none, or the checkpoint's tensor is not loaded"
    ) { site in
      site.evaluated(changingParameter: 1) { $0 = Tensor(repeating: 0, shape: $0.shape) }
    },
    Fault(
      "bias.twice", "the bias is added twice", .bias, at: projections,
      practice: "it starts the accumulator and is added again at the end"
    ) { site in
      site.evaluated(changingParameter: 1) { bias in bias = sum(bias, bias) }
    },
  ]

  static let tailFaults: [Fault] = [4, 8, 16].map { width in
    Fault(
      "tail.modulo-\(width)", "the last n mod \(width) terms of each sum are dropped", .tail,
      at: projections.union([.logits]), practice: "a vector loop of \(width) lanes without its remainder"
    ) { site in
      let dropped = site.activations[0].rowWidth % width
      guard dropped > 0 else { return nil }
      return site.evaluated(changing: 0) { x in
        for row in 0..<x.rowCount {
          for column in x.rowWidth - dropped..<x.rowWidth { x[row, column] = 0 }
        }
      }
    }
  }
}
