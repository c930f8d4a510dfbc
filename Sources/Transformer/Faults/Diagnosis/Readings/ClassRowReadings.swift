import TouchstoneGraph
import TouchstoneModel

extension ClassRow {
  static let readings: [Reading] = [
    Reading("class-row.other-rows", .embedding, of: ClassRow.self) { _, site, got in
      TokenRows(site, got).map { rows in [Reading.Guess(rows.inWords) { rows.value(of: $0) }] } ?? []
    }
  ]
}

/// What stands in the rows of tokens where a learned row and then the patches are due.
private struct TokenRows: Sendable {
  private enum Row: Hashable, Sendable {
    case learned, zero, mean
    case patch(Int)
    /// A patch and the learned row besides.
    case sum(Int)

    func inWords() -> String {
      switch self {
      case .learned: "the learned row"
      case .zero: "0"
      case .mean: "the mean of the patches"
      case .patch(let patch): "patch \(patch)"
      case .sum(let patch): "patch \(patch) plus the learned row"
      }
    }
  }

  private let rows: [Row]

  /// How near a row must be, of what is wrong.
  private static let rest = 0.02

  /// nil where a row is none of these, or all are those due.
  init?(_ site: FaultSite, _ got: Tensor<Double>) {
    let want = site.evaluated()
    guard got.shape == want.shape, got.values.allSatisfy(\.isFinite) else { return nil }
    let patches = site.activations[0].rowCount
    let scale = want.greatestMagnitude
    var rows: [Row] = []
    for index in 0..<got.rowCount {
      let own: Row = index == 0 ? .learned : .patch(index - 1)
      let near = [index - 1, index, index - 2].filter((0..<patches).contains)
      let others = near + (0..<patches).filter { !near.contains($0) }
      let possible = [own, .learned, .zero, .mean] + others.flatMap { [Row.patch($0), .sum($0)] }
      let found = possible.first { row in
        zip(got.row(index), Self.values(of: row, site)).allSatisfy {
          abs($0 - $1) <= Self.rest * 1e-2 * scale
        }
      }
      guard let found else { return nil }
      rows.append(found)
    }
    guard rows.enumerated().contains(where: { $1 != ($0 == 0 ? .learned : .patch($0 - 1)) }) else {
      return nil
    }
    self.rows = rows
  }

  private static func values(of row: Row, _ site: FaultSite) -> [Double] {
    let (x, learned) = (site.activations[0], site.parameters[0].values)
    switch row {
    case .learned: return learned
    case .zero: return [Double](repeating: 0, count: x.rowWidth)
    case .mean:
      return (0..<x.rowWidth).map { column in
        (0..<x.rowCount).reduce(0) { $0 + x[$1, column] } / Double(x.rowCount)
      }
    case .patch(let patch): return Array(x.row(patch))
    case .sum(let patch): return zip(x.row(patch), learned).map { $0 + $1 }
    }
  }

  func value(of site: FaultSite) -> Tensor<Double>? {
    guard rows.count == site.activations[0].rowCount + 1 else { return nil }
    return Tensor(
      rows.flatMap { Self.values(of: $0, site) }, shape: [rows.count, site.activations[0].rowWidth])
  }

  var inWords: String {
    let wrong = rows.indices.filter { rows[$0] != ($0 == 0 ? .learned : .patch($0 - 1)) }
    let added = wrong.filter { $0 > 0 && rows[$0] == .sum($0 - 1) }
    var parts: [String] = []
    if added.count > 1 {
      let isAll = added.count == rows.count - 1
      parts.append(
        "the learned row is added to \(isAll ? "every patch" : "patches \(runs(added.map { $0 - 1 }))")")
    }
    let others = wrong.filter { added.count < 2 || !added.contains($0) }
    let greatestCount = 4
    parts += others.prefix(greatestCount).map { index in
      "\(rows[index].inWords()) stands in the place of \(index == 0 ? "the learned row" : "patch \(index - 1)")"
    }
    return parts.joined(separator: ", ") + (others.count > greatestCount ? ", …" : "")
  }
}
