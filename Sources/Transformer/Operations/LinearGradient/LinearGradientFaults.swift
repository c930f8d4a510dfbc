import TouchstoneGraph
import TouchstoneModel

extension LinearGradient: Faulty {
  static let traits: FaultTraits = .contraction
  static let faults: [Fault] = [
    fault("not-transposed", "the matrix is not transposed", "x·W for dy·Wᵀ") { site in
      let parameters = site.operation.parameters
      guard
        parameters.allSatisfy({ $0.shape.count == 2 && $0.shape[0] == $0.shape[1] && $0.selection == .whole })
      else { return nil }
      return site.evaluated(
        parameters: site.parameters.map { matrix in
          let width = matrix.shape[1]
          return Tensor(
            matrix.values.indices.map { matrix.values[$0 % width * width + $0 / width] }, shape: matrix.shape)
        })
    },
    fault("last-outputs-missing", "the last eight outputs are left out", "a loop ends a block early") {
      site in
      site.evaluated(changing: site.activations.count - 1) { dy in
        let width = dy.rowWidth
        for offset in dy.values.indices where offset % width >= width - min(8, width - 1) {
          dy.values[offset] = 0
        }
      }
    },
    fault("last-product-missing", "the last product's part is not added", "one of several paths is lost") {
      site in
      site.without([site.activations.count - 1])
    },
    fault("first-product-missing", "the first product's part is not added", "one of several paths is lost") {
      site in
      site.without([0])
    },
    fault("middle-product-missing", "a middle product's part is not added", "one of several paths is lost") {
      site in
      site.activations.count > 2 ? site.without([1]) : nil
    },
    fault("overwritten", "the last product's part overwrites the others", "= for +=") { site in
      site.without(Array(0..<site.activations.count - 1))
    },
    fault("parts-exchanged", "the gradients of two products are exchanged", "queries for keys") { site in
      let read = site.activations
      guard read.count > 1, read[0].shape == read[1].shape else { return nil }
      return site.evaluated(activations: [read[1], read[0]] + read.dropFirst(2))
    },
    fault("last-token-only", "only the last token has a gradient", "as if only it were predicted") { site in
      site.edited { value in
        for offset in 0..<value.count - value.rowWidth { value.values[offset] = 0 }
      }
    },
    fault("twice", "the gradient is added twice", "a buffer is not cleared") { $0.times(2) },
    fault("missing", "there is no gradient", "the backward pass ends here") { $0.times(0) },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault("input-gradient.\(id)", name, .gradient, of: LinearGradient.self, practice: practice) { output($1) }
  }
}

extension FaultSite {
  /// The operation's value where some of several activations are 0; nil where there is one alone.
  fileprivate func without(_ places: [Int]) -> Tensor<Double>? {
    guard activations.count > 1 else { return nil }
    var read = activations
    for place in places { read[place] = Tensor(repeating: 0, shape: read[place].shape) }
    return evaluated(activations: read)
  }
}
