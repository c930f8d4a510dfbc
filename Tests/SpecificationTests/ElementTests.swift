import Foundation
import Testing
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneTestSupport

/// LayerNorm, attention, the nonlinearities and numerics at the edges, on the reference's functions.
@Suite struct ElementTests {
  @Test(.clause("LN-12", "LN-5"), arguments: [Double.nan, .infinity, -.infinity])
  func whatIsNotFiniteSpoilsItsOwnRowAlone(value: Double) {
    let gain = Tensor<Double>([1, 2, 3], shape: [3])
    let clean = Tensor<Double>([1, 2, 4, -1, 0, 3], shape: [2, 3])
    var spoilt = clean
    spoilt[0, 1] = value
    let (y, z) = (
      layerNorm(clean, weight: gain, bias: gain, epsilon: 1e-5),
      layerNorm(spoilt, weight: gain, bias: gain, epsilon: 1e-5)
    )
    #expect(z.row(0).allSatisfy { $0.isNaN })
    #expect(Array(z.row(1)) == Array(y.row(1)))
  }

  @Test(.clause("LN-2", "LN-8"), arguments: [0, 1e6, -1e9])
  func aHugeMeanOverATinySpreadKeepsItsDigits(mean: Double) {
    let x = Tensor([mean - 1.5, mean - 0.5, mean + 0.5, mean + 1.5], shape: [1, 4])
    let ones = Tensor<Double>(repeating: 1, shape: [4])
    let y = layerNorm(x, weight: ones, bias: Tensor(repeating: 0, shape: [4]), epsilon: 0)
    let scale = 1 / 1.25.squareRoot()
    #expect(zip(y.values, [-1.5, -0.5, 0.5, 1.5]).allSatisfy { abs($0 - $1 * scale) <= 1e-15 * 4 })
  }

  @Test(.clause("LN-6"))
  func aConstantRowWithoutEpsilonIsNotANumber() {
    let one = Tensor<Double>([1, 1], shape: [2])
    #expect(
      layerNorm(Tensor([3, 3], shape: [1, 2]), weight: one, bias: one, epsilon: 0).values.allSatisfy {
        $0.isNaN
      })
  }

  @Test(.clause("ATT-9", "ATT-11", "ATT-15", "NUM-10"))
  func whatIsNotVisibleIsNeitherReadNorWritten() throws {
    let inputs = Inputs.tokens([0, 0, 0], mask: [true, false, true])
    let query = Tensor<Double>([1, 1, 1], shape: [1, 3, 1])
    let key = Tensor<Double>([2, .nan, 3], shape: [1, 3, 1])
    let scores = attentionScores(query: query, key: key, scale: 1, inputs: inputs)
    let hidden = -Double.infinity
    #expect(scores.values == [2, hidden, hidden, 2, hidden, hidden, 2, hidden, 3])
    var poisoned = scores
    for index in scores.values.indices where scores.values[index] == hidden { poisoned.values[index] = .nan }
    let probabilities = maskedSoftmax(poisoned, inputs: inputs)
    #expect(probabilities == maskedSoftmax(scores, inputs: inputs))
    #expect(
      probabilities.values.enumerated().allSatisfy {
        scores.values[$0.offset] != hidden || $0.element.bitPattern == 0
      })
    let context = attentionContext(
      probabilities: probabilities, value: Tensor([4, .nan, 4], shape: [1, 3, 1]), inputs: inputs)
    #expect(context.values == [4, 4, 4])
  }

  @Test(.clause("FFN-8", "FFN-10"), arguments: ["tanh", "erf"])
  func aGELULiesBetweenItsMinimumAndTheReLUAndKeepsTheSign(form: String) {
    let gelu = form == "tanh" ? geluTanh : geluErf
    var least = 0.0
    for x in stride(from: -12.0, through: 12, by: 1.0 / 512) {
      let y = gelu(x)
      #expect(y >= -0.17005 && y <= max(0, x))
      #expect(x == 0 ? y == 0 : (y == 0 || (y < 0) == (x < 0)))
      #expect(abs(y - gelu(-x) - x) <= 4e-16 * max(1, abs(x)))
      least = min(least, y)
    }
    #expect(abs(least + 0.17) <= 1e-3)
  }

  @Test(.clause("FFN-9"), arguments: ["tanh", "erf"])
  func aGELUKeepsItsLimits(form: String) {
    let gelu = form == "tanh" ? geluTanh : geluErf
    #expect(gelu(-0.0).bitPattern == (-0.0).bitPattern)
    #expect(gelu(.infinity) == .infinity && gelu(.greatestFiniteMagnitude) == .greatestFiniteMagnitude)
    #expect(gelu(-.infinity) == 0 && gelu(-.greatestFiniteMagnitude) == 0 && gelu(-1e300) == 0)
    #expect(gelu(.nan).isNaN)
    #expect(gelu(.leastNonzeroMagnitude) >= 0 && gelu(1e-300) == 0.5e-300)
  }

  @Test(.clause("FFN-11"))
  func theTwoGELUsDifferByLessThan5EMinus4() {
    let differences = stride(from: -8.0, through: 8, by: 1.0 / 256).map { abs(geluTanh($0) - geluErf($0)) }
    #expect((differences.max() ?? 0) > 4e-4 && (differences.max() ?? 1) < 5e-4)
  }

  @Test(.clause("FFN-5"))
  func reLUKeepsNaN() {
    let y = [Double.nan, -1, 2, -.infinity, .infinity].map { activation(.relu, $0) }
    #expect(y[0].isNaN && Array(y[1...]) == [0, 2, 0, .infinity])
  }

  @Test(.clause("NUM-1", "NUM-2"))
  func parametersAreFloat32WidenedExactlyAndFloat64IsRoundedFirst() throws {
    let model = try ModelCase(tokens: [0], headWidth: 2).model()
    var stored = try model.weights().stored
    let exact = [0.1, 1 + 0x1p-24]
    let (tokens, positions) = (
      model.configuration.parameter(.tokenEmbedding), model.configuration.parameter(.positionEmbedding)
    )
    stored[tokens.name] = StoredTensor(
      type: .float64, shape: [1, 2], bytes: exact.withUnsafeBytes { Data($0) })
    let weights = try Weights(configuration: model.configuration, tensors: stored)
    #expect(weights.float64(tokens).values == [Double(Float(0.1)), 1])
    #expect(weights.float64(positions) == model.value(positions))
  }

  @Test(.clause("NUM-5", "NUM-4"))
  func theReferenceAddsInTheOrderOfTheIndexFromTheBias() {
    expectHolds("order", of: Row.self) { row in
      let terms = row.values.map { $0.isFinite ? $0 : 1 }
      let x = Tensor(terms, shape: [1, terms.count])
      let weight = Tensor(terms.map { $0 * 0.1 + 1 }, shape: [terms.count, 1])
      var want = 0.7
      for (a, b) in zip(terms, weight.values) { want += a * b }
      let got = linear(x, weight: weight, bias: Tensor([0.7], shape: [1])).values[0]
      return got == want ? nil : "\(got), not \(want)"
    }
  }
}
