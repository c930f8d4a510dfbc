import TouchstoneGraph
import TouchstoneModel

extension JoinedColumns: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    Fault(
      "joined.other-order", "the shared columns stand before a head's own", .wiring, of: JoinedColumns.self,
      practice: "the order of queries is another than that of keys"
    ) { own, site in
      let (left, right) = (site.activations[0], site.activations[1])
      let (heads, tokens) = (left.shape[0], left.shape[1])
      let spread = own.joined(Tensor([], shape: [heads, tokens, 0]), right)
      return own.joined(spread, left)
    },
    Fault(
      "joined.shared-missing", "the shared columns are never written", .wiring, of: JoinedColumns.self,
      practice: "a buffer of keys is filled by one of two kernels"
    ) { _, site in
      site.evaluated(changing: 1) { shared in shared.values = shared.values.map { _ in 0 } }
    },
    Fault(
      "joined.first-head-alone", "the first head alone has the shared columns", .heads,
      of: JoinedColumns.self, practice: "a broadcast over heads is forgotten"
    ) { _, site in
      let width = site.activations[0].shape[2]
      guard site.activations[0].shape[0] > 1 else { return nil }
      return site.edited { joined in
        for head in 1..<joined.shape[0] {
          for token in 0..<joined.shape[1] {
            for column in width..<joined.shape[2] { joined[head, token, column] = 0 }
          }
        }
      }
    },
    Fault(
      "joined.of-token-before", "the shared columns are those of the token before", .staleness,
      of: JoinedColumns.self, practice: "the cache of shared keys lags by one"
    ) { _, site in
      let shared = site.activations[1]
      guard shared.shape[1] > 1 else { return nil }
      return site.evaluated(changing: 1) { changed in
        for head in 0..<shared.shape[0] {
          for token in 1..<shared.shape[1] {
            for column in 0..<shared.shape[2] {
              changed[head, token, column] = shared[head, token - 1, column]
            }
          }
        }
      }
    },
  ]
}
