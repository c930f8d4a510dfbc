import TouchstoneGraph
import TouchstoneModel

extension Convolution: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = filterFaults + frameFaults

  private static let filterFaults: [Fault] = [
    filters(
      "reversed", "filters are reversed in time", "the convolution of mathematics, which is no correlation"
    ) {
      filters, output, input, tap in filters[output, input, filters.shape[2] - 1 - tap]
    },
    filters("transposed", "filters are read as [out, width, in]", "the layout of another framework") {
      filters, output, input, tap in
      let (inputs, width) = (filters.shape[1], filters.shape[2])
      return filters.values[output * inputs * width + tap * inputs + input]
    },
    filters("first-tap-dropped", "the first number of each filter is left out", "a loop starts at 1") {
      filters, output, input, tap in tap == 0 ? 0 : filters[output, input, tap]
    },
    filters("last-tap-dropped", "the last number of each filter is left out", "a loop ends one early") {
      filters, output, input, tap in tap == filters.shape[2] - 1 ? 0 : filters[output, input, tap]
    },
    filters("last-input-dropped", "the last input of each filter is left out", "a loop ends one early") {
      filters, output, input, tap in input == filters.shape[1] - 1 ? 0 : filters[output, input, tap]
    },
    filters("in-half", "filters are rounded to float16", "a kernel that knows half precision alone") {
      filters, output, input, tap in NumberFormat.float16.round(filters[output, input, tap])
    },
    fault("bias-missing", "the bias is not added", "a convolution without bias is called") { _, site in
      site.evaluated(changingParameter: 1) { $0 = Tensor(repeating: 0, shape: $0.shape) }
    },
    fault("bias-twice", "the bias is added twice", "a kernel that adds it is followed by an addition") {
      _, site in
      site.evaluated(changingParameter: 1) { $0 = Tensor($0.values.map { 2 * $0 }, shape: $0.shape) }
    },
  ]

  private static let frameFaults: [Fault] = [
    moved("causal", "positions see no later frame", "all padding stands before the first frame") {
      own, width in (own.stride, width - 1)
    },
    moved("late", "positions begin with the first frame", "no padding before the first frame") { own, _ in
      (own.stride, own.padding - 1)
    },
    moved("stride-1", "filters move by one frame", "the stride is not read") { own, _ in (1, own.padding) },
    moved("stride-2", "filters move by two frames", "the stride of the other convolution") { own, _ in
      (2, own.padding)
    },
    fault(
      "padding-repeats", "the first and the last frame stand for what is outside", "another mode of padding"
    ) {
      own, site in
      guard own.padding > 0 else { return nil }
      let x = site.read
      return own.sums(site) { channel, frame in x[channel, min(max(frame, 0), x.rowWidth - 1)] }
    },
    fault("padding-reflects", "frames outside are those inside, reflected", "another mode of padding") {
      own, site in
      let x = site.read
      guard own.padding > 0, x.rowWidth > own.padding else { return nil }
      let last = x.rowWidth - 1
      return own.sums(site) { channel, frame in x[channel, frame < 0 ? -frame : min(frame, 2 * last - frame)]
      }
    },
    fault("channels-reversed", "channels are in reverse order", "a flipped spectrogram") { own, site in
      let x = site.read
      return own.sums(site) { x.framed(x.rowCount - 1 - $0, $1) }
    },
    fault("turned", "channels and frames are exchanged", "[in, frames] is read as [frames, in]") {
      own, site in
      let x = site.read
      return own.sums(site) { channel, frame in
        (0..<x.rowWidth).contains(frame) ? x.values[frame * x.rowCount + channel] : 0
      }
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (Convolution, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault("convolution.\(id)", name, .weights, of: Convolution.self, practice: practice, output: output)
  }

  private static func filters(
    _ id: String, _ name: String, _ practice: String,
    _ number: @escaping @Sendable (Tensor<Double>, Int, Int, Int) -> Double
  ) -> Fault {
    fault(id, name, practice) { _, site in
      site.evaluated(changingParameter: 0) { filters in
        let own = filters
        for offset in own.values.indices {
          let index = own.index(of: offset)
          filters.values[offset] = number(own, index[0], index[1], index[2])
        }
      }
    }
  }

  /// Another place of the filters; nil where it is the same.
  private static func moved(
    _ id: String, _ name: String, _ practice: String,
    _ place: @escaping @Sendable (Convolution, Int) -> (stride: Int, padding: Int)
  ) -> Fault {
    fault(id, name, practice) { own, site in
      let (stride, padding) = place(own, site.parameters[0].rowWidth)
      guard (stride, padding) != (own.stride, own.padding) else { return nil }
      let x = site.read
      return own.sums(site, by: { $0 * stride - padding + $1 }) { x.framed($0, $1) }
    }
  }

  /// The sums of the definition, of what is found at a frame that may be outside.
  fileprivate func sums(
    _ site: FaultSite, by frame: ((_ position: Int, _ tap: Int) -> Int)? = nil,
    _ found: (_ channel: Int, _ frame: Int) -> Double
  ) -> Tensor<Double> {
    let (filters, bias, x) = (site.parameters[0], site.parameters[1], site.read)
    let positions = positions(in: x.rowWidth, width: filters.rowWidth)
    var y = Tensor<Double>(repeating: 0, shape: [filters.shape[0], positions])
    for position in 0..<positions {
      for channel in 0..<filters.shape[1] {
        for tap in 0..<filters.rowWidth {
          let place = frame?(position, tap) ?? position * stride - padding + tap
          let value = found(channel, place)
          for output in 0..<y.rowCount { y[output, position] += filters[output, channel, tap] * value }
        }
      }
      for output in 0..<y.rowCount { y[output, position] += bias.values[output] }
    }
    return y
  }
}

extension FaultSite {
  /// What a convolution reads: [in, frames].
  fileprivate var read: Tensor<Double> { activations.first ?? inputs.features }
}

extension Tensor<Double> {
  /// A number of a channel at a frame, 0 outside.
  fileprivate func framed(_ channel: Int, _ frame: Int) -> Double {
    (0..<rowWidth).contains(frame) ? self[channel, frame] : 0
  }
}
