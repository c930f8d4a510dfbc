import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

extension PlantedNumber {
  /// Masks, rows, heads and tiles of attention.
  static let ofAttention = masks + rowsAndHeads + stored + tiles + dropouts

  private static let rowsAndHeads: [PlantedNumber] = [
    PlantedNumber(
      "attention.other-layout", "column c belongs to head c mod 4), in queries", in: "llama",
      at: "layers/000/attn_scores"
    ) { site in
      site.evaluated(changing: 0) {
        $0 = Misreading(written: .byToken, read: AxisOrder(axes: [1, 2, 0])).applied(to: $0)
      }
    },
    PlantedNumber(
      "attention.other-joining", "[head, token, unit] is read as [token, head, unit]", in: "llama",
      at: "layers/000/attn_context"
    ) { site in
      // [H, T, d] in memory, taken for [T, H·d].
      let (heads, tokens, y) = (4, site.inputs.count, site.evaluated())
      let buffer = (0..<heads).flatMap { head in
        (0..<tokens).flatMap { y.row($0)[($0 * 24 + head * 6)...].prefix(6) }
      }
      return Tensor(buffer, shape: [tokens, 24])
    },
    PlantedNumber(
      "attention.other-heads", "head 1 reads the keys of head 1 instead of 0", in: "llama",
      at: "layers/000/attn_scores"
    ) { site in
      let other = site.withHeads(of: 1) { 1 - $0 + 0 * $1 }
      return other.map { other in
        site.edited { s in
          for offset in 121..<242 { s.values[offset] = other.values[offset] }
        }
      }
    },
    PlantedNumber(
      "attention.other-heads", "heads 0 and 2 are exchanged", in: "llama", at: "layers/000/attn_context"
    ) { site in
      let y = site.evaluated()
      return site.edited { made in
        for row in 0..<y.rowCount {
          for column in 0..<6 {
            (made[row, column], made[row, 12 + column]) = (y[row, 12 + column], y[row, column])
          }
        }
      }
    },
    PlantedNumber(
      "attention.other-keys", "keys 2, 3 are those of keys 6, 7", in: "llama", at: "layers/000/attn_scores"
    ) { site in
      site.evaluated(changing: 1) { k in
        for head in 0..<2 {
          for column in 0..<12 { k.values[head * 66 + 12 + column] = k.values[head * 66 + 36 + column] }
        }
      }
    },
    // Enough queries see it to solve for it.
    PlantedNumber("attention.other-keys", "key 1 is another", in: "llama", at: "layers/000/attn_scores") {
      site in
      site.evaluated(changing: 1) { k in
        for head in 0..<2 {
          for column in 0..<6 { k[head, 1, column] = 0.3 * Double(column - head) + 0.1 }
        }
      }
    },
    PlantedNumber("attention.other-keys", "key 5 is minus itself", in: "llama", at: "layers/000/attn_scores")
    { site in
      site.evaluated(changing: 1) { k in
        for head in 0..<2 {
          for column in 0..<6 { k[head, 5, column].negate() }
        }
      }
    },
    PlantedNumber(
      "attention.other-queries", "query 7 is that of query 2", in: "mpt", at: "layers/001/attn_scores"
    ) { site in
      site.evaluated(changing: 0) { q in
        for head in 0..<6 {
          for column in 0..<4 { q[head, 7, column] = q[head, 2, column] }
        }
      }
    },
    PlantedNumber(
      "attention.other-values", "values 3 to 5 are those of values 7 to 9", in: "llama",
      at: "layers/000/attn_context"
    ) { site in
      site.evaluated(changing: 1) { v in
        for head in 0..<2 {
          for column in 0..<18 { v.values[head * 66 + 18 + column] = v.values[head * 66 + 42 + column] }
        }
      }
    },
  ]

