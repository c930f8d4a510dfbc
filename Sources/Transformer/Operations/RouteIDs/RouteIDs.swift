import Foundation
import TouchstoneModel

/// What a router compares experts by.
public enum RouterFunction: String, Hashable, Sendable, CaseIterable {
  /// Their shares of the softmax over all, which are in the order of the logits.
  case softmax
  /// The logistic function of each logit by itself (DeepSeek-V3).
  case sigmoid
}

/// Groups of experts, of which the best alone are chosen from.
public struct ExpertGroups: Hashable, Sendable {
  /// What a group is compared by.
  public enum Rule: String, Hashable, Sendable, CaseIterable {
    /// Its best expert (DeepSeek-V2).
    case best
    /// The sum of its two best (DeepSeek-V3).
    case twoBest
  }

  /// How many groups there are: equal runs of experts.
  public let count: Int
  /// How many of them are chosen from.
  public let kept: Int
  /// What they are compared by.
  public let rule: Rule

  /// Describes the groups of a router.
  public init(_ count: Int, keeping kept: Int, by rule: Rule) {
    self.count = count
    self.kept = kept
    self.rule = rule
  }

  /// What the group of some scores is compared by.
  package func score<Score: BinaryFloatingPoint>(_ scores: some Collection<Score>) -> Score {
    let scores = Array(scores)
    let best = RouteIDs.best(rule == .best ? 1 : 2, of: scores)
    return best.dropFirst().reduce(scores[best[0]]) { $0 + scores[$1] }
  }
}

/// Which experts a token goes to: the K that a router scores best, best first; of equal ones the first.
///
/// One activation [T, E], the logits; makes [T, K], whole numbers from 0. A vector [E], or none, is added to the scores for
/// the choice alone.
public struct RouteIDs: OperationKind {
  /// K.
  public let count: Int
  /// What experts are compared by.
  public let function: RouterFunction
  /// Groups of which some alone are chosen from; nil for all experts alike.
  public let groups: ExpertGroups?

  /// Chooses `count` experts for each token.
  public init(_ count: Int, by function: RouterFunction = .softmax, groups: ExpertGroups? = nil) {
    self.count = count
    self.function = function
    self.groups = groups
  }

  package static let name = Operation.Kind.Name.routeIDs
  package var kind: Operation.Kind { .routeIDs(self) }
  package var isDecision: Bool { true }
  package var parameterPurposes: [Parameter.Purpose] { [.bias] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single(parameters: 0...1)
    guard axes.count == 2, axes[0] == .token else {
      throw .graph("reads \(axes.inWords) where [token, unit] is wanted")
    }
    let experts = try OperandAxes.units(of: axes)
    guard (1...experts).contains(count) else { throw .graph("chooses \(count) of \(experts) experts") }
    if operands.parameters.count == 1 { try operands.expect(parameter: 0, shape: [experts]) }
    // The order of a softmax is that of the logits, and of nothing that is added to it.
    guard function == .sigmoid || operands.parameters.isEmpty && groups?.rule != .twoBest else {
      throw .graph("adds to the shares of a softmax")
    }
    if let groups { try groups.check(experts: experts, choices: count) }
    return [.token, .slot(count)]
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      ("count", .integer(count)), ("function", .string(function.rawValue)),
      ("groups", groups?.stored ?? .null),
    ]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      try fields.required("count", try fields.integer("count")), by: try fields.choice("function"),
      groups: try fields.object("groups").map { stored throws(BadInput) in try ExpertGroups(stored) })
  }
}

extension ExpertGroups {
  fileprivate func check(experts: Int, choices: Int) throws(BadInput) {
    guard (1...experts).contains(count), experts.isMultiple(of: count) else {
      throw .graph("divides \(experts) experts into \(count) groups")
    }
    guard (1...count).contains(kept) else { throw .graph("keeps \(kept) of \(count) groups") }
    let size = experts / count
    guard choices <= kept * size, rule == .best || size > 1 else {
      throw .graph("chooses \(choices) experts of \(kept) groups of \(size)")
    }
  }

  fileprivate var stored: JSONText {
    .object([("count", .integer(count)), ("kept", .integer(kept)), ("rule", .string(rule.rawValue))])
  }

  fileprivate init(_ stored: JSONFields) throws(BadInput) {
    var fields = stored
    self.init(
      try fields.required("count", try fields.integer("count")),
      keeping: try fields.required("kept", try fields.integer("kept")), by: try fields.choice("rule"))
    try fields.finish()
  }
}

extension RouteIDs {
  /// The numbers of the greatest of some scores, best first; of equal ones the first, and NaN last.
  package static func best<Score: BinaryFloatingPoint>(_ count: Int, of scores: [Score]) -> [Int] {
    let order = scores.indices.sorted { left, right in
      let (a, b) = (scores[left], scores[right])
      if a > b || b.isNaN && !a.isNaN { return true }
      return !(b > a || a.isNaN && !b.isNaN) && left < right
    }
    return Array(order.prefix(count))
  }

  /// The experts of a token by their scores, best first.
  package func choices<Score: BinaryFloatingPoint>(of scores: [Score]) -> [Int] {
    guard let groups else { return Self.best(count, of: scores) }
    let size = scores.count / groups.count
    let values = (0..<groups.count).map { groups.score(scores[$0 * size..<($0 + 1) * size]) }
    let kept = Self.best(groups.kept, of: values).sorted()
    let open = kept.flatMap { Array($0 * size..<($0 + 1) * size) }
    return Self.best(count, of: open.map { scores[$0] }).map { open[$0] }
  }

  /// The scores of the experts of a token: their logits where nothing but the order of shares counts, else what the router
  /// makes of them, and what is added.
  package func scores(_ logits: [Double], correction: [Double]?) -> [Double] {
    guard function == .sigmoid else { return logits }
    let scores = logits.map { 1 / (1 + exp(-$0)) }
    return correction.map { zip(scores, $0).map { $0 + $1 } } ?? scores
  }
}
