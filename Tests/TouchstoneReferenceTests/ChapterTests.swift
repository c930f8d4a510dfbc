import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// Each chapter against numbers worked out by hand.
@Suite struct ChapterTests {
  @Test(.clause("EMB-1")) func embeddingGathersRowsInTheOrderOfTheIDs() {
    let table = Tensor<Double>([0, 1, 10, 11, 20, 21], shape: [3, 2])
    #expect(embedding([2, 0, 2], table: table).values == [20, 21, 0, 1, 20, 21])
  }

  @Test(.clause("FFN-1")) func linearAddsTheBiasAndEveryTerm() {
    let x = Tensor<Double>([1, 2, 3, 4], shape: [2, 2])
    let weight = Tensor<Double>([1, 10, 100, 2, 20, 200], shape: [2, 3])
    let bias = Tensor<Double>([0.5, 0.25, 0.125], shape: [3])
    let y = linear(x, weight: weight, bias: bias)
    #expect(y.shape == [2, 3])
    #expect(y.values == [5.5, 50.25, 500.125, 11.5, 110.25, 1100.125])
    #expect(linear(x, weight: weight, bias: bias, part: 1, of: 3).values == [50.25, 110.25])
  }

  @Test(.clause("LN-2", "LN-3", "LN-4")) func layerNormUsesThePopulationVarianceWithEpsilonInsideTheRoot() {
    let x = Tensor<Double>([1, 3], shape: [1, 2])
    let y = layerNorm(
      x, weight: Tensor([2, 4], shape: [2]), bias: Tensor([0.5, -0.5], shape: [2]), epsilon: 3)
    // mean 2, variance 1, 1/√(1 + 3) = 0.5
    #expect(y.values == [-0.5, 1.5])
  }

  @Test(.clause("LN-6")) func layerNormOfAConstantRowIsTheBias() {
    let y = layerNorm(
      Tensor([7, 7, 7], shape: [1, 3]), weight: Tensor([1, 2, 3], shape: [3]),
      bias: Tensor([4, 5, 6], shape: [3]), epsilon: 1e-5)
    #expect(y.values == [4, 5, 6])
  }

  @Test(.clause("ATT-2")) func headsTakeConsecutiveColumns() {
    let x = Tensor<Double>((0..<8).map(Double.init), shape: [2, 4])
    #expect(splitHeads(x, headCount: 2).values == [0, 1, 4, 5, 2, 3, 6, 7])
  }

  @Test(.clause("ATT-7", "ATT-8", "ATT-9", "ATT-11", "ATT-15")) func attentionSeesNoLaterTokenAndNoMaskedKey()
  {
    let inputs = Inputs.tokens([0, 1, 2], mask: [false, true, true])
    let ones = Tensor<Double>(repeating: 1, shape: [1, 3, 1])
    let scores = attentionScores(query: ones, key: ones, scale: 0.5, inputs: inputs)
    let masked = -Double.infinity
    #expect(scores.values == [masked, masked, masked, masked, 0.5, masked, masked, 0.5, 0.5])

    let probabilities = maskedSoftmax(scores, inputs: inputs)
    #expect(probabilities.values == [0, 0, 0, 0, 1, 0, 0, 0.5, 0.5])

    let value = Tensor<Double>([.infinity, 2, 4], shape: [1, 3, 1])
    let context = attentionContext(probabilities: probabilities, value: value, inputs: inputs)
    #expect(context.values == [0, 2, 3])
  }

  @Test(
    .clause("FFN-3", "FFN-4"),
    arguments: [
      (0.0, 0.0, 0.0), (1.0, 0.841191990608, 0.841344746069), (-3.0, -0.003637392082, -0.004049694095),
      (-40.0, -0.0, 0.0), (50.0, 50.0, 50.0),
    ])
  func geluHasItsKnownValues(x: Double, tanhForm: Double, erfForm: Double) {
    #expect(abs(geluTanh(x) - tanhForm) < 1e-12)
    #expect(abs(geluErf(x) - erfForm) < 1e-12)
  }

  @Test(.clause("FFN-9")) func geluKeepsItsLimits() {
    for gelu in [geluTanh, geluErf] {
      #expect(gelu(.infinity) == .infinity)
      #expect(gelu(-.infinity) == 0)
      #expect(gelu(-1e300) == 0)
      #expect(gelu(.nan).isNaN)
      #expect(gelu(-0.0).sign == .minus)
    }
  }

  @Test(.clause("UNE-1")) func unembeddingMultipliesByEachRowOfTheTable() {
    let x = Tensor<Double>([1, 2], shape: [1, 2])
    let table = Tensor<Double>([1, 0, 0, 1, 3, 4], shape: [3, 2])
    #expect(unembedding(x, table: table).values == [1, 2, 11])
  }

  @Test(.clause("SMX-4", "SMX-9", "SMX-10")) func softmaxIsShiftInvariantAndDoesNotOverflow() {
    #expect(softmax([1000, 1000]) == [0.5, 0.5])
    #expect(softmax([-.infinity, 5]) == [0, 1])
    #expect(softmax([]).isEmpty)
    let sharp = softmax(Tensor([0, log(4.0)], shape: [1, 2]), temperature: 0.5)
    #expect(abs(sharp.values[1] - 16.0 / 17.0) < 1e-15)
  }
}
