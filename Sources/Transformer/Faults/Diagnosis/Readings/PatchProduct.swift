import TouchstoneGraph
import TouchstoneModel

/// A product of patches with filters as readings look at it: a few elements, each of which is computed at once from whatever
/// pixels and filters are said.
struct PatchProduct {
  /// The pixels: [channels, height, width].
  let x: Tensor<Double>
  /// [D, channels, p, q].
  let filters: Tensor<Double>
  private let bias: ParameterValues<Double>?
  let got: Tensor<Double>
  private let want: Tensor<Double>
  /// Elements as patch and output: those that are farthest off.
  private let elements: [(patch: Int, output: Int)]

  /// Filters of a patch: channels, rows and columns.
  var extents: [Int] { Array(filters.shape[1...]) }
  /// How many patches stand side by side.
  var across: Int { x.shape[2] / extents[2] }

  private static let probeCount = 24
  /// What share of an error an explanation may leave.
  private static let rest = 0.1

  /// nil where what was captured is not finite, or right.
  init?(_ site: FaultSite, _ got: Tensor<Double>) {
    let want = site.evaluated()
    guard got.shape == want.shape, got.values.allSatisfy(\.isFinite), !site.wrongPlaces.isEmpty else {
      return nil
    }
    (x, filters) = (site.activations[0], site.parameters[0])
    bias = site.site.operands.parameters.dropFirst().first
    (self.got, self.want) = (got, want)
    func error(_ place: Int) -> Double { abs(got.values[place] - want.values[place]) }
    let width = got.rowWidth
    // Of each patch the farthest, so that no part of the picture is left out.
    let farthest = Dictionary(grouping: site.wrongPlaces) { $0 / width }.values.compactMap { places in
      places.max { error($0) < error($1) }
    }
    elements = farthest.sorted { (error($0), $0) > (error($1), $1) }.prefix(Self.probeCount).map {
      ($0 / width, $0 % width)
    }
  }

  /// The captured element without its bias.
  func product(_ patch: Int, _ output: Int) -> Double { got[patch, output] - (bias?[output] ?? 0) }

  /// Where the first pixel of a patch stands.
  func corner(of patch: Int) -> (top: Int, left: Int) {
    (patch / across * extents[1], patch % across * extents[2])
  }

  /// Whether other pixels, or other filters, give nearly what was captured where it is farthest off.
  ///
  /// - Parameters:
  ///   - pixel: at a channel, a row and a column of the picture.
  ///   - weight: of an output, a channel, a row and a column of a patch.
  func mayBe(pixel: (Int, Int, Int) -> Double, weight: (Int, Int, Int, Int) -> Double) -> Bool {
    elements.allSatisfy { patch, output in
      let (top, left) = corner(of: patch)
      var sum = 0.0
      for channel in 0..<extents[0] {
        for row in 0..<extents[1] {
          for column in 0..<extents[2] {
            sum += weight(output, channel, row, column) * pixel(channel, top + row, left + column)
          }
        }
      }
      let error = abs(got[patch, output] - want[patch, output])
      return abs(sum - product(patch, output)) <= Self.rest * error
    }
  }

  func pixel(_ channel: Int, _ row: Int, _ column: Int) -> Double { x[channel, row, column] }

  func weight(_ output: Int, _ channel: Int, _ row: Int, _ column: Int) -> Double {
    filters.values[((output * extents[0] + channel) * extents[1] + row) * extents[2] + column]
  }
}

extension FaultSite {
  /// Patches of another picture of the same shape.
  func patches(of pixel: (Int, Int, Int) -> Double) -> Tensor<Double> {
    evaluated(changing: 0) { x in
      let shape = x.shape
      x.values = x.values.indices.map { offset in
        pixel(offset / shape[2] / shape[1], offset / shape[2] % shape[1], offset % shape[2])
      }
    }
  }
}
