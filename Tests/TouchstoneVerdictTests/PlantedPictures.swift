import Foundation
import TouchstoneGraph
import TouchstoneModel

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

extension PlantedNumber {
  /// Pictures that are read, cut or placed otherwise, and blocks that a condition modulates otherwise.
  static let ofPictures: [PlantedNumber] = ofPixels + ofWindows + ofRows + ofConditions

  private static func pixels(
    _ reading: String, _ says: String,
    _ pixel: @escaping @Sendable (Tensor<Double>, Int, Int, Int) -> Double
  ) -> PlantedNumber {
    PlantedNumber("patches." + reading, says, in: "vit", at: "embed/patches") { site in
      let x = site.activations[0]
      return site.patches { pixel(x, $0, $1, $2) }
    }
  }

  private static let ofPixels: [PlantedNumber] = [
    pixels("other-order", "the picture is turned by half a turn") { x, channel, row, column in
      x[channel, x.shape[1] - 1 - row, x.shape[2] - 1 - column]
    },
    pixels("other-order", "[row, column, channel] is read as [channel, row, column]") {
      x, channel, row, column in
      let place = (channel * x.shape[1] + row) * x.shape[2] + column
      let (pixel, other) = place.quotientAndRemainder(dividingBy: 3)
      return x[other, pixel / x.shape[2], pixel % x.shape[2]]
    },
    pixels("other-order", "channels 2, 0, 1 are read for 0, 1, 2") { x, channel, row, column in
      x[(channel + 2) % 3, row, column]
    },
    pixels("scaled-pixels", "0.5·x + 0.5, as if taken to 0 … 1 instead of −1 … 1") {
      $0[$1, $2, $3] / 2 + 0.5
    },
    pixels("scaled-pixels", "as if taken to ImageNet's mean and deviation instead of −1 … 1") {
      x, channel, row, column in
      (x[channel, row, column] / 2 + 0.5 - [0.485, 0.456, 0.406][channel]) / [0.229, 0.224, 0.225][channel]
    },
    pixels("scaled-pixels", "0.299·x0 + 0.587·x1 + 0.114·x2") { x, _, row, column in
      0.299 * x[0, row, column] + 0.587 * x[1, row, column] + 0.114 * x[2, row, column]
    },
    pixels("cut-elsewhere", "the first patch begins at row 1, column 1 of the picture") {
      $0[$1, min($2 + 1, 12), min($3 + 1, 8)]
    },
    pixels("cut-elsewhere", "patches begin every 2 rows and 1 column instead of 3 and 2") {
      x, channel, row, column in x[channel, row / 3 * 2 + row % 3, column / 2 + column % 2]
    },
    pixels("cut-elsewhere", "patches are counted from below") { x, channel, row, column in
      row < 12 ? x[channel, 9 - row / 3 * 3 + row % 3, column] : 0
    },
    PlantedNumber(
      "patches.filters-in-other-order",
      "[out, in, height, width] is read as [height, width, in, out], without transposing", in: "vit",
      at: "embed/patches"
    ) { site in
      site.evaluated(changingParameter: 0) { filters in
        let (own, shape) = (filters, filters.shape)
        filters.values = own.values.indices.map { place in
          let index = own.index(of: place)
          return own.values[
            ((index[2] * shape[3] + index[3]) * shape[1] + index[1]) * shape[0] + index[0]]
        }
      }
    },
  ]

  /// Filters and windows as a product.
  private static let ofWindows: [PlantedNumber] = [
    PlantedNumber(
      "windows.product", "the weight from input 7 to output 3 is 0.5", in: "vit", at: "embed/patches"
    ) {
      $0.evaluated(changingParameter: 0) { $0.values[3 * 18 + 7] = 0.5 }
    },
    PlantedNumber(
      "windows.in-fewer-bits", "the matrix is quantised to 8 bits by output", in: "vit", at: "embed/patches"
    ) { site in
      site.evaluated(changingParameter: 0) { filters in
        for output in 0..<filters.shape[0] {
          let row = output * 18..<(output + 1) * 18
          let step = filters.values[row].reduce(0) { max($0, abs($1)) } / 127
          for place in row { filters.values[place] = (filters.values[place] / step).rounded() * step }
        }
      }
    },
  ]

