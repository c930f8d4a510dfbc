import Foundation
import TouchstoneModel
import TouchstoneReference

/// A rule by which other tools compare logits with a reference, for the sake of comparison.
public struct PeerRule: Sendable {
  /// What it is called, with its threshold.
  public let name: String
  /// Whether `got` passes for `want`, row by row of logits; `eager` is what a plain float32 implementation gives.
  public let accepts:
    @Sendable (_ got: Tensor<Double>, _ want: Tensor<Double>, _ eager: Tensor<Double>) -> Bool

  /// The rules in use in this field, with their usual thresholds.
  public static let all: [PeerRule] = [
    PeerRule("assert_close (1.3e-6 relative, 1e-5 absolute)") { close($0, $1, 1.3e-6, 1e-5) },
    PeerRule("allclose 1e-4") { close($0, $1, 1e-4, 1e-4) },
    PeerRule("allclose 1e-3") { close($0, $1, 1e-3, 1e-3) },
    PeerRule("NMSE < 1e-7") { normalisedError($0, $1) <= 1e-7 },
    PeerRule("NMSE < 5e-4") { normalisedError($0, $1) <= 5e-4 },
    PeerRule("PCC > 0.99") { correlation($0, $1) >= 0.99 },
    PeerRule("PCC > 0.999") { correlation($0, $1) >= 0.999 },
    PeerRule("cosine > 0.9999") { cosine($0, $1) >= 0.9999 },
    PeerRule("KL mean < 1e-6") { divergences($0, $1).reduce(0, +) / Double($0.rowCount) <= 1e-6 },
    PeerRule("KL max < 1e-3") { (divergences($0, $1).max() ?? 0) <= 1e-3 },
    PeerRule("referee of torch._dynamo (1e-4; else twice the error of eager float32)", referee),
    PeerRule("arg max") { got, want in
      (0..<want.rowCount).allSatisfy { greatest(got.row($0)) == greatest(want.row($0)) }
    },
  ]

  private init(_ name: String, _ accepts: @escaping @Sendable (Tensor<Double>, Tensor<Double>) -> Bool) {
    self.name = name
    self.accepts = { got, want, _ in accepts(got, want) }
  }

  private init(
    _ name: String, _ accepts: @escaping @Sendable (Tensor<Double>, Tensor<Double>, Tensor<Double>) -> Bool
  ) {
    self.name = name
    self.accepts = accepts
  }

  /// `torch._dynamo.utils.same`: close to float32 eager, or its root mean square error against float64 at most twice
  /// eager's and a tenth of the tolerance.
  @Sendable private static func referee(
    _ got: Tensor<Double>, _ want: Tensor<Double>, _ eager: Tensor<Double>
  ) -> Bool {
    func error(_ tensor: Tensor<Double>) -> Double {
      let squares = zip(tensor.values, want.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      return (squares / Double(want.count)).squareRoot()
    }
    return close(got, eager, 1e-4, 1e-4) || error(got) <= 2 * error(eager) + 1e-5
  }

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
