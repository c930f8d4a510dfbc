import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// A program that quantises what products with a matrix read, in float32, as ggml does it by its definition or by vectors.
private struct QuantisingEngine {
  let weights: Weights
  let format: ProductInputs.Format
  var usesVectors = false

  func run(_ inputs: Inputs) -> RecordedActivations {
    var stored: [Activation: Tensor<Double>] = [:]
    for operation in weights.graph.operations {
      var read = operation.inputs.compactMap { stored[$0] }
      if operation.kind.payload is Linear { read[0] = quantised(read[0]) }
      let parameters = operation.parameters.map { ParameterValues(weights.float64($0.parameter), $0) }
      let value = operation.kind.value(Operands(read, parameters: parameters), in: inputs)
      stored[operation.output] = Tensor(value.values.map { Double(Float($0)) }, shape: value.shape)
    }
    return RecordedActivations(graph: weights.graph, inputs: inputs, tensors: stored)
  }

  private func quantised(_ x: Tensor<Double>) -> Tensor<Double> {
    let width = x.rowWidth
    let length = [.q80, .q81].contains(format) ? 32 : format == .q8k ? 256 : 1
    var values: [Double] = []
    for row in 0..<x.rowCount {
      let own = x.row(row).map { Float($0) }
      for start in stride(from: 0, to: width, by: length) {
        values += block(Array(own[start..<min(start + length, width)])).map(Double.init)
      }
    }
    return Tensor(values, shape: x.shape)
  }

  private func block(_ x: [Float]) -> [Float] {
    switch format {
    case .float16: return x.map { Float(Float16($0)) }
    case .bfloat16: return x.map { Float(ScalarType.bfloat16.rounded(Double($0))) }
    case .q80, .q81:
      let greatest = x.reduce(0) { max($0, abs($1)) }
      let step = greatest / 127
      let inverse = step == 0 ? 0 : usesVectors ? 127 / greatest : 1 / step
      let rule = usesVectors ? FloatingPointRoundingRule.toNearestOrEven : .toNearestOrAwayFromZero
      return x.map { ($0 * inverse).rounded(rule) * Float(Float16(step)) }
    case .q8k:
      guard let greatest = x.max(by: { abs($0) < abs($1) }), greatest != 0 else { return x }
      let inverse = -127 / greatest
      return x.map { min(($0 * inverse).rounded(.toNearestOrEven), 127) * (1 / inverse) }
    }
  }
}

/// Engines whose products read quantised inputs.
@Suite struct ProductInputsTests {
  private let weights: Weights
  private let inputs: Inputs

  init() throws {
    weights = try SyntheticModel.trainedLike.weights(
      Configuration(
        vocabularySize: 67, contextLength: 32, width: 64, layerCount: 2, headCount: 4, feedForwardWidth: 320),
      seed: 41)
    inputs = try Inputs(tokenIDs: (0..<20).map { $0 * $0 * 7 % 67 }, graph: weights.graph)
  }