  private static let ofRows: [PlantedNumber] = [
    PlantedNumber(
      "class-row.other-rows", "the learned row is added to every patch", in: "vit", at: "embed/token"
    ) { site in
      site.edited { y in
        for row in 1..<y.rowCount { y.setRow(row) { [y] in y[row, $0] + y[0, $0] } }
      }
    },
    PlantedNumber(
      "class-row.other-rows", "the learned row stands in the place of patch 2", in: "vit", at: "embed/token"
    ) { site in site.edited { y in y.setRow(3) { [y] in y[0, $0] } } },
    PlantedNumber("embedding.zero-rows", "rows 1 to 3 are 0", in: "vit", at: "embed/position") { site in
      site.edited { y in
        for row in 1...3 { y.setRow(row) { _ in 0 } }
      }
    },
    PlantedNumber(
      "embedding.resampled", "interpolated linearly, as if for a grid of 4.1 by 4.1 patches", in: "vit",
      at: "embed/position"
    ) { site in
      func parts(_ place: Int) -> [(Int, Double)] {
        let at = min(max((Double(place) + 0.5) * 4 / 4.1 - 0.5, 0), 3)
        let low = min(Int(at), 2)
        return [(low, 1 - at + Double(low)), (low + 1, at - Double(low))]
      }
      return site.edited { y in
        let own = y
        for row in 0..<4 {
          for column in 0..<4 {
            y.setRow(1 + row * 4 + column) { unit in
              parts(row).reduce(0) { sum, down in
                parts(column).reduce(sum) { $0 + down.1 * $1.1 * own[1 + down.0 * 4 + $1.0, unit] }
              }
            }
          }
        }
      }
    },
    PlantedNumber("pooling.other", "the mean of rows 1 to 16 is taken", in: "vit", at: "final/pool_row") {
      site in
      let x = site.activations[0]
      let mean = (0..<x.rowWidth).map { column in (1...16).reduce(0) { $0 + x[$1, column] } / 16 }
      return Tensor(mean, shape: [1, x.rowWidth])
    },
    PlantedNumber(
      "pooling.other", "row 0 is picked of layers/000/resid_out", in: "vit",
      at: "final/pool_row"
    ) { site in
      site.activation(Activation("resid_out", in: Activation.Block(0))).map { x in
        Tensor(Array(x.row(0)), shape: [1, x.rowWidth])
      }
    },
    PlantedNumber("values.of-length-1", "divided by its length", in: "llama", at: "layers/000/mlp_out") {
      $0.edited { y in
        for row in 0..<y.rowCount {
          let length = y.row(row).reduce(0) { $0 + $1 * $1 }.squareRoot()
          y.setRow(row) { [y] in y[row, $0] / length }
        }
      }
    },
  ]

  /// One number of what is modulated from it, and from its column of the six parts.
  private static func modulated(
    _ says: String, reading: String = "modulation.other", at point: String,
    _ rule: @escaping @Sendable (_ x: Double, _ parts: [Double]) -> Double
  ) -> PlantedNumber {
    PlantedNumber(reading, says, in: "dit_block", at: point) { site in
      let (x, condition) = (site.activations[0], site.activations[1].values)
      let values = x.values.indices.map { offset in
        rule(x.values[offset], (0..<6).map { condition[$0 * x.rowWidth + offset % x.rowWidth] })
      }
      return Tensor(values, shape: x.shape)
    }
  }

