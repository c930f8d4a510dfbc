import Foundation
import TouchstoneGraph
import TouchstoneModel

/// A norm, of whichever kind, as its faults see it.
protocol Normalising: Faulty {
  /// What is added to the variance.
  var epsilon: Double { get }
  /// Whether the mean of a row is taken away first.
  var subtractsMean: Bool { get }
  /// What is added to the stored gain.
  var offset: Double { get }
  /// Whether all heads of a token are one row.
  var isJoined: Bool { get }

  /// The same with another ε.
  func with(epsilon: Double) -> Self
}

extension Fault {
  static let normFaults: [Fault] = epsilonFaults + statisticsFaults + affineFaults

  private static let epsilonFaults: [Fault] = [1e-6, 1e-8, 1e-12, 0, 1e-3].map { epsilon in
    var fault = Fault(
      "norm.epsilon-\(epsilon)", "ε is \(epsilon) instead of the model's", .layerNorm, at: .norms,
      practice: "another family's default is built in"
    ) { site in
      guard let own = site.norm, epsilon != own.epsilon else { return nil }
      return site.evaluated(as: own.with(epsilon: epsilon))
    }
    // Without one, rows that do not vary are divided by 0.
    fault.grants.saysNaN = epsilon == 0
    return fault
  }

  private static let statisticsFaults: [Fault] = [
    variant(
      "epsilon-outside-root", "ε is added to the standard deviation instead of the variance",
      "1/(σ + ε) for 1/√(σ² + ε)", { row, epsilon in row.scaled(1 / (row.variance.squareRoot() + epsilon)) }
    ),
    variant(
      "unbiased-variance", "the variance is divided by D − 1", "a library's default for the variance",
      { row, epsilon in
        let n = Double(row.values.count)
        return row.scaled(1 / (row.variance * n / max(n - 1, 1) + epsilon).squareRoot())
      }
    ),
    variant(
      "no-mean", "the mean is not subtracted", "RMSNorm for LayerNorm", at: .of(LayerNorm.self),
      { row, epsilon in
        let scale = 1 / (row.meanSquare + epsilon).squareRoot()
        return row.values.map { $0 * scale }
      }
    ),
    variant(
      "mean-not-in-variance", "the variance is the mean square", "the mean is subtracted after the squares",
      at: .of(LayerNorm.self),
      { row, epsilon in
        row.scaled(1 / (row.meanSquare + epsilon).squareRoot())
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
        let head = row.prefix(row.values.count / 8 * 8)
        let (mean, scale) = (head.mean, 1 / (head.variance + epsilon).squareRoot())
        return row.values.map { ($0 - mean) * scale }
      }
    ),
    variant(
      "last-left-out", "the statistics leave out the last entry", "a loop ends one early",
      { row, epsilon in
        let head = row.prefix(row.values.count - 1)
        let (mean, scale) = (head.mean, 1 / (head.variance + epsilon).squareRoot())
        return row.values.map { ($0 - mean) * scale }
      }
    ),
    variant(
      "statistics-in-half", "mean and 1/σ are rounded to float16", "statistics are kept in half precision",
      { row, epsilon in
        let mean = NumberFormat.float16.round(row.mean)
        let scale = NumberFormat.float16.round(1 / (row.variance + epsilon).squareRoot())
        return row.values.map { ($0 - mean) * scale }
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

  private static let gains = Place.norms.filtered { operation, _ in !operation.parameters.isEmpty }

  private static let affineFaults: [Fault] = [
    Fault(
      "norm.missing", "the norm is left out", .layerNorm, at: .norms,
      practice: "a layer is not wired, often the final one"
    ) { $0.activations[0] },
    Fault(
      "norm.no-weight", "the norm's weight is not applied", .layerNorm, at: gains,
      practice: "a norm without affine parameters is called"
    ) { site in
      guard let offset = site.norm?.offset else { return nil }
      return site.evaluated(changingParameter: 0) { $0 = Tensor(repeating: 1 - offset, shape: $0.shape) }
    },
    Fault(
      "norm.no-bias", "the norm's bias is not applied", .layerNorm,
      at: .norms.filtered { operation, _ in operation.parameters.count > 1 },
      practice: "a norm without bias is called, or the tensor is not loaded"
    ) { site in site.evaluated(changingParameter: 1) { $0 = Tensor(repeating: 0, shape: $0.shape) } },
    Fault(
      "norm.weight-plus-one", "the norm's weight is 1 + weight", .layerNorm, at: gains,
      practice: "the convention of another model family"
    ) { site in site.evaluated(changingParameter: 0) { $0.values = $0.values.map { $0 + 1 } } },
    Fault(
      "norm.weight-without-offset", "the norm's weight is not added to 1", .layerNorm,
      at: .norms.filtered { operation, _ in
        (operation.kind.payload as? any Normalising).map { $0.offset != 0 } ?? false
      },
      practice: "the weight is taken for that of another model family"
    ) { site in
      guard let offset = site.norm?.offset else { return nil }
      return site.evaluated(changingParameter: 0) { $0.values = $0.values.map { $0 - offset } }
    },
    Fault(
      "norm.other-parameters", "the block's other norm's parameters are used", .layerNorm,
      at: .norms.inBlocks, practice: "two tensors are exchanged when loading"
    ) { site in
      let own = site.operation
      let other = site.graph.operations.first { other in
        other.output.block == own.output.block && other != own && other.kind == own.kind
          && other.parameters.map(\.shape) == own.parameters.map(\.shape)
      }
      let parameters = other?.parameters.compactMap { site.parameter($0.parameter) }
      return parameters.flatMap { $0.isEmpty ? nil : site.evaluated(parameters: $0) }
    },
    Fault(
      "norm.statistics-of-row-before", "each row uses the statistics of the row before", .staleness,
      at: .norms,
      practice: "a race between the reduction and its reader"
    ) { site in
      site.inputs.count > 1
        ? site.normalised(statisticsOf: { max($0 - 1, 0) }) { row, before, epsilon in
          let (mean, scale) = (before.mean, 1 / (before.variance + epsilon).squareRoot())
          return row.values.map { ($0 - mean) * scale }
        } : nil
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
    _ id: String, _ name: String, _ practice: String, at place: Place = .norms,
    _ rule: @escaping @Sendable (NormRow, Double) -> [Double]
  ) -> Fault {
    Fault("norm.\(id)", name, .layerNorm, at: place, practice: practice) { site in
      site.normalised { row, _, epsilon in rule(row, epsilon) }
    }
  }
}

/// What is normalised together.
struct NormRow {
  let values: [Double]
  let subtractsMean: Bool

  /// The mean, where the norm takes it away.
  var mean: Double { subtractsMean ? values.reduce(0, +) / Double(values.count) : 0 }

  /// The mean squared deviation from ``mean``.
  var variance: Double {
    let mean = mean
    return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
  }

  var meanSquare: Double { values.reduce(0) { $0 + $1 * $1 } / Double(values.count) }

  /// (x − mean)·scale.
  func scaled(_ scale: Double) -> [Double] {
    let mean = mean
    return values.map { ($0 - mean) * scale }
  }

  /// The first values, at least one.
  func prefix(_ count: Int) -> NormRow {
    NormRow(values: Array(values.prefix(max(count, 1))), subtractsMean: subtractsMean)
  }
}

extension FaultSite {
  /// The norm that is computed here.
  var norm: (any Normalising)? { operation.kind.payload as? any Normalising }

  /// The norm whose rows are normalised by another rule, before gain and shift.
  ///
  /// - Parameters:
  ///   - source: the row whose statistics are used, by the row that is normalised.
  ///   - rule: makes a row, from its values, the row of the statistics, and ε.
  func normalised(
    statisticsOf source: (Int) -> Int = { $0 }, _ rule: (NormRow, NormRow, Double) -> [Double]
  ) -> Tensor<Double>? {
    bareRows(statisticsOf: source, by: rule).flatMap { withGains($0) }
  }

  /// What `normalised` makes before gain and shift; the norm's own rows unless another rule is given.
  ///
  /// - Parameter isJoined: whether all heads of a token are one row; as the norm has it where nil.
  func bareRows(
    isJoined: Bool? = nil, statisticsOf source: (Int) -> Int = { $0 },
    by rule: (NormRow, NormRow, Double) -> [Double] = { row, _, epsilon in
      row.scaled(1 / (row.variance + epsilon).squareRoot())
    }
  ) -> Tensor<Double>? {
    guard let norm else { return nil }
    let x = activations[0]
    // Joined: the rows of [H, T, d] that belong to one token are T apart.
    let headCount = isJoined ?? norm.isJoined ? x.shape[0] : 1
    let tokenCount = x.rowCount / headCount
    func rows(_ token: Int) -> [Int] { (0..<headCount).map { $0 * tokenCount + token } }
    func gathered(_ token: Int) -> NormRow {
      NormRow(values: rows(token).flatMap { x.row($0) }, subtractsMean: norm.subtractsMean)
    }
    var y = x
    for token in 0..<tokenCount {
      let row = rule(gathered(token), gathered(source(token)), norm.epsilon)
      for (head, target) in rows(token).enumerated() {
        y.setRow(target) { row[head * x.rowWidth + $0] }
      }
    }
    return y
  }

  /// Rows times the norm's gain and, where `shifted`, with its shift.
  func withGains(_ rows: Tensor<Double>, shifted: Bool = true) -> Tensor<Double>? {
    guard let norm else { return nil }
    let (gain, shift) = (site.operands.parameters.first, site.operands.parameters.dropFirst().first)
    let tokenCount = rows.rowCount / (norm.isJoined ? rows.shape[0] : 1)
    var y = rows
    for row in 0..<rows.rowCount {
      for column in 0..<rows.rowWidth {
        let place = row / tokenCount * rows.rowWidth + column
        if let gain { y[row, column] *= norm.offset + gain[place] }
        if shifted, let shift { y[row, column] += shift[place] }
      }
    }
    return y
  }
}
