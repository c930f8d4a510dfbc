import TouchstoneGraph
import TouchstoneModel

extension ConvolutionGradient: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] =
    ofPlaces + [
      taps(
        "reversed", "filters are reversed in time", "the forward pass's kernel is called with the gradient"
      ) {
        tap, width in width - 1 - tap
      },
      taps("first-tap-missing", "the first number of each filter is left out", "a loop starts at 1") {
        tap, _ in
        tap == 0 ? nil : tap
      },
      taps("last-tap-missing", "the last number of each filter is left out", "a loop ends one early") {
        tap, width in tap == width - 1 ? nil : tap
      },
      fault(
        "not-transposed", "inputs and outputs of the filters are exchanged", "the matrix is not transposed"
      ) {
        _, site in
        let shape = site.parameters[0].shape
        guard shape[0] == shape[1] else { return nil }
        return site.filtered { filters, output, input, tap in filters[input, output, tap] }
      },
      fault("last-outputs-missing", "the last eight outputs are left out", "a loop ends a block early") {
        _, site in
        site.evaluated(changing: 0) { dy in
          for row in max(1, dy.rowCount - 8)..<max(1, dy.rowCount) { dy.setRow(row) { _ in 0 } }
        }
      },
      fault("overwritten", "of the taps that meet a frame the last counts alone", "= for += in a scatter") {
        own, site in own.sums(site, stride: own.stride, padding: own.padding, overwriting: true)
      },
      fault("twice", "the gradient is added twice", "a buffer is not cleared") { _, site in site.times(2) },
      fault("missing", "there is no gradient", "the backward pass ends here") { _, site in site.times(0) },
    ]

  private static let ofPlaces: [Fault] = [
    moved("stride-forgotten", "positions are neighbouring frames", "the stride is not read") { own, _ in
      (1, own.padding)
    },
    moved("padding-forgotten", "positions begin with the first frame", "what stands before it is not counted")
    {
      own, _ in (own.stride, 0)
    },
    moved("causal", "positions saw no later frame", "all padding stands before the first frame") {
      own, width in
      (own.stride, width - 1)
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (ConvolutionGradient, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault(
      "convolution-gradient.\(id)", name, .gradient, of: ConvolutionGradient.self, practice: practice,
      output: output)
  }

  /// Another number of each filter in the place of a tap; nil for none.
  private static func taps(
    _ id: String, _ name: String, _ practice: String, _ tap: @escaping @Sendable (Int, Int) -> Int?
  ) -> Fault {
    fault(id, name, practice) { _, site in
      site.filtered { filters, output, input, own in
        tap(own, filters.rowWidth).map { filters[output, input, $0] } ?? 0
      }
    }
  }

  /// Another place of the filters; nil where it is the same.
  private static func moved(
    _ id: String, _ name: String, _ practice: String,
    _ place: @escaping @Sendable (ConvolutionGradient, Int) -> (stride: Int, padding: Int)
  ) -> Fault {
    fault(id, name, practice) { own, site in
      let (stride, padding) = place(own, site.parameters[0].rowWidth)
      guard (stride, padding) != (own.stride, own.padding) else { return nil }
      return own.sums(site, stride: stride, padding: padding)
    }
  }

  /// The sums of the definition, position by position, with filters in other places.
  private func sums(
    _ site: FaultSite, stride: Int, padding: Int, overwriting: Bool = false
  ) -> Tensor<Double> {
    let (dy, filters) = (site.activations[0], site.parameters[0])
    var dx = Tensor<Double>(repeating: 0, shape: [filters.shape[1], frames])
    for position in 0..<dy.rowWidth {
      for tap in 0..<filters.rowWidth {
        let frame = position * stride - padding + tap
        guard (0..<frames).contains(frame) else { continue }
        for channel in 0..<dx.rowCount {
          let sum = (0..<dy.rowCount).reduce(0.0) { $0 + filters[$1, channel, tap] * dy[$1, position] }
          dx[channel, frame] = overwriting ? sum : dx[channel, frame] + sum
        }
      }
    }
    return dx
  }
}

extension FaultSite {
  /// The operation's value with other numbers in its filters.
  fileprivate func filtered(
    _ number: (_ filters: Tensor<Double>, _ output: Int, _ input: Int, _ tap: Int) -> Double
  ) -> Tensor<Double> {
    evaluated(changingParameter: 0) { filters in
      let own = filters
      for offset in own.values.indices {
        let index = own.index(of: offset)
        filters.values[offset] = number(own, index[0], index[1], index[2])
      }
    }
  }
}