  private static let ofConditions: [PlantedNumber] = [
    modulated(
      "multiplied by exp of part 1 instead of 1 + part 1 of the condition", at: "layers/000/ln_1_mod"
    ) { x, parts in x * exp(parts[1]) + parts[0] },
    modulated("part 3 of the condition is taken away instead of added", at: "layers/001/ln_2_mod") {
      x, parts in x * (1 + parts[4]) - parts[3]
    },
    modulated(
      "multiplied by 1 + part 0 instead of 1 + part 1 of the condition, part 2 is added instead of part 0",
      at: "layers/000/ln_1_mod"
    ) { x, parts in x * (1 + parts[0]) + parts[2] },
    modulated("the sigmoid of part 5 instead of part 5", at: "layers/000/mlp_out_gated") { x, parts in
      x / (1 + exp(-parts[5]))
    },
    PlantedNumber(
      "modulation.other", "1 + part 1, by token instead of by unit, instead of 1 + part 1", in: "dit_block",
      at: "layers/000/ln_1_mod"
    ) { site in
      let (x, condition) = (site.activations[0], site.activations[1].values)
      let values = x.values.indices.map { offset in
        let (token, unit) = offset.quotientAndRemainder(dividingBy: 12)
        return x.values[offset] * (1 + condition[12 + token]) + condition[unit]
      }
      return Tensor(values, shape: x.shape)
    },
    modulated(
      "the gate is applied twice", reading: "modulation.applied-twice", at: "layers/000/attn_gated"
    ) { x, parts in x * parts[2] * parts[2] },
    PlantedNumber(
      "sum.gated-otherwise", "the gate multiplies the stream instead of what is added", in: "dit_block",
      at: "layers/000/resid_mid"
    ) { site in
      guard let half = site.activation(Activation("attn_out", in: Activation.Block(0))),
        let parts = site.activation(Activation("cond", in: Activation.Block(0)))
      else { return nil }
      let (x, width) = (site.activations[0], half.rowWidth)
      let values = x.values.indices.map {
        x.values[$0] * parts.values[2 * width + $0 % width] + half.values[$0]
      }
      return Tensor(values, shape: x.shape)
    },
    PlantedNumber(
      "activation.of-other-models", "the nonlinearity is Mish instead of SiLU", in: "dit_block",
      at: "layers/000/cond_act"
    ) { site in
      let x = site.activations[0]
      return Tensor(x.values.map { $0 * tanh(log1p(exp($0))) }, shape: x.shape)
    },
    PlantedNumber(
      "activation.input-times", "its input is multiplied by 0.3", in: "llama", at: "layers/000/mlp_act"
    ) { site in site.evaluated(changing: 0) { $0.values = $0.values.map { 0.3 * $0 } } },
    PlantedNumber(
      "values.through-function", "tanh is applied to the result", in: "llama", at: "layers/000/mlp_out"
    ) { site in site.edited { $0.values = $0.values.map { tanh($0) } } },
    PlantedNumber(
      "values.columns-moved", "columns stand with the halves exchanged", in: "llama", at: "layers/000/ln_1"
    ) { site in
      site.edited { y in
        let (own, half) = (y, y.rowWidth / 2)
        for row in 0..<y.rowCount { y.setRow(row) { own[row, ($0 + half) % (2 * half)] } }
      }
    },
    PlantedNumber(
      "linear.bias-of-other", "the bias is that of layers/001/cond", in: "dit_block", at: "layers/000/cond"
    ) { site in
      let other = site.graph.operation(making: Activation("cond", in: Activation.Block(1)))
      guard let bias = other.flatMap({ site.parameter($0.parameters[1].parameter) }) else { return nil }
      return site.evaluated(changingParameter: 1) { $0 = bias }
    },
    PlantedNumber(
      "operands.in-fewer-bits", "layers/000/cond is rounded to bfloat16 where it is read", in: "dit_block",
      at: "layers/000/ln_1_mod"
    ) { site in site.evaluated(changing: 1) { $0 = NumberFormat.bfloat16.rounded($0) } },
    PlantedNumber(
      "activation.applied-twice", "SiLU is applied twice", in: "dit_block", at: "layers/000/cond_act"
    ) { site in site.evaluated(changing: 0) { $0 = site.evaluated() } },
    PlantedNumber(
      "values.scaled-by-column", "(0.5 to 1.6): a gain, where the norm has none", in: "dit_block",
      at: "layers/000/ln_1"
    ) { site in
      site.edited { y in
        for offset in y.values.indices { y.values[offset] *= 0.5 + 0.1 * Double(offset % y.rowWidth) }
      }
    },
  ]
}
