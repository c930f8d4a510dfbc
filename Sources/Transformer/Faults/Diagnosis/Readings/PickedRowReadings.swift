import TouchstoneGraph
import TouchstoneModel

extension PickedRow {
  static let readings: [Reading] = [
    Reading("pooling.other", .wiring, of: PickedRow.self) { own, site, got in
      PooledRow.all(own, site).filter { $0.isNear(got, in: site) }.prefix(2).map { pooled in
        Reading.Guess(pooled.inWords) { pooled.value(in: $0) }
      }
    }
  ]
}

/// What may stand for a sequence: one of its rows, or the mean or sum of some, of what is due, of what its norm reads, or of
/// another layer's stream.
private struct PooledRow: Sendable {
  private let rows: [Int]
  /// What the rows are divided by once they are added up.
  private let divisor: Double
  /// What is read; nil for what is due.
  private let source: Activation?
  private let inWordsOfRows: String

  var inWords: String { inWordsOfRows + (source.map { " of \($0)" } ?? "") }

  /// How near it must be, of the greatest magnitude.
  private static let rest = 1e-4

  private init(_ rows: [Int], of source: Activation?, by divisor: Double = 1, _ words: String) {
    (self.rows, self.source, self.divisor, inWordsOfRows) = (rows, source, divisor, words)
  }

  /// Those of what is due, then those of what the norm before it reads, and of the streams before that.
  static func all(_ own: PickedRow, _ site: FaultSite) -> [PooledRow] {
    let count = site.activations[0].rowCount
    let due = own.rule.token(of: site.inputs.sequenceIDs)
    let seen = site.inputs.attentionMask.map { mask in mask.indices.filter { mask[$0] } } ?? []
    let runs = [0..<count, 1..<count, 0..<count - 1, 1..<count - 1].filter { $0.count > 1 }
    let several =
      (seen.count == count || seen.isEmpty ? [] : [(seen, "the rows that are seen")])
      + runs.map { run in
        (Array(run), run.count == count ? "all rows" : "rows \(run.lowerBound) to \(run.upperBound - 1)")
      }
    let read = site.operation.inputs[0]
    let streams = site.graph.operations.map(\.output).filter { other in
      other != read && (other.block == nil ? site.graph.axes(of: other) == site.graph.axes(of: read) : true)
        && other != site.operation.output && site.graph.axes(of: other)?.first == .token
    }
    let sources = [nil] + streams.reversed().map(Optional.some)
    return sources.flatMap { source -> [PooledRow] in
      let singles = (0..<count).filter { $0 != due }.map {
        PooledRow([$0], of: source, "row \($0) is picked instead of row \(due)")
      }
      let own = PooledRow([due], of: source, "row \(due) is picked")
      let together = several.flatMap { rows, name in
        [
          PooledRow(rows, of: source, by: Double(rows.count), "the mean of \(name) is taken"),
          PooledRow(rows, of: source, "the sum of \(name) is taken"),
        ]
      }
      return (source == nil ? [] : [own]) + (source == nil ? singles : []) + together
    }
  }

  func value(in site: FaultSite) -> Tensor<Double>? {
    guard let x = source.map(site.activation) ?? site.activations[0],
      rows.allSatisfy((0..<x.rowCount).contains)
    else { return nil }
    let values = (0..<x.rowWidth).map { column in
      rows.reduce(0) { $0 + x[$1, column] } / divisor
    }
    return Tensor(values, shape: [1, x.rowWidth])
  }

  func isNear(_ got: Tensor<Double>, in site: FaultSite) -> Bool {
    guard let value = value(in: site), value.shape == got.shape else { return false }
    return zip(value.values, got.values).allSatisfy { abs($0 - $1) <= Self.rest * got.greatestMagnitude }
  }
}
