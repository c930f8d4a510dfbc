import TouchstoneGraph
import TouchstoneModel

/// How far an implementation within the contract may be off in each element to the same side everywhere.
struct SubtleAllowance {
  private let isSoftmax: Bool
  private let value: Tensor<Double>
  private let input: Tensor<Double>
  private let bias: [Double]
  private let greatest: [Double]
  private let temperature: Double
  private static let unit = 0x1p-24

  init(_ site: FaultSite, _ value: Tensor<Double>) {
    self.value = value
    isSoftmax = site.operation.kind.traits.contains(.softmax)
    let input = site.activations[0]
    self.input = input
    bias = site.parameters.count > 1 ? site.parameters[1].values : []
    temperature = (site.operation.kind.payload as? Softmax)?.temperature ?? 1
    greatest = (0..<input.rowCount).map { row in
      input.row(row).reduce(-.infinity) { $1.isFinite ? max($0, $1) : $0 }
    }
  }

  /// What an error that a whole row shares is proportional to: a wrong 1/√ or a wrong sum.
  func shared(_ offset: Int) -> Double {
    let y = value.values[offset]
    return isSoftmax || bias.isEmpty ? y : y - bias[offset % value.rowWidth]
  }

  /// How far off the same way everywhere 1/√, or the sum and the division by it, may be, relatively.
  ///
  /// - Parameter equalTerms: terms of the sum that equal another: adding the same number again and again is rounded to
  ///   the same side as long as the partial sum has the same exponent.
  func ofRow(equalTerms: Int) -> Double { (2 + 0.5 * Double(equalTerms)) * Self.unit }

  /// x − max, of which the exponential is taken, over the temperature.
  func argument(_ offset: Int) -> Float {
    Float((input.values[offset] - greatest[offset / input.rowWidth]) / temperature)
  }

  /// How far off the same way exp may be, with a rounded log₂e.
  func ofElement(_ offset: Int) -> Double {
    let distance = abs(input.values[offset] - greatest[offset / input.rowWidth]) / temperature
    return Self.unit * abs(value.values[offset]) * (3 + 0.25 * (distance.isFinite ? distance : 0))
  }
}
