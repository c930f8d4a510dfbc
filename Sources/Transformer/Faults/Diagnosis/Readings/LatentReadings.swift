import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension RMSNorm {
  /// Numbers beside those that are normalised, which count in their mean square.
  static let readings: [Reading] = [
    Reading("norm.over-more", .layerNorm, of: RMSNorm.self) { own, site, _ in
      guard !own.isJoined, let source = site.graph.source(of: site.operation),
        let view = source.parameters.first
      else {
        return []
      }
      let beside = site.graph.operations.filter {
        $0.output != source.output && $0.parameters.first?.parameter == view.parameter
          && $0.inputs == source.inputs
      }
      return beside.map { other in
        Reading.Guess("the mean square is that of \(source.output) and \(other.output) together") { site in
          guard let more = site.activation(other.output) else { return nil }
          let x = site.activations[0]
          guard more.count.isMultiple(of: max(x.rowCount, 1)), more.rowCount == x.rowCount else { return nil }
          return site.edited { y in
            for row in 0..<x.rowCount {
              let square = x.row(row).reduce(0) { $0 + $1 * $1 }
              let all = more.row(row).reduce(square) { $0 + $1 * $1 }
              let mean = square / Double(x.rowWidth)
              let joint = all / Double(x.rowWidth + more.rowWidth)
              let factor = ((mean + own.epsilon) / (joint + own.epsilon)).squareRoot()
              for column in 0..<y.rowWidth { y[row, column] *= factor }
            }
          }
        }
      }
    }
  ]
}

extension JoinedColumns {
  /// Columns that are multiplied before they are joined.
  static let readings: [Reading] = [
    Reading("joined.times", .wiring, of: JoinedColumns.self) { own, site, got in
      let (left, right) = (site.activations[0].rowWidth, site.activations[1].rowWidth)
      let want = site.evaluated()
      guard got.rowWidth == left + right else { return [] }
      return [(0, 0..<left, "a head's own columns"), (1, left..<left + right, "the shared columns")].flatMap {
        index, columns, name -> [Reading.Guess] in
        let places = want.values.indices.filter { columns.contains($0 % want.rowWidth) }
        guard let read = quotient(of: places.map { got.values[$0] }, on: places.map { want.values[$0] }),
          read != 0
        else { return [] }
        return Reading.factors(near: read).map { factorName, factor in
          Reading.Guess("\(name) are multiplied by \(factorName)", numbers: 1) { site in
            site.evaluated(changing: index) { $0.values = $0.values.map { $0 * factor } }
          }
        }
      }
    }
  ]
}

extension Rotate {
  /// Pairs that are taken from, or put to, other columns.
  static let readings: [Reading] = [
    Reading("rotary.other-places", .embedding, of: Rotate.self) { own, _, _ in
      let names: [(Style, String)] = [
        (.half, "halves are paired"), (.interleaved, "neighbours are paired, and stay where they stand"),
        (.interleavedToHalf, "neighbours are paired, and put out as halves"),
      ]
      return names.filter { $0.0 != own.style }.map { style, name in
        // Scores are the same where queries and keys are put out alike.
        let isOrder = style != .half && own.style != .half
        return Reading.Guess(name + (isOrder ? ": scores are the same where queries and keys both are" : ""))
        { site in
          site.evaluated(
            as: Rotate(
              width: own.width, first: own.first, style: style, frequencies: own.frequencies,
              magnitude: own.magnitude, isTransposed: own.isTransposed))
        }
      }
    }
  ]
}