  private static let stored: [PlantedNumber] = [
    PlantedNumber(
      "attention.stored-keys", "keys of tokens 0 to 6 are rounded to bfloat16", in: "llama",
      at: "layers/000/attn_scores"
    ) { site in
      site.evaluated(changing: 1) { k in
        for offset in k.values.indices where offset / 6 % 11 < 7 {
          k.values[offset] = NumberFormat.bfloat16.round(k.values[offset])
        }
      }
    },
    PlantedNumber(
      "attention.stored-values", "values are quantised to 8 bits (int8), by row", in: "mpt",
      at: "layers/000/attn_context"
    ) { site in
      site.evaluated(changing: 1) { v in
        for row in 0..<v.rowCount {
          let step = Float(v.row(row).reduce(0.0) { max($0, abs($1)) }) / 127
          for column in 0..<v.rowWidth {
            v[row, column] = Double((Float(v[row, column]) / step).rounded(.toNearestOrEven) * step)
          }
        }
      }
    },
    PlantedNumber(
      "attention.without-own-key", "each query finds its own key not yet written", in: "mpt",
      at: "layers/000/attn_scores"
    ) { site in
      site.edited { s in
        for head in 0..<6 {
          for query in 0..<11 { s[head, query, query] = site.activations[2][head, query, query] }
        }
      }
    },
    PlantedNumber(
      "heads.other-rows", "rows 2 to 5 of head 1 are those of head 0", in: "llama", at: "layers/000/v"
    ) { site in
      site.edited { v in
        for row in 2...5 {
          for column in 0..<6 { v[1, row, column] = v[0, row, column] }
        }
      }
    },
    PlantedNumber(
      "mask.finite", "masked scores are changed by -4 instead", in: "llama", at: "layers/000/attn_probs"
    ) {
      site in
      (site.operation.kind.payload as? AttentionProbabilities).flatMap {
        site.probabilities($0, maskedBy: { $0 - 4 })
      }
    },
    PlantedNumber("mask.finite", "masked scores are replaced by -3", in: "llama", at: "layers/000/attn_probs")
    { site in
      (site.operation.kind.payload as? AttentionProbabilities).flatMap {
        site.probabilities($0, maskedBy: { _ in -3 })
      }
    },
  ]

  /// Softmax by tiles of three keys, with a mistake from a tile on.
  private static func tiled(
    _ says: String, _ mistake: TiledSoftmax.Mistake, first: Int = 1, hidden: Bool
  ) -> PlantedNumber {
    PlantedNumber(
      "softmax.by-tiles", says, in: "llama", at: hidden ? "layers/000/attn_context" : "layers/000/attn_probs",
      hiding: hidden ? ["attn_scores", "attn_probs"] : []
    ) { site in
      let weighing = hidden ? site.maker(of: 0) : site
      guard let scores = weighing?.activations[0] else { return nil }
      let tokens = site.inputs.count
      let tiles = TiledSoftmax(mistake: mistake, size: 3, first: first)
      let weights = (0..<scores.rowCount).flatMap { row in
        tiles.weights(scores.row(row)) { $0 <= row % tokens }
      }
      let made = Tensor(weights, shape: scores.shape)
      return hidden ? site.rawContext { _, head, row, key in made[head, row, key] } : made
    }
  }

  private static let tiles: [PlantedNumber] = [
    .tiled("tiles of 3 keys: the running sum is not rescaled", .sumNotRescaled, hidden: false),
    .tiled("tiles of 3 keys: what was summed of values is not rescaled", .valuesNotRescaled, hidden: true),
    .tiled(
      "of 3 keys from key 6 on, or of 6 keys: the running sum is not rescaled", .sumNotRescaled, first: 2,
      hidden: true),
    .tiled(
      "tiles of 3 keys: exponentials of a tile are taken with the maximum before", .maximumOfTileIgnored,
      hidden: true),
    .tiled("normalised by itself, and their mean is taken", .meanOfTiles, hidden: true),
    .tiled("normalised by itself, and they are added", .sumOfTiles, hidden: false),
    .tiled("not divided by the running sum", .notDivided, hidden: true),
  ]

  /// Whether an element is left out, about one in five.
  private static func isLost(_ offset: Int) -> Bool { (offset &* 2_654_435_761) >> 7 % 5 == 0 }

  private static let dropouts: [PlantedNumber] = [
    PlantedNumber(
      "dropout", "0 or 1.25 times what is due: dropout of 0.2", in: "llama", at: "layers/000/mlp_out"
    ) { site in
      site.edited { y in
        for offset in y.values.indices { y.values[offset] *= isLost(offset) ? 0 : 1.25 }
      }
    },
    PlantedNumber(
      "dropout.on-branch", "layers/000/attn_out is added 0 or 1.25 times: dropout of 0.2", in: "llama",
      at: "layers/000/resid_mid"
    ) { site in
      site.evaluated(changing: 1) { branch in
        for offset in branch.values.indices { branch.values[offset] *= isLost(offset) ? 0 : 1.25 }
      }
    },
  ]
}
