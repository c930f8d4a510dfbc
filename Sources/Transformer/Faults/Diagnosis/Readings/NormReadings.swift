import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Reading {
  /// A norm with another ε, or with something added to its gains.
  static let norms: [Reading] = [
    Reading("norm.other-epsilon", .layerNorm, at: .norms) { site, got in
      guard let own = site.norm, let read = site.epsilon(read: got) else { return [] }
      return ([0] + plainNumbers(near: max(read, 0))).map { epsilon in
        Guess("ε is \(words(epsilon)) instead of \(words(own.epsilon))", numbers: 1) { site in
          site.norm.map { site.evaluated(as: $0.with(epsilon: epsilon)) }
        }
      }
    },
    Reading("norm.gains-shifted", .layerNorm, at: .norms) { site, got in
      guard let bare = site.bareRows(), !site.parameters.isEmpty,
        let read = quotient(of: zip(got.values, site.evaluated().values).map { $0 - $1 }, on: bare.values)
      else { return [] }
      return plainNumbers(near: read).map { shift in
        Guess("\(words(shift)) is added to the norm's weight", numbers: 1) { site in
          site.edited { $0.values = zip($0.values, bare.values).map { $0 + shift * $1 } }
        }
      }
    },
    // Rows that vary alike do not tell another ε from this.
    Reading("norm.scaled", .layerNorm, at: .norms) { site, got in
      guard let read = quotient(of: got.values, on: site.evaluated().values) else { return [] }
      return plainNumbers(near: read).map { factor in
        Guess("what the norm gives is multiplied by \(words(factor))", numbers: 1) { site in
          site.edited { $0.values = $0.values.map { $0 * factor } }
        }
      }
    },
  ]
}

extension FaultSite {
  /// ε of a norm by the row that has the least variance, of which it tells the most; nil where no row tells of it.
  fileprivate func epsilon(read got: Tensor<Double>) -> Double? {
    guard let norm else { return nil }
    var variances: [Double] = []
    let bare = bareRows(by: { row, _, epsilon in
      variances.append(row.variance)
      return row.scaled(1 / (row.variance + epsilon).squareRoot())
    })
    guard let bare, let gained = withGains(bare, shifted: false), let whole = withGains(bare) else {
      return nil
    }
    let groups = norm.isJoined ? got.shape[0] : 1
    let tokens = variances.count
    let tokensByVariance = variances.indices.sorted { variances[$0] < variances[$1] }
    for token in tokensByVariance where variances[token] > 0 {
      let offsets = (0..<groups).flatMap { group in
        let row = group * tokens + token
        return row * got.rowWidth..<(row + 1) * got.rowWidth
      }
      let read = offsets.map { got.values[$0] - (whole.values[$0] - gained.values[$0]) }
      guard let ratio = quotient(of: read, on: offsets.map { gained.values[$0] }), ratio > 0 else { continue }
      return (variances[token] + norm.epsilon) / (ratio * ratio) - variances[token]
    }
    return nil
  }
}
