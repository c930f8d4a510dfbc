import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// A norm with statistics of other numbers, or with its parameters in another order.
  static let normStatistics: [Reading] = [
    Reading("norm.other-statistics", .layerNorm, at: .norms) { site, got in
      NormStatistics.found(site, got).map { statistics in
        Guess(statistics.inWords) { site in statistics.value(of: site) }
      }
    },
    Reading("norm.parameters-moved", .layerNorm, at: .norms) { site, _ in
      guard site.norm != nil, let width = site.parameters.first?.count, width > 2 else { return [] }
      return site.parameters.indices.flatMap { index in
        [-8, -4, -3, -2, -1, 1, 2, 3, 4, 8].map { shift in
          let name = index == 0 ? "weight" : "bias"
          return Guess("the norm's \(name) is moved by \(shift)") { site in
            site.evaluated(changingParameter: index) { parameter in
              let own = parameter.values
              for place in own.indices {
                parameter.values[place] = own[((place - shift) % width + width) % width]
              }
            }
          }
        }
      }
    },
    Reading("linear.bias-moved", .bias, at: .projections) { site, got in
      let count = site.parameters[1].count
      guard count > 2, let own = site.operation.kind.payload as? Linear,
        let product = ReadProduct(own, site, got), let bias = product.bias
      else { return [] }
      return [-8, -4, -3, -2, -1, 1, 2, 3, 4, 8].filter { shift in
        // The bias may be a part of one that several products share.
        count != product.outputs || product.mayBe { bias[(($0 - shift) % count + count) % count] }
      }.map { shift in
        Guess("the bias is moved by \(shift)") { site in
          site.evaluated(changingParameter: 1) { bias in
            let own = bias.values
            for place in own.indices { bias.values[place] = own[((place - shift) % count + count) % count] }
          }
        }
      }
    },
  ]
}

/// Which numbers the mean and the deviation of a row are those of.
enum NormStatistics: Sendable {
  /// The first columns of the row.
  case prefix(Int)
  /// The last ones.
  case suffix(Int)
  /// The first columns by themselves, and the others.
  case parts(Int)
  /// Each run of so many columns by itself.
  case groups(Int)
  /// Those of another row, so many before.
  case rowBefore(Int)
  /// Of the first row for all.
  case firstRow
  /// Of all rows together.
  case allRows

  var inWords: String {
    switch self {
    case .prefix(let count): "the statistics are those of the first \(count) columns"
    case .suffix(let count): "the statistics are those of the last \(count) columns"
    case .parts(let count): "the first \(count) columns are normalised by themselves, and the others"
    case .groups(let count): "every \(count) columns are normalised by themselves"
    case .rowBefore(let count):
      "each row has the statistics of \(count == 1 ? "the row" : "\(count) rows") before"
    case .firstRow: "every row has the statistics of the first"
    case .allRows: "all rows together have one set of statistics"
    }
  }

  static func found(_ site: FaultSite, _ got: Tensor<Double>) -> [NormStatisticsOfRow] {
    guard let norm = site.norm, !norm.isJoined, got.values.allSatisfy(\.isFinite) else { return [] }
    let width = got.rowWidth
    let all: [NormStatistics] =
      (1..<width).flatMap { [.prefix($0), .suffix($0)] } + (1..<width).flatMap { [.groups($0), .parts($0)] }
      + [.rowBefore(1), .rowBefore(2), .firstRow, .allRows]
    let rows = Set(site.wrongPlaces.map { $0 / width }).sorted().suffix(3)
    let want = site.evaluated()
    let whole = rows.reduce(0.0) { sum, row in
      zip(got.row(row), want.row(row)).reduce(sum) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let ways = all.flatMap { statistics in
      [true, false].map { NormStatisticsOfRow(statistics: statistics, isMeanTaken: $0) }
    }
    let tried = ways.map { way in
      let rest = rows.reduce(0.0) { sum, row in
        zip(way.row(row, of: site), got.row(row)).reduce(sum) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      }
      return (way: way, rest: rest)
    }
    return nearest(tried, of: whole)
  }
}

/// Statistics of other numbers, of which the mean may be the row's own.
struct NormStatisticsOfRow: Sendable {
  let statistics: NormStatistics
  let isMeanTaken: Bool

  var inWords: String { statistics.inWords + (isMeanTaken ? "" : ", the mean is the row's own") }

  /// One row of the output.
  func row(_ index: Int, of site: FaultSite) -> [Double] {
    guard let norm = site.norm else { return [] }
    let x = site.activations[0]
    let own = Array(x.row(index))
    func statistics(_ values: [Double]) -> (mean: Double, scale: Double) {
      let row = NormRow(values: values, subtractsMean: norm.subtractsMean)
      return (row.mean, 1 / (row.variance + norm.epsilon).squareRoot())
    }
    let ofRow = statistics(own).mean
    let found: (Int) -> (mean: Double, scale: Double)
    switch self.statistics {
    case .prefix(let count):
      let one = statistics(Array(own.prefix(count)))
      found = { _ in one }
    case .suffix(let count):
      let one = statistics(Array(own.suffix(count)))
      found = { _ in one }
    case .groups(let count):
      let groups = stride(from: 0, to: own.count, by: count).map {
        statistics(Array(own[$0..<min($0 + count, own.count)]))
      }
      found = { groups[$0 / count] }
    case .parts(let count):
      let parts = [statistics(Array(own.prefix(count))), statistics(Array(own.dropFirst(count)))]
      found = { parts[$0 < count ? 0 : 1] }
    case .rowBefore(let count):
      let one = statistics(Array(x.row(max(index - count, 0))))
      found = { _ in one }
    case .firstRow:
      let one = statistics(Array(x.row(0)))
      found = { _ in one }
    case .allRows:
      let variance = (0..<x.rowCount).reduce(0) { sum, row in
        sum + NormRow(values: Array(x.row(row)), subtractsMean: norm.subtractsMean).variance
          / Double(x.rowCount)
      }
      let scale = 1 / (variance + norm.epsilon).squareRoot()
      found = { _ in (ofRow, scale) }
    }
    let (gain, bias) = (site.site.operands.parameters.first, site.site.operands.parameters.dropFirst().first)
    return own.enumerated().map { column, value in
      let (mean, scale) = found(column)
      var y = (value - (isMeanTaken ? mean : ofRow)) * scale
      if let gain { y *= norm.offset + gain[column] }
      if let bias { y += bias[column] }
      return y
    }
  }

  func value(of site: FaultSite) -> Tensor<Double> {
    let x = site.activations[0]
    return Tensor((0..<x.rowCount).flatMap { row($0, of: site) }, shape: x.shape)
  }
}