  private func verdict(_ run: RecordedActivations, declaring text: String?) throws -> Verdict {
    var run = run
    if let text { run.productInputs = try #require(ProductInputs(text: text)) }
    return try Judge(weights: weights, depth: .examined()).verdict(on: run)
  }

  @Test(.clause("BND-33"), arguments: ProductInputs.Format.allCases, [false, true])
  func aDeclaredTypeIsGrantedAndNothingElse(_ format: ProductInputs.Format, usesVectors: Bool) throws {
    let run = QuantisingEngine(weights: weights, format: format, usesVectors: usesVectors).run(inputs)
    let declared = try verdict(run, declaring: format.rawValue)
    #expect(declared.outcome == .consistent, "\(declared.flagged)")
    #expect(declared.remarks.contains { $0.sentence.contains("read their inputs as \(format.rawValue)") })
    let products = Set(weights.graph.operations.filter { $0.kind.payload is Linear }.map(\.output))
    // Weights without offsets: q8_0 and q8_1 are the same numbers.
    let blocks: [ProductInputs.Format] = [.q80, .q81]
    let others = ProductInputs.Format.allCases.filter {
      $0 != format && !(blocks.contains($0) && blocks.contains(format))
    }
    for other in [nil] + others.map(\.rawValue) {
      let flagged = Set(try verdict(run, declaring: other).flagged.map(\.activation))
      #expect(!flagged.isEmpty && flagged.isSubset(of: products), "\(other ?? "nothing"): \(flagged)")
    }
  }

  @Test(.clause("BND-33")) func exceptionsHoldForTheProductsThatTheyName() throws {
    let run = QuantisingEngine(weights: weights, format: .q80).run(inputs)
    for (text, due) in [
      ("q8_0", []),
      ("recorded, q=q8_0,k=q8_0, v = q8_0, attn_out=q8_0, mlp_pre=q8_0, mlp_out=q8_0, logits=q8_0", []),
      ("q8_0, layers/001/mlp_out = recorded", ["layers/001/mlp_out"]),
      ("q8_0, attn_out = q8_K", ["layers/000/attn_out", "layers/001/attn_out"]),
    ] {
      #expect(try verdict(run, declaring: text).flagged.map(\.activation.path) == due, "\(text)")
      #expect(ProductInputs(text: text).map { ProductInputs(text: $0.text) } == ProductInputs(text: text))
    }
    for text in [
      "", "q8", "q8_0, q8_K", "q8_0, q", "q8_0, = q8_0", "q8_0, q = q8_0, q = q8_K", "q8_0,", "a = b = q8_0",
    ] {
      #expect(ProductInputs(text: text) == nil, "\(text)")
    }
  }

  /// What is not recorded is quantised on the way, and may fall to either neighbour.
  @Test(.clause("BND-33"), arguments: [ProductInputs.Format.q80, .q81, .q8k])
  func whatIsLeftOutIsQuantisedToo(_ format: ProductInputs.Format) throws {
    for missing in [Activation.Point.feedForwardActivation, .layerNorm1, .feedForwardOutput] {
      var run = QuantisingEngine(weights: weights, format: format).run(inputs)
      run.tensors = run.tensors.filter { $0.key.point != missing }
      let verdict = try verdict(run, declaring: format.rawValue)
      #expect(verdict.outcome == .consistent, "without \(missing): \(verdict.flagged)")
    }
  }

  /// Faults of a quantised kernel: in each a block of 32 inputs of one output is read wrongly.
  @Test(.clause("BND-33"), arguments: ["a scale", "the order of nibbles", "the minimum"])
  func aFaultInOneBlockIsFoundWhereItIs(_ fault: String) throws {
    let name = "transformer.h.1.mlp.c_proj.weight"
    let matrix = try #require(weights.stored[name]).float32()
    var changed = matrix
    for input in 32..<64 {
      let other = fault == "the order of nibbles" ? 32 + (input + 16) % 32 : input
      let value = matrix[other, 5]
      changed[input, 5] =
        fault == "a scale" ? value * (1 + 0x1p-6) : fault == "the minimum" ? value + 0.01 : value
    }
    let other = try Weights(
      graph: weights.graph, names: Family.gpt2.tensors,
      tensors: weights.stored.merging([name: StoredTensor(changed)]) { $1 })
    let run = QuantisingEngine(weights: other, format: .q80, usesVectors: true).run(inputs)
    let verdict = try verdict(run, declaring: "q8_0")
    #expect(verdict.outcome == .mismatch)
    #expect(verdict.flagged.map(\.activation.path) == ["layers/001/mlp_out"])
    #expect(verdict.flagged.first?.index.last == 5)
  }

  /// Weights d·q − m of which each part is summed by itself, in float32, of inputs of one sign.
  ///
  /// Both sums are much greater than what is left of them. In q8_1 the sums of blocks are in half precision besides.
  @Test(.clause("BND-33"), arguments: [ProductInputs.Format.q8k, .q81])
  func multiplesAndOffsetsMayBeSummedApart(_ format: ProductInputs.Format) {
    var random = SplitMix64(seed: 29)
    let (rows, depth, columns) = (6, 2048, 16)
    let x = (0..<rows * depth).map { _ in Double(Float.random(in: 0.5...1, using: &random)) }
    let read = format.read(Operand(values: Tensor(x, shape: [rows, depth])))
    var weight = Tensor<Float>(repeating: 0, shape: [depth, columns])
    var got = Tensor<Double>(repeating: 0, shape: [rows, columns])
    for column in 0..<columns {
      var (multiples, offsets) = ([Float](repeating: 0, count: rows), [Float](repeating: 0, count: rows))
      for block in stride(from: 0, to: depth, by: 32) {
        let step = Float(Float16(Float.random(in: 0.01...0.02, using: &random)))
        let offset = Float(Float16(7.5 * step))
        // As in most blocks, 0 is among the multiples.
        let q = [0] + (1..<32).map { _ in Float(Int.random(in: 0...15, using: &random)) }
        for (place, q) in q.enumerated() { weight[block + place, column] = step * q - offset }
        for row in 0..<rows {
          let values = (0..<32).map { read.values[row, block + $0] }
          let sum = values.reduce(0, +)
          multiples[row] += step * Float(zip(values, q).reduce(0) { $0 + $1.0 * Double($1.1) })
          offsets[row] += offset * Float(format == .q81 ? ScalarType.float16.rounded(sum) : sum)
        }
      }
      for row in 0..<rows { got[row, column] = Double(multiples[row] - offsets[row]) }
    }
    let matrix = MatrixView(StoredTensor(weight))
    func worst(_ input: Operand) -> Double {
      let want = Rounding(.float32).ofProduct(input, matrix, weightRoundoff: 0, bias: nil)
      return got.values.indices.reduce(0) {
        max($0, abs(got.values[$1] - want.values.values[$1]) / want.bounds[$1].stat)
      }
    }
    #expect(worst(read) <= 1)
    #expect(worst(Operand(values: read.values, error: read.error)) > 1, "the same numbers, summed at once")
  }

  @Test(.clause("BND-33")) func valuesHalfWayMayFallToEitherSide() throws {
    // Steps of 1: a greatest magnitude of 127.
    let row = [127, 2.5, 2.5 + 0x1p-21, 2.5 + 0x1p-10, -3.5] + [Double](repeating: 0, count: 27)
    let read = ProductInputs.Format.q80.read(Operand(values: Tensor(row, shape: [1, 32])))
    #expect(read.values.values.prefix(5) == [127, 3, 3, 3, -4])
    #expect((0..<6).map { read.error(at: $0).det } == [0, 1, 1, 0, 1, 0])
    let zero = ProductInputs.Format.q8k.read(Operand(values: Tensor(repeating: 0, shape: [2, 256])))
    #expect(zero.values.values.allSatisfy { $0 == 0 } && zero.error == nil)
  }

  @Test(.clause("BND-33")) func whatIsNotDeclaredHasACauseThatSaysSo() throws {
    let run = QuantisingEngine(weights: weights, format: .q80).run(inputs)
    let verdict = try Judge(weights: weights, depth: .diagnosed()).verdict(on: run)
    #expect(
      verdict.cause?.name.contains("the input is quantised to 8 bits") == true,
      "\(verdict.cause?.name ?? "none")")
  }
}
