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

/// What may stand for a sequence: one of its rows or the mean of some, as they are or as they were before their norm.
private struct PooledRow: Sendable {
  private let rows: [Int]
  /// What is read; nil for what is due.
  private let source: Activation?
  private let inWordsOfRows: String

  var inWords: String { inWordsOfRows + (source.map { " of \($0), before the norm" } ?? "") }

  /// How near it must be, of the greatest magnitude.
  private static let rest = 1e-4

  /// Those of what is due, then those of what the norm before it reads.
  static func all(_ own: PickedRow, _ site: FaultSite) -> [PooledRow] {
    let count = site.activations[0].rowCount
    let due = own.rule.token(of: site.inputs.sequenceIDs)
    let seen = site.inputs.attentionMask.map { mask in mask.indices.filter { mask[$0] } } ?? []
    let runs = [0..<count, 1..<count, 0..<count - 1, 1..<count - 1].filter { $0.count > 1 }
    let means =
      (seen.count == count ? [] : [(seen, "the rows that are seen")])
      + runs.map { run in
        (Array(run), run.count == count ? "all rows" : "rows \(run.lowerBound) to \(run.upperBound - 1)")
      }
    let sources =
      [nil] + [site.graph.norm(readBy: site.operation)?.inputs.first].compactMap { $0.map(Optional.some) }
    return sources.flatMap { source -> [PooledRow] in
      let singles = (0..<count).filter { $0 != due }.map {
        PooledRow(rows: [$0], source: source, inWordsOfRows: "row \($0) is picked instead of row \(due)")
      }
      let own = PooledRow(rows: [due], source: source, inWordsOfRows: "row \(due) is picked")
      return (source == nil ? [] : [own]) + singles
        + means.filter { !$0.0.isEmpty }.map { rows, name in
          PooledRow(rows: rows, source: source, inWordsOfRows: "the mean of \(name) is taken")
        }
    }
  }

  func value(in site: FaultSite) -> Tensor<Double>? {
    guard let x = source.map(site.activation) ?? site.activations[0],
      rows.allSatisfy((0..<x.rowCount).contains)
    else { return nil }
    let mean = (0..<x.rowWidth).map { column in
      rows.reduce(0) { $0 + x[$1, column] } / Double(rows.count)
    }
    return Tensor(mean, shape: [1, x.rowWidth])
  }

  func isNear(_ got: Tensor<Double>, in site: FaultSite) -> Bool {
    guard let value = value(in: site), value.shape == got.shape else { return false }
    return zip(value.values, got.values).allSatisfy { abs($0 - $1) <= Self.rest * got.greatestMagnitude }
  }
}
