import TouchstoneGraph
import TouchstoneModel

extension Patches: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = pixelFaults + filterFaults

  private static let pixelFaults: [Fault] = [
    pixels("channels-reversed", "channels are in reverse order", "blue, green, red for red, green, blue") {
      x, channel, row, column in x[x.shape[0] - 1 - channel, row, column]
    },
    pixels(
      "channels-last", "channels stand last", "[height, width, channels] is read as [channels, height, width]"
    ) {
      x, channel, row, column in
      x.values[(row * x.shape[2] + column) * x.shape[0] + channel]
    },
    pixels("upside-down", "the picture stands on its head", "rows of a bitmap run upwards") {
      x, channel, row, column in x[channel, x.shape[1] - 1 - row, column]
    },
    pixels("mirrored", "left and right are exchanged", "an augmentation of the training is left on") {
      x, channel, row, column in x[channel, row, x.shape[2] - 1 - column]
    },
    pixels("turned", "rows and columns are exchanged", "width before height") { x, channel, row, column in
      x.shape[1] == x.shape[2] ? x[channel, column, row] : nil
    },
    pixels("not-centred", "½ is added to every pixel", "pixels of 0 … 1 are not moved to −1 … 1") {
      x, channel, row, column in x[channel, row, column] + 0.5
    },
    pixels("first-channel-alone", "the first channel stands for all", "a grey picture is read") {
      x, channel, row, column in x[0, row, column]
    },
  ]

  private static let filterFaults: [Fault] = [
    fault("column-by-column", "patches are counted column by column", "the transposition before flattening") {
      site in
      let (x, shape) = (site.activations[0], site.parameters[0].shape)
      let (down, across) = (x.shape[1] / shape[2], x.shape[2] / shape[3])
      let value = site.evaluated()
      return Tensor(
        (0..<value.rowCount).flatMap { value.row($0 % down * across + $0 / down) }, shape: value.shape)
    },
    fault("one-later", "each patch is the one before", "an offset of one patch") { site in
      site.edited { value in
        let own = value
        for row in 1..<max(1, own.rowCount) {
          for column in 0..<own.rowWidth { value[row, column] = own[row - 1, column] }
        }
      }
    },
    filters("transposed", "rows and columns of filters are exchanged", "width before height") {
      filters, output, channel, row, column in
      filters.shape[2] == filters.shape[3] ? filters.number(output, channel, column, row) : nil
    },
    filters("reversed", "filters are turned round", "the convolution of mathematics, which is no correlation")
    {
      filters, output, channel, row, column in
      filters.number(output, channel, filters.shape[2] - 1 - row, filters.shape[3] - 1 - column)
    },
    filters(
      "filters-channels-last", "filters are read as [out, height, width, in]",
      "the layout of another framework"
    ) {
      filters, output, channel, row, column in
      let (inputs, width) = (filters.shape[1], filters.shape[3])
      let first = output * filters.rowCount / filters.shape[0] * width
      return filters.values[first + (row * width + column) * inputs + channel]
    },
    filters("last-channel-dropped", "the last channel is left out", "a loop ends one early") {
      filters, output, channel, row, column in
      channel == filters.shape[1] - 1 ? 0 : filters.number(output, channel, row, column)
    },
    filters("last-row-dropped", "the last row of each patch is left out", "a loop ends one early") {
      filters, output, channel, row, column in
      row == filters.shape[2] - 1 ? 0 : filters.number(output, channel, row, column)
    },
    filters("in-half", "filters are rounded to float16", "a kernel that knows half precision alone") {
      filters, output, channel, row, column in
      NumberFormat.float16.round(filters.number(output, channel, row, column))
    },
    fault("bias-missing", "the bias is not added", "a convolution without bias is called") { site in
      guard site.parameters.count > 1 else { return nil }
      return site.evaluated(changingParameter: 1) { $0 = Tensor(repeating: 0, shape: $0.shape) }
    },
    fault("bias-twice", "the bias is added twice", "a kernel that adds it is followed by an addition") {
      site in
      guard site.parameters.count > 1 else { return nil }
      return site.evaluated(changingParameter: 1) { $0 = Tensor($0.values.map { 2 * $0 }, shape: $0.shape) }
    },
  ]

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault("patches.\(id)", name, .embedding, of: Patches.self, practice: practice) { output($1) }
  }

  /// Another pixel in the place of each; nil where the fault cannot arise.
  private static func pixels(
    _ id: String, _ name: String, _ practice: String,
    _ pixel: @escaping @Sendable (Tensor<Double>, Int, Int, Int) -> Double?
  ) -> Fault {
    fault(id, name, practice) { site in
      let x = site.activations[0]
      let values = x.values.indices.compactMap { offset in
        let index = x.index(of: offset)
        return pixel(x, index[0], index[1], index[2])
      }
      guard values.count == x.count else { return nil }
      return site.evaluated(activations: [Tensor(values, shape: x.shape)])
    }
  }

  /// Another number in the place of each of a filter's; nil where the fault cannot arise.
  private static func filters(
    _ id: String, _ name: String, _ practice: String,
    _ number: @escaping @Sendable (Tensor<Double>, Int, Int, Int, Int) -> Double?
  ) -> Fault {
    fault(id, name, practice) { site in
      let own = site.parameters[0]
      let values = own.values.indices.compactMap { offset in
        let index = own.index(of: offset)
        return number(own, index[0], index[1], index[2], index[3])
      }
      guard values.count == own.count else { return nil }
      return site.evaluated(changingParameter: 0) { $0 = Tensor(values, shape: own.shape) }
    }
  }
}

extension Tensor<Double> {
  /// A number of a filter.
  fileprivate func number(_ output: Int, _ channel: Int, _ row: Int, _ column: Int) -> Double {
    values[((output * shape[1] + channel) * shape[2] + row) * shape[3] + column]
  }
}
