import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Fault {
  static let layerNormFaults: [Fault] = [
    epsilonFaults, statisticsFaults, affineFaults,
  ].flatMap { $0 }

  private static let epsilonFaults: [Fault] = [1e-6, 1e-8, 1e-12, 0, 1e-3].map { epsilon in
    Fault(
      "norm.epsilon-\(epsilon)", "ε is \(epsilon) instead of the model's", .layerNorm, at: norms,
      practice: "another family's default is built in"
    ) { site in
      guard epsilon != site.configuration.layerNormEpsilon else { return nil }
      return site.evaluated(kind: .layerNorm(epsilon: epsilon))
    }
  }

  private static let statisticsFaults: [Fault] = [
    variant(
      "epsilon-outside-root", "ε is added to the standard deviation instead of the variance",
      "1/(σ + ε) for 1/√(σ² + ε)", { row, epsilon in row.scaled(1 / (row.variance.squareRoot() + epsilon)) }
    ),
    variant(
      "unbiased-variance", "the variance is divided by D − 1", "a library's default for the variance",
      { row, epsilon in
        let n = Double(row.count)
        return row.scaled(1 / (row.variance * n / max(n - 1, 1) + epsilon).squareRoot())
      }
    ),
    variant(
      "no-mean", "the mean is not subtracted", "RMSNorm for LayerNorm",
      { row, epsilon in
        let scale = 1 / (row.reduce(0) { $0 + $1 * $1 } / Double(row.count) + epsilon).squareRoot()
        return row.map { $0 * scale }
      }
    ),
    variant(
      "mean-not-in-variance", "the variance is the mean square", "the mean is subtracted after the squares",
      { row, epsilon in
        row.scaled(1 / (row.reduce(0) { $0 + $1 * $1 } / Double(row.count) + epsilon).squareRoot())
      }
    ),
    variant(
      "no-root", "deviations are divided by the variance", "the square root is forgotten",
      { row, epsilon in row.scaled(1 / (row.variance + epsilon)) }
    ),
    variant(
      "no-variance", "deviations are not divided", "only the mean is removed", { row, _ in row.scaled(1) }
    ),
    variant(
      "tail-left-out", "the statistics leave out the last D mod 8 entries",
      "a vector loop without its remainder",
      { row, epsilon in
        let head = Array(row.prefix(max(row.count / 8 * 8, 1)))
        let (mean, scale) = (head.mean, 1 / (head.variance + epsilon).squareRoot())
        return row.map { ($0 - mean) * scale }
      }
    ),
    variant(
      "last-left-out", "the statistics leave out the last entry", "a loop ends one early",
      { row, epsilon in
        let head = Array(row.prefix(max(row.count - 1, 1)))
        let (mean, scale) = (head.mean, 1 / (head.variance + epsilon).squareRoot())
        return row.map { ($0 - mean) * scale }
      }
    ),
    variant(
      "statistics-in-half", "mean and 1/σ are rounded to float16", "statistics are kept in half precision",
      { row, epsilon in
        let mean = NumberFormat.float16.round(row.mean)
        let scale = NumberFormat.float16.round(1 / (row.variance + epsilon).squareRoot())
        return row.map { ($0 - mean) * scale }
      }
    ),
    variant(
      "root-to-12-bits", "1/√ is the processor's estimate of 12 bits", "rsqrtps without a Newton step",
      { row, epsilon in
        let exact = 1 / (row.variance + epsilon).squareRoot()
        return row.scaled(
          NumberFormat(
            name: "", significandBits: 12, leastExponent: -126, greatestFinite: 1e38
          ).round(exact))
      }
    ),
    variant(
      "fast-root-1", "1/√ is the bit trick with one Newton step", "a fast approximation",
      { row, epsilon in row.scaled(fastInverseRoot(row.variance + epsilon, steps: 1)) }
    ),
    variant(
      "fast-root-2", "1/√ is the bit trick with two Newton steps", "a fast approximation",
      { row, epsilon in row.scaled(fastInverseRoot(row.variance + epsilon, steps: 2)) }
    ),
  ]

  private static let affineFaults: [Fault] = [
    Fault(
      "norm.missing", "the norm is left out", .layerNorm, at: norms,
      practice: "a layer is not wired, often the final one"
    ) { $0.activations[0] },
    Fault(
      "norm.no-weight", "the norm's weight is not applied", .layerNorm, at: norms,
      practice: "a norm without affine parameters is called"
    ) { site in site.evaluated(changingParameter: 0) { $0 = Tensor(repeating: 1, shape: $0.shape) } },
    Fault(
      "norm.no-bias", "the norm's bias is not applied", .layerNorm, at: norms,
      practice: "a norm without bias is called, or the tensor is not loaded"
    ) { site in site.evaluated(changingParameter: 1) { $0 = Tensor(repeating: 0, shape: $0.shape) } },
    Fault(
      "norm.weight-plus-one", "the norm's weight is 1 + weight", .layerNorm, at: norms,
      practice: "the convention of another model family"
    ) { site in site.evaluated(changingParameter: 0) { $0.values = $0.values.map { $0 + 1 } } },
    Fault(
      "norm.other-parameters", "the block's other norm's parameters are used", .layerNorm,
      at: [.layerNorm1, .layerNorm2], practice: "two tensors are exchanged when loading"
    ) { site in
      let roles: [Parameter.Role] =
        site.operation.output.point == .layerNorm1
        ? [.layerNorm2Weight, .layerNorm2Bias] : [.layerNorm1Weight, .layerNorm1Bias]
      let parameters = roles.compactMap { role in
        site.operation.output.layer.flatMap { site.parameter(Parameter(role, layer: $0)) }
      }
      return parameters.count == 2 ? site.evaluated(parameters: parameters) : nil
    },
    Fault(
      "norm.statistics-of-row-before", "each row uses the statistics of the row before", .staleness,
      at: norms,
      practice: "a race between the reduction and its reader"
    ) { site in
      guard site.inputs.count > 1 else { return nil }
      let x = site.activations[0]
      guard case .layerNorm(let epsilon) = site.operation.kind else { return nil }
      let rows = (0..<x.rowCount).flatMap { index -> [Double] in
        let before = Array(x.row(max(index - 1, 0)))
        let (mean, scale) = (before.mean, 1 / (before.variance + epsilon).squareRoot())
        return x.row(index).map { ($0 - mean) * scale }
      }
      return site.withAffine(Tensor(rows, shape: x.shape))
    },
  ]

  /// The bit trick for 1/√x, refined by Newton's method, in float32.
  private static func fastInverseRoot(_ x: Double, steps: Int) -> Double {
    let half = Float(x) / 2
    var y = Float(bitPattern: 0x5f37_59df &- Float(x).bitPattern >> 1)
    for _ in 0..<steps { y *= 1.5 - half * y * y }
    return Double(y)
  }

  private static func variant(
    _ id: String, _ name: String, _ practice: String,
    _ rule: @escaping @Sendable ([Double], Double) -> [Double]
  ) -> Fault {
    Fault("norm.\(id)", name, .layerNorm, at: norms, practice: practice) { $0.normalisedRows(rule) }
  }
}

extension [Double] {
  fileprivate var mean: Double { reduce(0, +) / Double(count) }

  fileprivate var variance: Double {
    let mean = mean
    return reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
  }

  /// (x − mean)·scale.
  fileprivate func scaled(_ scale: Double) -> [Double] {
    let mean = mean
    return map { ($0 - mean) * scale }
  }
}

extension FaultSite {
  /// LayerNorm whose rows are normalised by another rule, before weight and bias.
  fileprivate func normalisedRows(_ rule: ([Double], Double) -> [Double]) -> Tensor<Double>? {
    guard case .layerNorm(let epsilon) = operation.kind else { return nil }
    let x = activations[0]
    return withAffine(Tensor((0..<x.rowCount).flatMap { rule(Array(x.row($0)), epsilon) }, shape: x.shape))
  }

  /// Applies the norm's weight and bias.
  fileprivate func withAffine(_ normalised: Tensor<Double>) -> Tensor<Double> {
    var result = normalised
    for row in 0..<result.rowCount {
      for column in 0..<result.rowWidth {
        result[row, column] =
          result[row, column] * parameters[0].values[column] + parameters[1].values[column]
      }
    }
    return result
  }
}
