import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// What is read off captures that more than one operation tells of.
@Suite struct ReadingOfRunTests {
  private static let tokens = (0..<11).map { ($0 * 7 + 3) % 29 }

  /// Rows of both caches that are recorded apart.
  @Test func movedRowsOfACacheAreNamed() throws {
    let weights = try ReadingTests.weights(of: "llama")
    let inputs = try Inputs(tokenIDs: Self.tokens, graph: weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let block = Activation.Block(0)
    let moved = RowSources(
      ofHeads: (0..<2).map { _ in (0..<11).map { .row((2...4).contains($0) ? $0 + 5 : $0) } })
    for reader in weights.graph.operations where reader.output.block == block {
      for input in reader.inputs {
        guard let cache = input.cacheRead(by: reader), let due = capture.tensors[input] else { continue }
        capture.tensors[cache] = moved.applied(to: due)
      }
    }
    let verdict = try Judge(weights: weights, depth: .diagnosed(catalogue: [])).verdict(on: capture)
    #expect(verdict.cause?.id == "read.cache.other-rows")
    #expect(verdict.cause?.name == "rows 2 to 4 hold rows 7 to 9, in keys and values")
  }

  /// A row that sees no key is no number, and 0 times it reaches all others in the next layer.
  @Test func notANumberIsTracedToWhereItBegins() throws {
    let weights = try ReadingTests.weights(of: "llama")
    let inputs = try Inputs(
      tokenIDs: Self.tokens, attentionMask: [false] + [Bool](repeating: true, count: 10), graph: weights.graph
    )
    let probabilities = Activation("attn_probs", in: Activation.Block(0))
    let contexts = (0..<2).map { Activation("attn_context", in: Activation.Block($0)) }
    let withoutKey = Fault("planted", "no key", .mask, at: .computed, practice: "a test") { site in
      site.edited { y in
        for row in 0..<y.rowCount where row % 11 == 0 { y.setRow(row) { _ in .nan } }
      }
    }
    let overAll = Fault("planted", "all keys", .mask, at: .computed, practice: "a test") { site in
      site.edited { y in
        let (weights, values) = (site.activations[0], site.activations[1])
        for row in 0..<11 {
          for column in 0..<y.rowWidth {
            y[row, column] = (0..<11).reduce(0) {
              $0 + weights[column / 6, row, $1] * values[column / 12, $1, column % 6]
            }
          }
        }
      }
    }
    let capture = RecordedActivations(
      weights: weights, inputs: inputs,
      planting: [probabilities: withoutKey, contexts[0]: overAll, contexts[1]: overAll])
    let verdict = try Judge(weights: weights, depth: .diagnosed(catalogue: [])).verdict(on: capture)
    #expect(verdict.flagged.first?.activation == contexts[1], "\(verdict.flagged.map(\.activation.path))")
    #expect(verdict.cause?.id == "read.nan.weighed-by-0")
    #expect(
      verdict.cause?.name.hasPrefix(
        "softmax of row 0, which sees no key, is NaN from layers/000/attn_probs on")
        == true, "\(verdict.cause?.name ?? "")")
    #expect(verdict.flagged.first.map { "\($0.got)" } == "nan")
  }

  /// Exponentials of whole scores, which no float32 holds.
  @Test func softmaxWithoutItsMaximumIsNamed() throws {
    let weights = try ReadingTests.weights(of: "llama")
    let inputs = try Inputs(tokenIDs: Self.tokens, graph: weights.graph)
    let point = try #require(weights.graph.operations.last { $0.kind.payload is Softmax }?.output)
    let fault = Fault("planted", "no maximum", .softmax, at: .computed, practice: "a test") { site in
      let temperature = (site.operation.kind.payload as? Softmax)?.temperature ?? 1
      return site.edited { y in
        for row in 0..<y.rowCount {
          let powers = site.activations[0].row(row).map { Float(exp($0 / temperature)) }
          let sum = powers.reduce(0, +)
          y.setRow(row) { Double(powers[$0] / sum) }
        }
      }
    }
    let capture = RecordedActivations(
      weights: weights, inputs: inputs, temperature: 1e-3, planting: [point: fault])
    #expect(capture.tensors[point]?.values.contains(where: \.isNaN) == true)
    let verdict = try Judge(weights: weights, depth: .diagnosed(catalogue: [])).verdict(on: capture)
    #expect(verdict.flagged.first?.activation == point)
    #expect(verdict.cause?.id == "read.softmax.without-maximum", "\(verdict.cause?.name ?? "")")
  }

  /// Probabilities of masked keys, and a context that hears them.
  @Test func maskedKeysThatAreHeardAreNamed() throws {
    let weights = try ReadingTests.weights(of: "llama")
    let inputs = try Inputs(tokenIDs: Self.tokens, graph: weights.graph)
    let block = Activation.Block(1)
    let (probabilities, context) = (
      Activation("attn_probs", in: block), Activation("attn_context", in: block)
    )
    let unmasked = try #require(Fault.named("mask.by-multiplication"))
    let overAll = Fault("planted", "all keys", .mask, at: .computed, practice: "a test") { site in
      site.rawContext { weights, head, row, key in weights[head, row, key] }
    }
    let capture = RecordedActivations(
      weights: weights, inputs: inputs, planting: [probabilities: unmasked, context: overAll])
    let verdict = try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture)
    #expect(verdict.flagged.map(\.activation) == [probabilities, context])
    #expect(verdict.causes.map(\.id) == ["mask.by-multiplication", "read.mask.masked-weighed"])
  }

  /// Noise is no function of an argument; what depends on it alone is, however often it turns.
  @Test(arguments: [false, true]) func aFunctionOfItsInputIsToldFromNoise(_ isNoise: Bool) {
    let samples = (0..<400).map { index in
      let argument = Double(index * 7919 % 400) / 100
      return (
        argument: argument, error: isNoise ? sin(Double(index * index)) : sin(9 * argument), noise: 1e-6
      )
    }
    #expect((FunctionOfInput(samples) != nil) != isNoise)
    var spoilt = samples
    spoilt[200].error += 2
    #expect(FunctionOfInput(spoilt) == nil)
  }

  /// Where nine in ten are explained and the others by a rounding that fell to the other side.
  @Test func flippedRoundingsAreFewAndSmall() {
    let row = [1.0, 2, 3][...]
    for (flips, error, grants, areFew) in [
      (5, 1e-3, true, true), (20, 1e-3, true, false), (5, 1, false, true),
    ] {
      var flipped = FlippedRoundings(.float16)
      for index in 0..<100 {
        let isFlip = index < flips
        let granted = flipped.grants(
          isFlip ? 3 : 0.5, isFlip ? error : 1e-6, in: row, missedWithoutFault: true)
        #expect(granted == (isFlip && grants))
      }
      #expect(flipped.areFew == areFew)
    }
    var none = FlippedRoundings(nil)
    let isGranted = none.grants(3, 1e-3, in: row, missedWithoutFault: true)
    #expect(!isGranted)
  }
}
