import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Addends that are multiplied, come from elsewhere, or a row late.
  static let sums: [Reading] = [
    Reading("sum.addend-times", .wiring, of: Sum.self) { _, site, got in
      site.operation.inputs.indices.compactMap { index in
        let addend = site.activations[index]
        let rest = site.rest(of: got, besides: index)
        guard let read = quotient(of: rest.values, on: addend.values) else { return nil }
        return (index, read)
      }.flatMap { index, read in
        factors(near: read).map { name, factor in
          Guess("\(site.operation.inputs[index]) is multiplied by \(name) before it is added", numbers: 1) {
            site in
            site.evaluated(changing: index) { $0.values = $0.values.map { $0 * factor } }
          }
        }
      }
    },
    Reading("sum.all-times", .wiring, of: Sum.self) { _, site, got in
      guard let read = quotient(of: got.values, on: site.evaluated().values) else { return [] }
      return factors(near: read).map { name, factor in
        Guess("the sum is multiplied by \(name)", numbers: 1) { site in
          site.edited { $0.values = $0.values.map { $0 * factor } }
        }
      }
    },
    Reading("sum.other-addend", .wiring, of: Sum.self) { _, site, got in
      site.operation.inputs.indices.flatMap { index -> [Guess] in
        let own = site.operation.inputs[index]
        let rest = site.rest(of: got, besides: index)
        let others = site.graph.operations.map(\.output).filter { other in
          other != own && (other.block?.index ?? 0) + 1 >= site.operation.output.block?.index ?? 0
        }
        return others.compactMap { other in
          guard let value = site.activation(other), value.shape == rest.shape, value.isNear(rest) else {
            return nil
          }
          return Guess("it adds \(other) instead of \(own)") { site in
            site.evaluated(changing: index) { $0 = value }
          }
        }.prefix(2).map(\.self)
      }
    },
    Reading("sum.addend-of-other-rows", .staleness, of: Sum.self) { _, site, got in
      site.operation.inputs.indices.compactMap { index -> Guess? in
        let (addend, rest) = (site.activations[index], site.rest(of: got, besides: index))
        guard addend.rowCount > 2, addend.shape.count == 2 else { return nil }
        for shift in [1, -1, 2, -2] {
          for edge in Edge.allCases {
            let late = edge.moved(addend, by: shift)
            guard late.isNear(rest) else { continue }
            let count = abs(shift) == 1 ? "1 row" : "\(abs(shift)) rows"
            return Guess(
              "each row is given what \(site.operation.inputs[index]) has \(count) \(shift > 0 ? "before" : "after")"
            ) { site in site.evaluated(changing: index) { $0 = late } }
          }
        }
        return nil
      }
    },
  ]
}

/// What the rows get for which there is none so far before or after.
private enum Edge: CaseIterable {
  case own, zero, around

  func moved(_ x: Tensor<Double>, by shift: Int) -> Tensor<Double> {
    var y = x
    for row in 0..<x.rowCount {
      let source = row - shift
      let isInside = (0..<x.rowCount).contains(source)
      for column in 0..<x.rowWidth {
        if isInside || self == .around {
          y[row, column] = x[(source + x.rowCount) % x.rowCount, column]
        } else if self == .zero {
          y[row, column] = 0
        }
      }
    }
    return y
  }
}

extension FaultSite {
  /// What is left of a sum once all addends but one are taken away.
  fileprivate func rest(of got: Tensor<Double>, besides index: Int) -> Tensor<Double> {
    var rest = got
    for (other, addend) in activations.enumerated() where other != index {
      for offset in rest.values.indices { rest.values[offset] -= addend.values[offset] }
    }
    return rest
  }
}

extension Tensor<Double> {
  /// Whether another tensor is this one, nearly.
  fileprivate func isNear(_ other: Tensor<Double>) -> Bool {
    guard shape == other.shape else { return false }
    var (difference, square) = (0.0, 0.0)
    for (a, b) in zip(values, other.values) {
      difference += (a - b) * (a - b)
      square += a * a
      if difference > 1e-4 * square + 1e-2 { return false }
    }
    return square > 0 && difference <= 1e-8 * square
  }
}
