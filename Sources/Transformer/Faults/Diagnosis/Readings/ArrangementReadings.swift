import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Heads, tokens and units that attention takes in another arrangement.
  static let arrangements: [Reading] = [
    Reading("attention.other-layout", .heads, at: .attention) { site, got in
      guard let sample = AttentionSample(site, got) else { return [] }
      let isContext = site.operation.kind.payload is AttentionContext
      let (query, key) = (site.activations[0].shape, site.activations[1].shape)
      return (isContext ? [] : Misreading.all).flatMap { misreading -> [Guess] in
        func source(_ index: [Int], _ extents: [Int]) -> [Int] { misreading.source(index, extents) }
        let ways: [(String, Bool, Bool)] = [
          ("queries and keys", true, true), ("queries", true, false), ("keys", false, true),
        ]
        return ways.filter { way in
          sample.agrees(sample.elements) { element in
            sample.value(
              element, { way.1 ? source($0, query) : $0 }, { way.2 ? source($0, key) : $0 })
          }
        }.map { way in
          Guess("\(misreading.inWords(heads: query[0])), in \(way.0)") { site in
            let read = zip(site.activations, [way.1, way.2]).map { $1 ? misreading.applied(to: $0) : $0 }
            return site.evaluated(activations: read + site.activations.dropFirst(2))
          }
        }
      }
    },
    Reading("attention.other-joining", .heads, of: AttentionContext.self) { _, site, got in
      guard let sample = AttentionSample(site, got) else { return [] }
      let (heads, tokens) = (site.activations[0].shape[0], site.inputs.count)
      let (shape, width) = (site.activations[1].shape, site.activations[1].rowWidth)
      let due = site.evaluated().heads(heads)
      let extents = [heads, tokens, width]
      let joined = Misreading.all.filter { misreading in
        sample.elements.allSatisfy { element in
          let from = misreading.source(element, extents)
          let value = due[from[0], from[1], from[2]]
          return abs(sample.captured(element) - value) <= 1e-4 * abs(value)
        }
      }.map { misreading in
        Guess("the heads' results: \(misreading.inWords(heads: heads))") { site in
          misreading.applied(to: site.evaluated().heads(heads)).joinedHeads()
        }
      }
      let read = Misreading.all.filter { misreading in
        sample.agrees(sample.elements) { sample.value($0, { $0 }, { misreading.source($0, shape) }) }
      }.map { misreading in
        Guess("\(misreading.inWords(heads: shape[0])), in values") { site in
          site.evaluated(changing: 1) { $0 = misreading.applied(to: $0) }
        }
      }
      return joined + read
    },
    Reading("attention.other-heads", .heads, at: .attention) { site, got in
      HeadSources(site, got).map { [$0.guess] } ?? []
    },
  ]
}

extension Tensor<Double> {
  /// [T, H·d] as [H, T, d].
  fileprivate func heads(_ count: Int) -> Tensor<Double> {
    let width = rowWidth / count
    let values = (0..<count).flatMap { head in
      (0..<rowCount).flatMap { row(($0))[($0 * rowWidth + head * width)...].prefix(width) }
    }
    return Tensor(values, shape: [count, rowCount, width])
  }
}
