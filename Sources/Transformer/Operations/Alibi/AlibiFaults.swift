import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Alibi: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = slopeFaults + placeFaults

  private static let slopeFaults: [Fault] = [
    slopes("one-series", "slopes are 2^(−8·(h + 1)/H), whatever H is", "H is taken for a power of two") {
      own, head in exp2(-8 * Double(head + 1) / Double(own.heads))
    },
    slopes(
      "series-goes-on", "the heads beyond the power of two go on with the first series",
      "the second series is left out"
    ) { own, head in exp2(-8 * Double(head + 1) / Double(own.slope(of: 0).length)) },
    slopes(
      "second-series-whole", "the heads beyond the power of two take every slope of the second series",
      "every other one is not left out"
    ) { own, head in
      let (_, length) = own.slope(of: head)
      let first = own.slope(of: 0).length
      return head < first ? own.value(of: head) : exp2(-8 * Double(head - first + 1) / Double(length))
    },
    slopes("heads-reversed", "the last head has the first head's slope", "a series that rises") {
      own, head in own.value(of: own.heads - 1 - head)
    },
    slopes("next-head", "each head has the next one's slope", "terms are counted from 2") { own, head in
      let (term, length) = own.slope(of: head)
      return exp2(-8 * Double(term + 1) / Double(length))
    },
    slopes("head-before", "each head has the slope of the one before", "terms are counted from 0") {
      own, head in
      let (term, length) = own.slope(of: head)
      return exp2(-8 * Double(term - 1) / Double(length))
    },
    slopes("first-for-all", "every head has the first slope", "a broadcast over heads") { own, _ in
      own.value(of: 0)
    },
    slopes("maximum-4", "the series falls to 2^−4", "an option of another model is on") { own, head in
      own.value(of: head).squareRoot()
    },
    slopes("negated", "slopes are negative", "a distance back for a place forward") { own, head in
      -own.value(of: head)
    },
    slopes("missing", "there is no bias", "a fused attention kernel takes none") { _, _ in 0 },
    slopes("slopes-in-bfloat16", "slopes are rounded to bfloat16", "a buffer is cast with the model") {
      own, head in NumberFormat.bfloat16.round(own.value(of: head))
    },
    slopes("slopes-in-half", "slopes are rounded to float16", "a buffer is cast with the model") {
      own, head in NumberFormat.float16.round(own.value(of: head))
    },
  ]

  private static let placeFaults: [Fault] = [
    places("one-later", "places start at 1", "the sum over the mask is not lessened by one") { _, place, _ in
      place + 1
    },
    places("of-query", "the bias grows with the query instead of the key", "two axes are exchanged") {
      _, place, index in index.query - index.key + place
    },
    places(
      "mask-not-counted", "keys are counted whether anybody sees them or not",
      "the mask is not handed to what makes the bias"
    ) { own, place, index in own.form == .bloom ? index.key : place },
    places(
      "other-origin", "keys are counted from the other end of the sequence",
      "the form of another model family"
    ) { own, place, index in own.form == .bloom ? place - index.count + 1 : index.key },
    places("distance", "the bias grows with the distance between query and key", "a sign") { _, _, index in
      abs(index.query - index.key)
    },
    places("from-query", "the bias is −slope·(i − j)", "the form of the paper, a row at a time") {
      _, _, index in index.key - index.query
    },
    places("restart-after-8", "places start again after eight keys", "each chunk counts from 0") {
      _, place, _ in place % 8
    },
  ]

  private static func slopes(
    _ id: String, _ name: String, _ practice: String, _ slope: @escaping @Sendable (Alibi, Int) -> Double
  ) -> Fault {
    Fault("alibi.\(id)", name, .attention, of: Alibi.self, practice: practice) { own, site in
      site.biases { head, place, _ in slope(own, head) * Double(place) }
    }
  }

  private static func places(
    _ id: String, _ name: String, _ practice: String,
    _ rule: @escaping @Sendable (Alibi, Int, (query: Int, key: Int, count: Int)) -> Int
  ) -> Fault {
    Fault("alibi.\(id)", name, .attention, of: Alibi.self, practice: practice) { own, site in
      site.biases { head, place, index in own.value(of: head) * Double(rule(own, place, index)) }
    }
  }
}

extension FaultSite {
  /// Biases by a rule of the head, the place of the key, and where the pair stands.
  fileprivate func biases(
    _ rule: (_ head: Int, _ place: Int, _ index: (query: Int, key: Int, count: Int)) -> Double
  ) -> Tensor<Double>? {
    guard let own = operation.kind.payload as? Alibi else { return nil }
    let places = own.places(in: inputs)
    return edited { y in
      for head in 0..<own.heads {
        for query in places.indices {
          for (key, place) in places.enumerated() {
            y[head, query, key] = rule(head, place, (query, key, places.count))
          }
        }
      }
    }
  }
}

extension Alibi {
  static let readings: [Reading] = [
    Reading("alibi.other-slopes", .attention, of: Alibi.self) { own, site, got in
      let places = own.places(in: site.inputs).map(Double.init)
      let size = places.count * places.count
      let all = (0..<places.count).flatMap { _ in places }
      let slopes = (0..<own.heads).compactMap { head in
        quotient(of: got.values[head * size..<(head + 1) * size], on: all)
      }
      guard slopes.count == own.heads else { return [] }
      let due = words((0..<own.heads).map { own.value(of: $0) })
      return [
        Reading.Guess("slopes are \(words(slopes)) instead of \(due)", numbers: slopes.count) { site in
          site.edited { bias in
            for offset in bias.values.indices {
              bias.values[offset] = slopes[offset / size] * places[offset % places.count]
            }
          }
        }
      ]
    },
    Reading("alibi.other-places", .attention, of: Alibi.self) { own, site, got in
      let tokens = site.inputs.count
      guard got.count == own.heads * tokens * tokens else { return [] }
      let due = own.places(in: site.inputs)
      let slopes = (0..<own.heads).map { own.value(of: $0) }
      let places = (0..<tokens).compactMap { key in
        // Of the last query, which sees every key.
        quotient(of: slopes.indices.map { got[$0, tokens - 1, key] }, on: slopes)?.rounded()
      }
      guard places.count == tokens, places.allSatisfy({ abs($0) < 1e9 }) else { return [] }
      return [
        Reading.Guess("keys stand at \(words(places.map { Int($0) })) instead of \(words(due))") { site in
          site.edited { bias in
            for offset in bias.values.indices {
              bias.values[offset] = slopes[offset / (tokens * tokens)] * places[offset % tokens]
            }
          }
        }
      ]
    },
  ]
}
