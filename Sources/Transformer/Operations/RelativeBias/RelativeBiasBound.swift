import TouchstoneGraph
import TouchstoneModel

extension RelativeBias: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["TWO-3", "TWO-4", "BND-40"] }

  var making: Making { .lookedUp }

  /// Rows of the table are what they are; where rounding may move a distance over the edge of a bucket, the number of the
  /// bucket on the other side is right too.
  ///
  /// Clauses: BND-40.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let table = site.parameters[0].values.tensor
    var value = value(site.operands, in: site.inputs)
    if let got = site.output, got.shape == value.shape {
      let count = site.inputs.count
      for offset in value.values.indices where value.values[offset] != got.values[offset] {
        let (head, query, key) = (offset / (count * count), offset / count % count, offset % count)
        guard let other = otherBucket(of: key - query, rounding) else { continue }
        if table[other, head] == got.values[offset] { value.values[offset] = got.values[offset] }
      }
    }
    return Estimate(values: value, bounds: [Bound](repeating: .zero, count: value.count))
  }

  /// The bucket that an offset falls into as well, by arithmetic that rounds; nil where its own is certain.
  ///
  /// Two logarithms, their quotient and a product, each rounded in float32, whatever the type of the values.
  func otherBucket(of offset: Int, _ rounding: Rounding) -> Int? {
    let distance = isBothWays ? abs(offset) : max(-offset, 0)
    guard distance >= exact, distance <= greatestDistance else { return nil }
    let (place, steps) = (place(of: distance), Double(side - exact))
    let nearest = place.rounded()
    let unit = max(rounding.unit, ScalarType.float32.unitRoundoff)
    guard abs(place - nearest) <= 8 * unit * (place + steps) else { return nil }
    let own = bucket(of: offset)
    let beginning = own - bucket(ofDistance: distance)
    let others = [Int(nearest) - 1, Int(nearest)].map { beginning + min(side - 1, exact + max($0, 0)) }
    return others.first { $0 != own }
  }
}
