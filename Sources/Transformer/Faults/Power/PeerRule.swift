import Foundation
import TouchstoneModel

/// A rule by which other tools compare logits with a reference, for the sake of comparison.
public struct PeerRule: Sendable {
  /// What it is called, with its threshold.
  public let name: String
  /// How far `got` is from `want`, by rows of logits, in units of the threshold: it passes within 1.
  ///
  /// `eager` is what a plain float32 implementation gives. NaN is as far as can be.
  let distance: @Sendable (_ got: Tensor<Double>, _ want: Tensor<Double>, _ eager: Tensor<Double>) -> Double

  /// The rules in use in this field, with their usual thresholds.
  public static let all: [PeerRule] = [
    PeerRule("assert_close (1.3e-6 relative, 1e-5 absolute)") { farthest($0, $1, 1.3e-6, 1e-5) },
    PeerRule("allclose 1e-4") { farthest($0, $1, 1e-4, 1e-4) },
    PeerRule("allclose 1e-3") { farthest($0, $1, 1e-3, 1e-3) },
    PeerRule("NMSE < 1e-7") { normalisedError($0, $1) / 1e-7 },
    PeerRule("NMSE < 5e-4") { normalisedError($0, $1) / 5e-4 },
    PeerRule("PCC > 0.99") { (1 - correlation($0, $1)) / 0.01 },
    PeerRule("PCC > 0.999") { (1 - correlation($0, $1)) / 0.001 },
    PeerRule("cosine > 0.9999") { (1 - cosine($0, $1)) / 0.0001 },
    PeerRule("KL mean < 1e-6") { divergences($0, $1).reduce(0, +) / Double($0.rowCount) / 1e-6 },
    PeerRule("KL max < 1e-3") { divergences($0, $1).reduce(0, greater) / 1e-3 },
    PeerRule("referee of torch._dynamo (1e-4; else twice the error of eager float32)", referee),
    PeerRule("arg max") { got, want in
      // Every row that differs is one too many.
      Double((0..<want.rowCount).count { greatest(got.row($0)) != greatest(want.row($0)) } * 2)
    },
  ]

  private init(
    _ name: String, _ distance: @escaping @Sendable (Tensor<Double>, Tensor<Double>) -> Double
  ) {
    self.init(name) { got, want, _ in distance(got, want) }
  }

  private init(
    _ name: String,
    _ distance: @escaping @Sendable (Tensor<Double>, Tensor<Double>, Tensor<Double>) -> Double
  ) {
    self.name = name
    self.distance = { got, want, eager in
      let distance = distance(got, want, eager)
      return distance.isNaN ? .infinity : distance
    }
  }

  /// `torch._dynamo.utils.same`: close to float32 eager, or its root mean square error against float64 at most twice
  /// eager's and a tenth of the tolerance.
  @Sendable private static func referee(
    _ got: Tensor<Double>, _ want: Tensor<Double>, _ eager: Tensor<Double>
  ) -> Double {
    func error(_ tensor: Tensor<Double>) -> Double {
      let squares = zip(tensor.values, want.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      return (squares / Double(want.count)).squareRoot()
    }
    let (byElement, bySquares) = (farthest(got, eager, 1e-4, 1e-4), error(got) / (2 * error(eager) + 1e-5))
    return byElement <= bySquares ? byElement : bySquares
  }

  /// The worst element over what it may be off.
  private static func farthest(
    _ got: Tensor<Double>, _ want: Tensor<Double>, _ relative: Double, _ absolute: Double
  ) -> Double {
    zip(got.values, want.values).reduce(0) { worst, pair in
      greater(worst, abs(pair.0 - pair.1) / (absolute + relative * abs(pair.1)))
    }
  }

  /// The greater of two numbers; NaN where one is.
  private static func greater(_ a: Double, _ b: Double) -> Double {
    a.isNaN || a > b ? a : b
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
      let p = Array(want.row(row)).softmax()
      let q = Array(got.row(row)).softmax()
      return zip(p, q).reduce(0) { $1.0 > 0 ? $0 + $1.0 * log($1.0 / $1.1) : $0 }
    }
  }

  private static func greatest(_ row: ArraySlice<Double>) -> Int? {
    row.indices.max { row[$0] < row[$1] }.map { $0 - row.startIndex }
  }
}
