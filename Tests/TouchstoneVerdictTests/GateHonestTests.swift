import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// σ and RMSNorm in every form that programs have, within their bounds; what is a little wrong beyond them.
@Suite struct GateHonestTests {
  private static let forms: [(name: String, sigmoid: @Sendable (Float) -> Float)] = [
    ("exp", { 1 / (1 + exp(-$0)) }),
    ("exp of the lesser", { $0 < 0 ? exp($0) / (1 + exp($0)) : 1 / (1 + exp(-$0)) }),
    ("exp2", { 1 / (1 + exp2(-$0 * Float(1.4426950408889634))) }),
    ("tanh", { 0.5 * (1 + tanh(0.5 * $0)) }),
  ]

  /// A function by σ, over every size of argument.
  @Test(
    .clause("BND-22"), arguments: [ActivationFunction.Function.silu, .quickGELU, .sigmoid], forms.indices)
  func everyFormOfSigmaIsWithinItsBound(_ function: ActivationFunction.Function, _ form: Int) {
    var random = SplitMix64(seed: 0x516)
    let sigmoid = Self.forms[form].sigmoid
    let x = (0..<20_000).map { _ in
      Float.random(in: -1...1, using: &random) * exp2(Float.random(in: -12...7, using: &random))
    }
    let input = Tensor(x.map(Double.init), shape: [x.count])
    let want = Definition.activate(input, function)
    let bounds = Rounding(.float32).ofActivation(function, want, Operand(values: input))
    var worst = 0.0
    for (offset, x) in x.enumerated() {
      let products: [Float] =
        switch function {
        case .silu: [x * sigmoid(x), form == 0 ? x / (1 + exp(-x)) : x * sigmoid(x)]
        case .quickGELU: [x * sigmoid(1.702 * x)]
        default: [sigmoid(x)]
        }
      for got in products {
        worst = max(worst, abs(Double(got) - want.values[offset]) / bounds[offset].stat)
      }
    }
    #expect(worst <= 1, "\(Self.forms[form].name): \(worst), seed 0x516")
  }

  /// A table of half precision, and a logistic function of another slope.
  @Test(.clause("BND-22")) func whatIsNotSigmaIsBeyondItsBound() {
    let x = stride(from: -6.0, through: 6, by: 0.125).map { Double(Float($0 + 0.01)) }
    let input = Tensor(x, shape: [x.count])
    let want = Definition.activate(input, .silu)
    let bounds = Rounding(.float32).ofActivation(.silu, want, Operand(values: input))
    for wrong: (Double) -> Double in [
      { $0 * (1 / (1 + exp(-1.0001 * $0))) }, { Double(Float16($0 / (1 + exp(-$0)))) },
    ] {
      let zones = x.indices.map { bounds[$0].zone(of: abs(wrong(x[$0]) - want.values[$0])) }
      #expect(zones.count { $0 == .proven } > x.count / 2)
    }
  }

  /// Every order of the sum; the gain multiplied last, first or with the root.
  @Test(
    .clause("BND-23"),
    arguments: [
      Summation.sequential, .fused, .reversed, .shuffled(seed: 3), .pairwise, .lanes(8, fused: true),
      .blocked(32), .compensated, .wide,
    ], [7, 64, 1000])
  func everyRMSNormIsWithinItsBound(_ summation: Summation, _ width: Int) {
    var random = SplitMix64(seed: UInt64(width))
    for offset in [0, 1] as [Float] {
      for size in [1, 1e-4, 300] as [Float] {
        let x = (0..<width).map { _ in Float.random(in: -1...1, using: &random) * size }
        let gain = (0..<width).map { _ in Float.random(in: -1...1, using: &random) }
        let kind = RMSNorm(epsilon: 1e-6, offset: Double(offset))
        let parameter = ParameterOperand(gain)
        let estimate = Rounding(.float32).estimate(
          Operation(.rmsNorm(kind), Activation("y"), from: [Activation("x")], with: [parameter.view]),
          [Operand(values: Tensor(x.map(Double.init), shape: [1, width]))], [parameter],
          inputs: Definition.oneToken)
        let meanSquare = summation.dot(x, x) / Float(width)
        let root = (meanSquare + 1e-6).squareRoot()
        for column in 0..<width {
          let (x, g) = (x[column], offset + gain[column])
          for got in [x * (1 / root) * g, x / root * g, x * ((1 / root) * g), (x * g) / root] {
            let error = abs(Double(got) - estimate.values.values[column])
            #expect(
              estimate.bounds[column].zone(of: error) == .consistent, "size \(size), offset \(offset)")
          }
        }
      }
    }
  }
}
