import TouchstoneGraph
import TouchstoneModel

/// Positions of a grid of patches that are interpolated though the grid is of its own size: by a factor that is not 1.
///
/// A common guard against rounding a size down makes the grid greater by a tenth of a patch, so that the factor is n/(n + 0.1).
struct GridResampling: Sendable {
  /// What lies between rows of the table.
  private enum Kernel: CaseIterable, Sendable {
    case linear, cubic, softCubic

    var inWords: String { self == .linear ? "linearly" : "cubically" }

    /// The weights of neighbours, the first of which is `first` before the place.
    func weights(at part: Double) -> (first: Int, [Double]) {
      if self == .linear { return (0, [1 - part, part]) }
      let a = self == .cubic ? -0.75 : -0.5
      func near(_ t: Double) -> Double { ((a + 2) * t - (a + 3)) * t * t + 1 }
      func far(_ t: Double) -> Double { a * (((t - 5) * t + 8) * t - 4) }
      return (-1, [far(1 + part), near(part), near(1 - part), far(2 - part)])
    }
  }

  private let kernel: Kernel
  /// By how much the grid is held to be greater, in patches.
  private let excess: Double
  private let rows: Int
  private let columns: Int

  /// What share of the squared error may be left.
  private static let rest = 1e-2
  private static let greatestExcess = 2.0

  var inWords: String {
    "positions are interpolated \(kernel.inWords), as if for a grid of \(words(Double(rows) + excess)) by "
      + "\(words(Double(columns) + excess)) patches, though the grid is their own"
  }

  static func found(_ site: FaultSite, _ got: Tensor<Double>) -> [GridResampling] {
    guard let embedding = site.operation.kind.payload as? Embedding, embedding.ids.own == .positionIDs,
      let cut = site.graph.operations.first(where: { $0.kind.payload is Patches }),
      let picture = site.graph.shape(of: cut.inputs[0], tokenCount: 1),
      let filters = cut.parameters.first?.parameter.shape
    else { return [] }
    let (rows, columns) = (picture[1] / filters[2], picture[2] / filters[3])
    guard rows * columns > 1, rows * columns <= got.rowCount, got.values.allSatisfy(\.isFinite) else {
      return []
    }
    let want = site.evaluated()
    // The last rows are those that are moved farthest.
    let tokens = Set(
      stride(from: got.rowCount - 1, to: got.rowCount - rows * columns, by: -max(1, columns - 1)).prefix(6))
    let width = min(16, got.rowWidth)
    func rest(_ value: (Int, Int) -> Double) -> Double {
      tokens.reduce(0) { sum, token in
        (0..<width).reduce(sum) { sum, column in
          let difference = value(token, column) - got[token, column]
          return sum + difference * difference
        }
      }
    }
    let whole = rest { want[$0, $1] }
    return Kernel.allCases.compactMap { kernel -> GridResampling? in
      func resampling(_ excess: Double) -> GridResampling {
        GridResampling(kernel: kernel, excess: excess, rows: rows, columns: columns)
      }
      func left(_ excess: Double) -> Double {
        let resampling = resampling(excess)
        return rest { resampling.value(of: want, $0, $1) }
      }
      let step = 0.025
      let tried = stride(from: -0.9, through: greatestExcess, by: step).filter { abs($0) > step / 2 }
      guard var best = tried.min(by: { left($0) < left($1) }) else { return nil }
      var size = step / 2
      while size > 1e-9 {
        best = [best - size, best, best + size].min { left($0) < left($1) } ?? best
        size /= 2
      }
      let plain = plainNumbers(near: best).first { abs($0 - best) < 1e-4 } ?? best
      return left(plain) <= Self.rest * whole ? resampling(plain) : nil
    }
  }

  func value(of site: FaultSite) -> Tensor<Double>? {
    let own = site.evaluated()
    guard own.rowCount >= rows * columns else { return nil }
    return site.edited { y in
      for token in own.rowCount - rows * columns..<own.rowCount {
        for column in 0..<own.rowWidth { y[token, column] = value(of: own, token, column) }
      }
    }
  }

  /// One element, of rows of which the last are those of the grid.
  private func value(of own: Tensor<Double>, _ token: Int, _ unit: Int) -> Double {
    let first = own.rowCount - rows * columns
    guard token >= first else { return own[token, unit] }
    let (down, across) = (
      neighbours((token - first) / columns, rows), neighbours((token - first) % columns, columns)
    )
    return down.reduce(0) { sum, row in
      across.reduce(sum) { $0 + row.weight * $1.weight * own[first + row.place * columns + $1.place, unit] }
    }
  }

  /// What stands for one place along an axis.
  private func neighbours(_ place: Int, _ count: Int) -> [(place: Int, weight: Double)] {
    let exact = (Double(place) + 0.5) * Double(count) / (Double(count) + excess) - 0.5
    let at = kernel == .linear ? min(max(exact, 0), Double(count - 1)) : exact
    let low = at.rounded(.down)
    let (first, weights) = kernel.weights(at: at - low)
    return weights.enumerated().map { offset, weight in
      (min(max(Int(low) + first + offset, 0), count - 1), weight)
    }
  }
}
