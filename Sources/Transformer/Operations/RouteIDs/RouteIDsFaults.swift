import TouchstoneGraph
import TouchstoneModel

extension RouteIDs: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    chosen("next-best", "the best expert is passed over", "a rank is counted from 1") { own, logits in
      let order = best(logits.count, of: logits)
      return (0..<own.count).map { order[($0 + 1) % order.count] }
    },
    chosen("worst", "the experts of the least logits are chosen", "a sort in the other direction") {
      own, logits in best(own.count, of: logits.map { -$0 })
    },
    chosen("by-magnitude", "experts are chosen by the magnitude of their logits", "squares are compared") {
      own, logits in best(own.count, of: logits.map(abs))
    },
    chosen("first-experts", "every token goes to the first experts", "ids that are never written") {
      own, _ in Array(0..<own.count)
    },
    chosen("ids-one-later", "each token goes to the experts behind its own", "experts are counted from 1") {
      own, logits in best(own.count, of: logits).map { ($0 + 1) % logits.count }
    },
    chosen(
      "last-choice-passed-over", "the last choice is the one behind it", "a selection that is off by one"
    ) {
      own, logits in
      guard own.count < logits.count else { return best(own.count, of: logits) }
      let order = best(own.count + 1, of: logits)
      return order.dropLast(2) + order.suffix(1)
    },
    chosen("best-twice", "every choice is the best expert", "K times the maximum for the K greatest") {
      own, logits in [Int](repeating: best(1, of: logits)[0], count: own.count)
    },
    Fault(
      "router.of-token-before", "each token goes where the one before goes", .wiring, of: RouteIDs.self,
      practice: "a row of the logits is read before it is written"
    ) { _, site in
      let (ids, tokens) = (site.evaluated(), site.inputs.count)
      guard tokens > 1 else { return nil }
      return Tensor((0..<tokens).flatMap { ids.row(max($0 - 1, 0)) }, shape: ids.shape)
    },
    Fault(
      "router.of-last-token", "every token goes where the last one goes", .wiring, of: RouteIDs.self,
      practice: "routing as for one token at a time"
    ) { _, site in
      let ids = site.evaluated()
      return Tensor((0..<ids.rowCount).flatMap { _ in ids.row(ids.rowCount - 1) }, shape: ids.shape)
    },
  ]

  /// Other choices, by the logits of a token.
  private static func chosen(
    _ id: String, _ name: String, _ practice: String,
    _ other: @escaping @Sendable (RouteIDs, [Double]) -> [Int]
  ) -> Fault {
    Fault("router.\(id)", name, .wiring, of: RouteIDs.self, practice: practice) { own, site in
      let logits = site.activations[0]
      let ids = (0..<logits.rowCount).flatMap { other(own, Array(logits.row($0))).map(Double.init) }
      return Tensor(ids, shape: [logits.rowCount, own.count])
    }
  }
}
