import Foundation
import TouchstoneModel

/// A learned bias on every score by how far apart query and key stand: b[h, i, j] = W[bucket(j − i), h].
///
/// Raffel et al. 2020, §2.1; Hugging Face's `T5Attention._relative_position_bucket`.
///
/// No input but the sequence; one parameter, the table [B, H]. Makes [H, T, T], before any mask. Near distances have a
/// bucket each, far ones share buckets whose widths grow as their logarithm.
public struct RelativeBias: OperationKind {
  /// B: the rows of the table.
  public let buckets: Int
  /// M: from this distance on all share the last bucket.
  public let greatestDistance: Int
  /// Whether what comes later has buckets of its own, half of them; else it stands at distance 0.
  public let isBothWays: Bool
  /// Whether the tokens are those of the source.
  public let ofSource: Bool

  /// A bias of `buckets` rows.
  public init(buckets: Int, greatestDistance: Int, isBothWays: Bool, ofSource: Bool) {
    self.buckets = buckets
    self.greatestDistance = greatestDistance
    self.isBothWays = isBothWays
    self.ofSource = ofSource
  }

  package static let name = Operation.Kind.Name.relativeBias
  package var kind: Operation.Kind { .relativeBias(self) }
  package var isOfSource: Bool? { ofSource }
  package var parameterPurposes: [Parameter.Purpose] {
    [.table(ofSource ? .encoderPositionIDs : .positionIDs)]
  }

  /// The greatest number of buckets.
  static let greatestCount = 1024

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 0...0, parameters: 1...1)
    let table = operands.parameters[0]
    guard let heads = table.inputCount, table == ParameterView(table.parameter) else {
      throw .graph("looks biases up in \(table.parameter), which is viewed as no whole table")
    }
    try operands.expect(parameter: 0, shape: [buckets, heads])
    guard (2...Self.greatestCount).contains(buckets), exact > 0, !isBothWays || buckets.isMultiple(of: 2),
      (exact + 1...Inputs.greatestCount).contains(greatestDistance)
    else {
      throw .graph("has \(buckets) buckets up to the distance \(greatestDistance), which cannot be")
    }
    return [.head(heads), .query, .key]
  }

  /// Each number of the table has the gradients of all scores that it is added to.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.give(operation.parameters[0], .buckets(self), from: [gradient])
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      ("buckets", .integer(buckets)), ("greatest_distance", .integer(greatestDistance)),
      ("both_ways", .bool(isBothWays)), ("source", .bool(ofSource)),
    ]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      buckets: try fields.required("buckets", try fields.integer("buckets")),
      greatestDistance: try fields.required(
        "greatest_distance", try fields.integer("greatest_distance")),
      isBothWays: try fields.required("both_ways", try fields.bool("both_ways")),
      ofSource: try fields.required("source", try fields.bool("source")))
  }
}

/// Buckets, decided in whole numbers.
extension RelativeBias {
  /// The buckets of one direction.
  package var side: Int { isBothWays ? buckets / 2 : buckets }
  /// e: how many distances have a bucket of their own.
  package var exact: Int { side / 2 }

  /// How far a distance from 0 on is along the buckets that grow: ln(n/e)/ln(M/e)·(side − e).
  package func place(of distance: Int) -> Double {
    log(Double(distance) / Double(exact)) / log(Double(greatestDistance) / Double(exact))
      * Double(side - exact)
  }

  /// The bucket of a distance from 0 on, of one direction.
  package func bucket(ofDistance distance: Int) -> Int {
    guard distance >= exact else { return distance }
    guard distance < greatestDistance else { return side - 1 }
    let place = place(of: distance)
    var floor = Int(place)
    // float64 tells the floor but where the place is a whole number, or nearly: there whole numbers decide.
    let nearest = Int(place.rounded())
    if abs(place - Double(nearest)) < 1e-9 { floor = reaches(distance, nearest) ? nearest : nearest - 1 }
    return min(side - 1, exact + floor)
  }

  /// Whether ln(n/e)/ln(M/e)·(side − e) ≥ k: n^(side − e)·e^k ≥ e^(side − e)·M^k.
  private func reaches(_ distance: Int, _ k: Int) -> Bool {
    let left = WholeNumber.product([(distance, side - exact), (exact, k)])
    return left >= WholeNumber.product([(exact, side - exact), (greatestDistance, k)])
  }

  /// The bucket of a key that stands `offset` behind the query: j − i.
  package func bucket(of offset: Int) -> Int {
    if !isBothWays { return bucket(ofDistance: max(-offset, 0)) }
    return (offset > 0 ? side : 0) + bucket(ofDistance: abs(offset))
  }
}

/// A whole number from 0 on of any size, by its digits to the base 2³², the least first.
private struct WholeNumber: Comparable {
  private var digits: [UInt32] = [1]

  /// The product of powers.
  static func product(_ powers: [(base: Int, exponent: Int)]) -> WholeNumber {
    var product = WholeNumber()
    for (base, exponent) in powers { for _ in 0..<exponent { product.multiply(by: UInt32(base)) } }
    return product
  }

  private mutating func multiply(by factor: UInt32) {
    var carry: UInt64 = 0
    for index in digits.indices {
      carry += UInt64(digits[index]) * UInt64(factor)
      digits[index] = UInt32(truncatingIfNeeded: carry)
      carry >>= 32
    }
    if carry > 0 { digits.append(UInt32(carry)) }
  }

  static func < (left: WholeNumber, right: WholeNumber) -> Bool {
    if left.digits.count != right.digits.count { return left.digits.count < right.digits.count }
    return left.digits.reversed().lexicographicallyPrecedes(right.digits.reversed())
  }
}
