import Foundation
import TouchstoneModel
import TouchstoneReference

/// A rule by which other tools compare logits with a reference, for the sake of comparison.
public struct PeerRule: Sendable {
  /// What it is called, with its threshold.
  public let name: String
  /// Whether `got` passes for `want`, row by row of logits.
  public let accepts: @Sendable (_ got: Tensor<Double>, _ want: Tensor<Double>) -> Bool

  /// The rules in use in this field, with their usual thresholds.
  public static let all: [PeerRule] = [
    PeerRule(name: "assert_close (1.3e-6 relative, 1e-5 absolute)") { close($0, $1, 1.3e-6, 1e-5) },
    PeerRule(name: "allclose 1e-4") { close($0, $1, 1e-4, 1e-4) },
    PeerRule(name: "allclose 1e-3") { close($0, $1, 1e-3, 1e-3) },
    PeerRule(name: "NMSE < 1e-7") { normalisedError($0, $1) <= 1e-7 },
    PeerRule(name: "NMSE < 5e-4") { normalisedError($0, $1) <= 5e-4 },
    PeerRule(name: "PCC > 0.99") { correlation($0, $1) >= 0.99 },
    PeerRule(name: "PCC > 0.999") { correlation($0, $1) >= 0.999 },
    PeerRule(name: "cosine > 0.9999") { cosine($0, $1) >= 0.9999 },
    PeerRule(name: "KL mean < 1e-6") { divergences($0, $1).reduce(0, +) / Double($0.rowCount) <= 1e-6 },
    PeerRule(name: "KL max < 1e-3") { (divergences($0, $1).max() ?? 0) <= 1e-3 },
    PeerRule(name: "arg max") { got, want in
      (0..<want.rowCount).allSatisfy { greatest(got.row($0)) == greatest(want.row($0)) }
    },
  ]

  private static func close(
    _ got: Tensor<Double>, _ want: Tensor<Double>, _ relative: Double, _ absolute: Double
  ) -> Bool {
    zip(got.values, want.values).allSatisfy { abs($0 - $1) <= absolute + relative * abs($1) }
  }

  private static func normalisedError(_ got: Tensor<Double>, _ want: Tensor<Double>) -> Double {
    let error = zip(got.values, want.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return error / want.values.reduce(0) { $0 + $1 * $1 }
  }

  private static func correlation(_ got: Tensor<Double>, _ want: Tensor<Double>) -> Double {
    func centred(_ tensor: Tensor<Double>) -> Tensor<Double> {
      let mean = tensor.values.reduce(0, +) / Double(tensor.count)
      return Tensor(tensor.values.map { $0 - mean }, shape: tensor.shape)
    }
    return cosine(centred(got), centred(want))
  }

  private static func cosine(_ got: Tensor<Double>, _ want: Tensor<Double>) -> Double {
    let product = zip(got.values, want.values).reduce(0) { $0 + $1.0 * $1.1 }
    let squares = got.values.reduce(0) { $0 + $1 * $1 } * want.values.reduce(0) { $0 + $1 * $1 }
    return product / squares.squareRoot()
  }

  /// KL(want ‖ got) of each row's softmax.
  private static func divergences(_ got: Tensor<Double>, _ want: Tensor<Double>) -> [Double] {
    (0..<want.rowCount).map { row in
      let p = softmax(Array(want.row(row)))
      let q = softmax(Array(got.row(row)))
      return zip(p, q).reduce(0) { $1.0 > 0 ? $0 + $1.0 * log($1.0 / $1.1) : $0 }
    }
  }

  private static func greatest(_ row: ArraySlice<Double>) -> Int? {
    row.indices.max { row[$0] < row[$1] }.map { $0 - row.startIndex }
  }
}
