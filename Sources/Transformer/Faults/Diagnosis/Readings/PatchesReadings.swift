import TouchstoneGraph
import TouchstoneModel

extension Patches {
  static let readings: [Reading] = [
    Reading("patches.other-order", .embedding, of: Patches.self) { _, site, got in
      guard let product = PatchProduct(site, got) else { return [] }
      return PixelOrder.all(of: product.x.shape).filter { order in
        product.mayBe(
          pixel: { product.pixel(order.source([$0, $1, $2], product.x.shape)) }, weight: product.weight)
      }.prefix(2).map { order in
        Reading.Guess(order.inWords) { site in
          let x = site.activations[0]
          return site.patches { channel, row, column in
            let from = order.source([channel, row, column], x.shape)
            return x[from[0], from[1], from[2]]
          }
        }
      }
    },
    Reading("patches.filters-in-other-order", .weights, of: Patches.self) { _, site, got in
      guard let product = PatchProduct(site, got) else { return [] }
      return FilterOrder.all.filter { order in
        product.mayBe(pixel: product.pixel) {
          product.filters.values[order.offset([$0, $1, $2, $3], product.filters.shape)]
        }
      }.prefix(2).map { order in
        Reading.Guess(order.inWords) { site in
          site.evaluated(changingParameter: 0) { filters in
            let own = filters
            filters.values = own.values.indices.map { place in
              own.values[order.offset(own.index(of: place), own.shape)]
            }
          }
        }
      }
    },
    Reading("patches.scaled-pixels", .embedding, of: Patches.self) { _, site, got in
      PixelScales.found(site, got).map { scales in
        Reading.Guess(
          scales.inWords, numbers: scales.numberCount, granting: Fault.Grants(factor: scales.growth)
        ) { site in
          let x = site.activations[0]
          return site.patches { channel, row, column in
            scales.changed({ x[$0, row, column] }, channel)
          }
        }
      }
    },
    Reading("patches.cut-elsewhere", .embedding, of: Patches.self) { _, site, got in
      guard let grid = PatchGrid(site, got) else { return [] }
      return [
        Reading.Guess(grid.inWords) { site in site.patches { grid.pixel(site.activations[0], $0, $1, $2) } }
      ]
    },
  ]
}

extension PatchProduct {
  fileprivate func pixel(_ index: [Int]) -> Double { x[index[0], index[1], index[2]] }
}

/// Which pixel is taken for which: an array that is read in another order of axes, turned round along some of them, or whose
/// channels are others.
private struct PixelOrder: Sendable {
  /// nil where axes are in their order.
  var misreading: Misreading?
  /// Along which axes it is turned round.
  var flipped = [false, false, false]
  /// Which channel stands for which.
  var channels: [Int]

  /// Channels are told apart where they are few.
  private static let greatestChannelCount = 4
  private static let names = ["channel", "row", "column"]

  static func all(of shape: [Int]) -> [PixelOrder] {
    let count = shape[0]
    let own = Array(0..<count)
    let flips = (1..<8).map { bits in (0..<3).map { bits >> $0 & 1 == 1 } }
    let turned = flips.map { PixelOrder(flipped: $0, channels: own) }
    let read = Misreading.all.flatMap { misreading in
      ([[false, false, false]] + flips).map {
        PixelOrder(misreading: misreading, flipped: $0, channels: own)
      }
    }
    guard count <= greatestChannelCount else { return turned + read }
    let ways = (0..<count).reduce(1) { ways, _ in ways * count }
    let others = (0..<ways).map { way in
      PixelOrder(channels: own.map { place in (0..<place).reduce(way) { rest, _ in rest / count } % count })
    }
    return turned + others.filter { $0.channels != own } + read
  }

  /// The pixel that is taken for one, both as channel, row and column.
  func source(_ index: [Int], _ shape: [Int]) -> [Int] {
    var index = index
    index[0] = channels[index[0]]
    for axis in index.indices where flipped[axis] { index[axis] = shape[axis] - 1 - index[axis] }
    return misreading?.source(index, shape) ?? index
  }

  var inWords: String {
    var parts: [String] = []
    if let misreading { parts.append("of the picture " + misreading.inWords(Self.names)) }
    if channels != Array(channels.indices) {
      parts.append("channels \(words(channels)) are read for \(words(Array(channels.indices)))")
    }
    if flipped[0] { parts.append("channels are in reverse order") }
    if flipped[1], flipped[2] {
      parts.append("the picture is turned by half a turn")
    } else if flipped[1] {
      parts.append("the picture stands on its head")
    } else if flipped[2] {
      parts.append("left and right are exchanged")
    }
    return parts.joined(separator: ", ")
  }
}

/// Filters that are stored in one order of axes and read in another, or turned round along rows or columns besides.
private struct FilterOrder: Sendable {
  let misreading: Misreading
  let flipped: [Bool]

  private static let names = ["out", "in", "height", "width"]

  /// A file in the order that is due, read in another; then a file in another, read in that which is due.
  static let all: [FilterOrder] = {
    let orders = AxisOrder.all(of: names.count)
    let others = orders.dropFirst()
    let readings =
      others.map { Misreading(written: orders[0], read: $0) }
      + others.map { Misreading(written: $0, read: orders[0]) }
    let flips = [(false, false), (true, true), (true, false), (false, true)]
    return flips.flatMap { rows, columns in
      readings.map { FilterOrder(misreading: $0, flipped: [false, false, rows, columns]) }
    }
  }()

  /// Where the number stands that is taken for one: output, input, row and column.
  func offset(_ index: [Int], _ shape: [Int]) -> Int {
    let turned = index.indices.map { flipped[$0] ? shape[$0] - 1 - index[$0] : index[$0] }
    return misreading.source(turned, shape).enumerated().reduce(0) { $0 * shape[$1.offset] + $1.element }
  }

  var inWords: String {
    let turned = ["", ", and from below", ", and from the right", ", and turned round"]
    return "of the filters " + misreading.inWords(Self.names)
      + turned[(flipped[2] ? 1 : 0) + (flipped[3] ? 2 : 0)]
  }
}
