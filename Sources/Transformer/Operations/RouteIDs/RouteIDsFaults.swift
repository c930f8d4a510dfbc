import TouchstoneGraph
import TouchstoneModel

extension RouteIDs: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    chosen("next-best", "the best expert is passed over", "a rank is counted from 1") { own, scores in
      let order = best(scores.count, of: scores)
      return (0..<own.count).map { order[($0 + 1) % order.count] }
    },
    chosen("worst", "the experts of the least logits are chosen", "a sort in the other direction") {
      own, scores in best(own.count, of: scores.map { -$0 })
    },
    chosen("first-experts", "every token goes to the first experts", "ids that are never written") {
      own, _ in Array(0..<own.count)
    },
    chosen("ids-one-later", "each token goes to the experts behind its own", "experts are counted from 1") {
      own, scores in own.choices(of: scores).map { ($0 + 1) % scores.count }
    },
    chosen(
      "last-choice-passed-over", "the last choice is the one behind it", "a selection that is off by one"
    ) {
      own, scores in
      guard own.count < scores.count else { return own.choices(of: scores) }
      let order = best(own.count + 1, of: scores)
      return order.dropLast(2) + order.suffix(1)
    },
    chosen("best-twice", "every choice is the best expert", "K times the maximum for the K greatest") {
      own, scores in [Int](repeating: own.choices(of: scores)[0], count: own.count)
    },
    Fault(
      "router.by-magnitude", "experts are chosen by the magnitude of their logits", .wiring,
      of: RouteIDs.self,
      practice: "squares are compared"
    ) { own, site in
      own.ids(site.activations[0]) { best(own.count, of: $0.map(abs)) }
    },
    Fault(
      "router.correction-missing", "nothing is added to the scores for the choice", .bias,
      at: Place.of(RouteIDs.self).filtered { operation, _ in !operation.parameters.isEmpty },
      practice: "e_score_correction_bias is not read"
    ) { site in
      guard let own = site.operation.kind.payload as? RouteIDs else { return nil }
      return own.ids(site.activations[0]) { own.choices(of: own.scores($0, correction: nil)) }
    },
    Fault(
      "router.groups-missing", "every group is chosen from", .wiring, at: grouped { _ in true },
      practice: "n_group and topk_group are not read"
    ) { site in
      (site.operation.kind.payload as? RouteIDs).map {
        site.evaluated(as: RouteIDs($0.count, by: $0.function))
      }
    },
    Fault(
      "router.groups-by-best", "groups are compared by their best expert", .wiring,
      at: grouped { $0.groups?.rule == .twoBest }, practice: "the routing of the model before"
    ) { site in
      guard let own = site.operation.kind.payload as? RouteIDs, let groups = own.groups else { return nil }
      return site.evaluated(
        as: RouteIDs(
          own.count, by: own.function, groups: ExpertGroups(groups.count, keeping: groups.kept, by: .best)))
    },
    Fault(
      "router.other-groups-zero", "experts of other groups count as 0 and may be chosen", .wiring,
      at: grouped { $0.function == .sigmoid }, practice: "a mask that multiplies"
    ) { site in
      guard let own = site.operation.kind.payload as? RouteIDs, let groups = own.groups else { return nil }
      let correction = site.parameters.first?.values
      return own.ids(site.activations[0]) { logits in
        let scores = own.scores(logits, correction: correction)
        let all = RouteIDs(groups.kept * scores.count / groups.count, by: own.function, groups: groups)
        let open = Set(all.choices(of: scores))
        return best(own.count, of: scores.enumerated().map { open.contains($0) ? $1 : 0 })
      }
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

  /// Routers with groups of which something holds.
  private static func grouped(_ holds: @escaping @Sendable (RouteIDs) -> Bool) -> Place {
    .of(RouteIDs.self).filtered { operation, _ in
      (operation.kind.payload as? RouteIDs).map { $0.groups != nil && holds($0) } ?? false
    }
  }

  /// Other choices, by the scores of a token.
  private static func chosen(
    _ id: String, _ name: String, _ practice: String,
    _ other: @escaping @Sendable (RouteIDs, [Double]) -> [Int]
  ) -> Fault {
    Fault("router.\(id)", name, .wiring, of: RouteIDs.self, practice: practice) { own, site in
      let correction = site.parameters.first?.values
      return own.ids(site.activations[0]) { other(own, own.scores($0, correction: correction)) }
    }
  }

  /// Choices by the logits of each token.
  private func ids(_ logits: Tensor<Double>, _ choices: ([Double]) -> [Int]) -> Tensor<Double> {
    let ids = (0..<logits.rowCount).flatMap { choices(Array(logits.row($0))).map(Double.init) }
    return Tensor(ids, shape: [logits.rowCount, count])
  }
}
