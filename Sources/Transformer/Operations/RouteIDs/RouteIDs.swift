import TouchstoneModel

/// Which experts a token goes to: the K of the greatest router logits, best first; of equal ones the first.
///
/// One activation [T, E], the logits; makes [T, K], whole numbers from 0.
public struct RouteIDs: OperationKind {
  /// K.
  public let count: Int

  /// Chooses `count` experts for each token.
  public init(_ count: Int) {
    self.count = count
  }

  package static let name = Operation.Kind.Name.routeIDs
  package var kind: Operation.Kind { .routeIDs(self) }
  package var isDecision: Bool { true }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    guard axes.count == 2, axes[0] == .token else {
      throw .graph("reads \(axes.inWords) where [token, unit] is wanted")
    }
    let experts = try OperandAxes.units(of: axes)
    guard (1...experts).contains(count) else { throw .graph("chooses \(count) of \(experts) experts") }
    return [.token, .slot(count)]
  }

  package var fields: [(name: String, value: JSONText)] { [("count", .integer(count))] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(try fields.required("count", try fields.integer("count")))
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
}
