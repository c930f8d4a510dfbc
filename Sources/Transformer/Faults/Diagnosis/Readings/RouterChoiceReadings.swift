import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension RouteIDs {
  /// Choices by another rule, and experts that are numbered otherwise.
  static let readings: [Reading] = [
    Reading("router.other-choice", .wiring, of: RouteIDs.self) { own, site, got in
      own.rules(correction: site.parameters.first?.count).map { rule in
        Reading.Guess(rule.name) { site in
          let correction = site.parameters.first?.values
          let logits = site.activations[0]
          let ids = (0..<logits.rowCount).map { rule.choices(Array(logits.row($0)), correction) }
          // Groups may hold too few experts.
          guard ids.allSatisfy({ $0.count == own.count }) else { return nil }
          return Tensor(ids.flatMap { $0.map(Double.init) }, shape: [logits.rowCount, own.count])
        }
      } + constants(site, got)
    }
  ]

  /// A rule by which experts are chosen: from the logits of a token, and what is added to scores.
  private struct Rule {
    let name: String
    let choices: @Sendable ([Double], [Double]?) -> [Int]
  }

  private func rules(correction count: Int?) -> [Rule] {
    numberings + (count == nil ? [] : corrections) + (groups.map(groupings) ?? [])
  }

  private var numberings: [Rule] {
    let others: [(String, @Sendable (Int, Int) -> Int)] = [
      ("experts are numbered from 1", { id, _ in id + 1 }),
      ("experts are counted from the last one", { id, count in count - 1 - id }),
      ("each token goes to the experts before its own", { id, count in (id + count - 1) % count }),
    ]
    return others.map { name, number in
      Rule(name: name) { logits, correction in
        choices(of: scores(logits, correction: correction)).map { number($0, logits.count) }
      }
    }
  }

  private var corrections: [Rule] {
    func by(
      _ name: String, _ score: @escaping @Sendable (_ logit: Double, _ added: Double) -> Double
    ) -> Rule {
      Rule(name: name) { logits, correction in
        choices(of: zip(logits, correction ?? logits.map { _ in 0 }).map(score))
      }
    }
    @Sendable func sigma(_ x: Double) -> Double { ActivationFunction.Function.sigmoid(x) }
    func moved(_ name: String, _ order: @escaping @Sendable ([Double]) -> [Double]) -> Rule {
      Rule(name: "what is added for the choice \(name)") { logits, correction in
        choices(of: scores(logits, correction: correction.map(order)))
      }
    }
    let added = "what is added for the choice"
    return [
      by("\(added) is subtracted") { sigma($0) - $1 },
      by("\(added) is added twice") { sigma($0) + 2 * $1 },
      by("\(added) is multiplied with the scores") { sigma($0) * $1 },
      by("\(added) is added to the logits, before the logistic function") { sigma($0 + $1) },
      by("\(added) is added to the logits, without a logistic function") { $0 + $1 },
      Rule(name: "\(added) is added to shares of a softmax") { logits, correction in
        choices(of: zip(logits.softmax(), correction ?? logits).map { $0 + $1 })
      },
      moved("stands in reverse order") { $0.reversed() },
      moved("is that of the next expert") { Array($0.dropFirst()) + $0.prefix(1) },
      moved("is that of the expert before") { $0.suffix(1) + $0.dropLast() },
      moved("is rounded to bfloat16") { $0.map { NumberFormat.bfloat16.round($0) } },
      moved("is rounded to float16") { $0.map { NumberFormat.float16.round($0) } },
    ]
  }

  private func groupings(_ own: ExpertGroups) -> [Rule] {
    func by(
      _ name: String, count: Int? = nil, kept: Int? = nil, alternate: Bool = false,
      groupsWithout: Bool = false, _ value: @escaping @Sendable (Int, [Double]) -> Double
    ) -> Rule {
      Rule(name: name) { logits, correction in
        let all = scores(logits, correction: correction)
        let (count, size) = (count ?? own.count, logits.count / (count ?? own.count))
        let members = (0..<count).map { group in
          (0..<size).map { alternate ? $0 * count + group : group * size + $0 }
        }
        let compared = groupsWithout ? scores(logits, correction: nil) : all
        let values = members.enumerated().map { group, experts in value(group, experts.map { compared[$0] }) }
        let open = Self.best(min(kept ?? own.kept, count), of: values).flatMap { members[$0] }.sorted()
        return Self.best(self.count, of: open.map { all[$0] }).map { open[$0] }
      }
    }
    func sum(_ count: Int) -> @Sendable (Int, [Double]) -> Double {
      { _, scores in RouteIDs.best(count, of: scores).reduce(0) { $0 + scores[$1] } }
    }
    let right: @Sendable (Int, [Double]) -> Double = { own.score($1) }
    let named =
      own.rule == .best ? [(2, "two best experts"), (3, "three best experts")] : [(3, "three best experts")]
    let counts = (1...max(own.count, 1)).filter { $0 != own.kept }
    return [
      by(
        "groups are compared by their scores without what is added for the choice", groupsWithout: true, right
      ),
      by("the experts of a group stand \(own.count) apart", alternate: true, right),
      by("the worst groups are kept") { -own.score($1) },
      by("the first groups are kept") { group, _ in -Double(group) },
      by("the last groups are kept") { group, _ in Double(group) },
      by("groups are compared by the mean of their experts") { $1.reduce(0, +) / Double(max($1.count, 1)) },
    ] + named.map { by("groups are compared by their \($1)", sum($0)) }
      + counts.map { by("\($0) of \(own.count) groups are kept instead of \(own.kept)", kept: $0, right) }
      + [
        Rule(name: "the number of groups is taken for their size") { [self] logits, correction in
          let size = logits.count / own.count
          guard size > 1, own.rule == .best || own.count > 1 else { return choices(of: logits) }
          let other = ExpertGroups(size, keeping: min(own.kept, size), by: own.rule)
          return RouteIDs(count, by: function, groups: other)
            .choices(of: scores(logits, correction: correction))
        }
      ]
  }

  /// Choices that are the same for every token.
  private static func constants(_ site: FaultSite, _ got: Tensor<Double>) -> [Reading.Guess] {
    let due = site.evaluated()
    guard got.rowCount > 1, got.shape == due.shape else { return [] }
    let slots = (0..<got.rowWidth).filter { slot in
      (0..<got.rowCount).allSatisfy { got[$0, slot] == got[0, slot] }
        && (0..<got.rowCount).contains { due[$0, slot] != got[0, slot] }
    }
    guard !slots.isEmpty else { return [] }
    let numbers = slots.map { got[0, $0] }
    var name = zip(slots, numbers).map { "choice \($0) of every token is expert \(words($1))" }.joined(
      separator: ", ")
    if slots.count == got.rowWidth {
      let source = (0..<due.rowCount).first { due.row($0) == got.row(0) }
      name =
        source.map { "every token goes where token \($0) goes" }
        ?? "every token goes to experts \(words(numbers))"
    }
    return [
      Reading.Guess(name) { site in
        site.edited { ids in
          for token in 0..<ids.rowCount {
            for (slot, number) in zip(slots, numbers) where slot < ids.rowWidth { ids[token, slot] = number }
          }
        }
      }
    ]
  }
}
