import Foundation
import TouchstoneGraph
import TouchstoneModel

extension RelativeBias: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = [
    buckets("other-direction", "keys behind a query take the buckets of those before it", "i − j for j − i") {
      own, offset in own.bucket(of: -offset)
    },
    buckets(
      "both-ways-exchanged", "buckets are those of the other stack's direction",
      "one function for encoder and decoder"
    ) { own, offset in own.with(isBothWays: !own.isBothWays).map { $0.bucket(of: offset) } },
    buckets("no-logarithm", "every distance has a bucket of its own", "the far half is left out") {
      own, offset in own.bucket(of: offset) { min($0, own.side - 1) }
    },
    buckets("next-bucket", "buckets are counted from 1", "an index is off by one") { own, offset in
      own.bucket(of: offset) { min(own.bucket(ofDistance: $0) + 1, own.side - 1) }
    },
    buckets("rounded-up", "the far buckets round up", "ceil for floor") { own, offset in
      own.bucket(of: offset) { distance in
        guard distance >= own.exact, distance < own.greatestDistance else {
          return own.bucket(ofDistance: distance)
        }
        return min(own.side - 1, own.exact + Int(own.place(of: distance).rounded(.up)))
      }
    },
    buckets("half-the-distance", "the greatest distance is half of what it is", "its default is kept") {
      own, offset in
      own.with(greatestDistance: max(own.greatestDistance / 2, own.exact + 1)).bucket(of: offset)
    },
    buckets("twice-the-distance", "the greatest distance is twice what it is", "its default is kept") {
      own, offset in own.with(greatestDistance: 2 * own.greatestDistance).bucket(of: offset)
    },
    buckets("exact-half-missing", "near distances share buckets too", "the exact half is left out") {
      own, offset in own.bucket(of: offset) { own.bucket(ofDistance: $0 == 0 ? 0 : max($0, own.exact)) }
    },
    table("heads-reversed", "the last head has the first head's biases", "heads are counted from the end") {
      heads, head in heads - 1 - head
    },
    table("first-for-all", "every head has the first head's biases", "a broadcast over heads") { _, _ in 0 },
    Fault(
      "relative-bias.missing", "there is no bias", .attention, of: RelativeBias.self,
      practice: "a fused attention kernel takes none"
    ) { _, site in site.edited { $0.values = $0.values.map { _ in 0 } } },
    Fault(
      "relative-bias.in-half", "the bias is rounded to float16", .precision, of: RelativeBias.self,
      practice: "it is kept in the type of a mask"
    ) { _, site in site.edited { $0.values = $0.values.map { NumberFormat.float16.round($0) } } },
  ]

  private static func buckets(
    _ id: String, _ name: String, _ practice: String,
    _ rule: @escaping @Sendable (RelativeBias, Int) -> Int?
  ) -> Fault {
    Fault("relative-bias.\(id)", name, .attention, of: RelativeBias.self, practice: practice) { own, site in
      let (table, count) = (site.parameters[0], site.inputs.count)
      var buckets: [Int] = []
      for place in 0..<2 * count - 1 {
        guard let bucket = rule(own, place - count + 1), table.shape[0] > bucket, bucket >= 0 else {
          return nil
        }
        buckets.append(bucket)
      }
      return site.edited { y in
        for head in 0..<y.shape[0] {
          for query in 0..<count {
            for key in 0..<count { y[head, query, key] = table[buckets[key - query + count - 1], head] }
          }
        }
      }
    }
  }

  private static func table(
    _ id: String, _ name: String, _ practice: String, _ from: @escaping @Sendable (Int, Int) -> Int
  ) -> Fault {
    Fault("relative-bias.\(id)", name, .heads, of: RelativeBias.self, practice: practice) { _, site in
      guard site.parameters[0].rowWidth > 1 else { return nil }
      return site.evaluated(changingParameter: 0) { table in
        let original = table
        for row in 0..<table.rowCount {
          for head in 0..<table.rowWidth { table[row, head] = original[row, from(table.rowWidth, head)] }
        }
      }
    }
  }
}

extension RelativeBias {
  /// The bucket of an offset by another rule of distances.
  fileprivate func bucket(of offset: Int, _ rule: (Int) -> Int) -> Int {
    isBothWays ? (offset > 0 ? side : 0) + rule(abs(offset)) : rule(max(-offset, 0))
  }

  /// The same of another direction; nil where there are too few buckets.
  fileprivate func with(isBothWays: Bool) -> RelativeBias? {
    guard !isBothWays || (buckets.isMultiple(of: 2) && buckets >= 4) else { return nil }
    let other = RelativeBias(
      buckets: buckets, greatestDistance: greatestDistance, isBothWays: isBothWays, ofSource: ofSource)
    return other.greatestDistance > other.exact ? other : nil
  }

  fileprivate func with(greatestDistance: Int) -> RelativeBias {
    RelativeBias(
      buckets: buckets, greatestDistance: greatestDistance, isBothWays: isBothWays, ofSource: ofSource)
  }
}
