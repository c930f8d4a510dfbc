import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// Patches that are cut from other places of the picture: from another corner, or at another distance from each other.
struct PatchGrid: Sendable {
  /// Where the first patch begins, and what is due.
  private let first: (top: Int, left: Int)
  /// How far from each other they begin, down and across.
  private let steps: (down: Int, across: Int)
  /// The rows and columns of a patch.
  private let size: (rows: Int, columns: Int)
  /// How many patches there are.
  private let grid: (down: Int, across: Int)

  /// What share of the squared error the places found may leave.
  private static let rest = 1e-2
  /// Outputs by which a place is told.
  private static let outputCount = 3

  var inWords: String {
    var parts: [String] = []
    let isFromBelow = steps.down == -size.rows && first.top == (grid.down - 1) * size.rows
    let isFromRight = steps.across == -size.columns && first.left == (grid.across - 1) * size.columns
    if isFromBelow { parts.append("patches are counted from below") }
    if isFromRight { parts.append("patches are counted from the right") }
    let corner = (top: isFromBelow ? 0 : first.top, left: isFromRight ? 0 : first.left)
    if corner != (0, 0) {
      parts.append("the first patch begins at row \(first.top), column \(first.left) of the picture")
    }
    let own = (isFromBelow ? size.rows : steps.down, isFromRight ? size.columns : steps.across)
    if own != (size.rows, size.columns) {
      parts.append(
        "patches begin every \(counted(own.0, "row")) and \(counted(own.1, "column")) instead of "
          + "\(size.rows) and \(size.columns)")
    }
    return parts.joined(separator: ", ")
  }

  /// The pixel that stands where another is due; 0 outside the picture.
  func pixel(_ x: Tensor<Double>, _ channel: Int, _ row: Int, _ column: Int) -> Double {
    let down = first.top + row / size.rows * steps.down + row % size.rows
    let across = first.left + column / size.columns * steps.across + column % size.columns
    return x.shape[1] > down && down >= 0 && x.shape[2] > across && across >= 0 ? x[channel, down, across] : 0
  }

  /// nil where the patches captured are not cut at equal distances, or are where they are due.
  init?(_ site: FaultSite, _ got: Tensor<Double>) {
    guard let product = PatchProduct(site, got) else { return nil }
    size = (product.extents[1], product.extents[2])
    let (across, count) = (product.across, got.rowCount)
    grid = (count / across, across)
    let places = Self.places(of: [0, across > 1 ? 1 : 0, count > across ? across : 0, count - 1], product)
    guard let places else { return nil }
    first = places[0]
    steps = (
      count > across ? places[2].top - first.top : size.rows,
      across > 1 ? places[1].left - first.left : size.columns
    )
    // The last stands where the others say.
    let last = (top: (count - 1) / across, left: (count - 1) % across)
    guard first != (0, 0) || steps != size,
      places[3] == (first.top + last.top * steps.down, first.left + last.left * steps.across)
    else { return nil }
  }

  /// Where in the picture, or across its edge, some patches are cut; nil where one is cut nowhere.
  private static func places(of patches: [Int], _ product: PatchProduct) -> [(top: Int, left: Int)]? {
    let outputs = Array(0..<min(outputCount, product.got.rowWidth))
    let (rows, columns) = (product.extents[1], product.extents[2])
    var best = patches.map { (place: product.corner(of: $0), rest: Double.infinity) }
    for top in 1 - rows..<product.x.shape[1] {
      for left in 1 - columns..<product.x.shape[2] {
        let made = outputs.map { product.product($0, at: top, left) }
        for (index, patch) in patches.enumerated() {
          let rest = outputs.reduce(0) { sum, output in
            let difference = made[output] - product.product(patch, output)
            return sum + difference * difference
          }
          if rest < best[index].rest { best[index] = ((top, left), rest) }
        }
      }
    }
    let isFound = zip(best, patches).allSatisfy { best, patch in
      let (top, left) = product.corner(of: patch)
      let whole = outputs.reduce(0.0) { sum, output in
        let difference = product.product(output, at: top, left) - product.product(patch, output)
        return sum + difference * difference
      }
      return best.place == (top, left) || best.rest <= Self.rest * whole
    }
    return isFound ? best.map(\.place) : nil
  }
}

extension PatchProduct {
  /// The product of one output's filter with the pixels at a place, 0 outside the picture.
  fileprivate func product(_ output: Int, at top: Int, _ left: Int) -> Double {
    var sum = 0.0
    let (rows, columns) = (
      max(0, -top)..<min(extents[1], x.shape[1] - top), max(0, -left)..<min(extents[2], x.shape[2] - left)
    )
    for channel in 0..<extents[0] {
      for row in rows {
        for column in columns {
          sum += weight(output, channel, row, column) * pixel(channel, top + row, left + column)
        }
      }
    }
    return sum
  }
}
