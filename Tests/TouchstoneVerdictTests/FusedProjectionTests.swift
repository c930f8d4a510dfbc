import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Projections that nobody recorded, accumulated onto whatever else a block adds to the stream.
@Suite struct FusedProjectionTests {
  private typealias Formula = BoundFormulas

  private func values(_ shape: [Int], seed: UInt64) -> Tensor<Double> {
    var random = SplitMix64(seed: seed)
    return Tensor(
      (0..<shape.reduce(1, *)).map { _ in Double(Float.random(in: -1...1, using: &random)) }, shape: shape)
  }

  /// Parallel halves of a block that nobody recorded: each may be accumulated onto any sum of the others.
  @Test(.clause("BND-5", "BND-19"), arguments: [1, 2])
  func aProjectionMayBeginWithWhateverElseIsAdded(_ projectionCount: Int) {
    let (rows, depth, columns) = (4, 9, 3)
    let inputs = (0..<projectionCount).map { values([rows, depth], seed: UInt64(20 + $0)) }
    let weights = (0..<projectionCount).map {
      values([depth, columns], seed: UInt64(30 + $0)).converted(to: Float.self)
    }
    let products = (0..<projectionCount).map { part in
      Tensor(
        (0..<rows * columns).map { offset in
          (0..<depth).reduce(0) {
            $0 + inputs[part][offset / columns, $1] * Double(weights[part][$1, offset % columns])
          }
        }, shape: [rows, columns])
    }
    let known = (projectionCount..<3).map { values([rows, columns], seed: UInt64(40 + $0)) }
    let projections = (0..<projectionCount).map { part in
      (
        known.count + part,
        FusedProjection(
          input: Operand(values: inputs[part]),
          parameters: [
            ParameterOperand(
              StoredTensor(weights[part]), ParameterView(Parameter("w", [depth, columns]), .inputsFirst))
          ])
      )
    }
    let found = Rounding(.float32).fusedEstimate(
      (known + products).map { Operand(values: $0) }, Dictionary(uniqueKeysWithValues: projections))
    for offset in 0..<rows * columns {
      let (row, column) = (offset / columns, offset % columns)
      let all = (known + products).map { $0.values[offset] }
      #expect(abs(found.values.values[offset] - all.reduce(0, +)) < 1e-14)
      let rest = known.map { $0.values[offset] }
      var want = Formula.sum(rest, rounded: { _ in false }) + Double(rest.count) * Formula.flush
      for part in 0..<projectionCount {
        let others = all.enumerated().filter { $0.offset != known.count + part }.map(\.element)
        let sums = (0..<4).map { chosen in
          others.enumerated().reduce(0) { chosen >> $1.offset & 1 == 1 ? $0 + $1.element : $0 }
        }
        let start = sums.max { abs($0) < abs($1) } ?? 0
        let terms = (0..<depth).map { inputs[part][row, $0] * Double(weights[part][$0, column]) } + [start]
        let greatest = weights[part].values.map { Double(abs($0)) }.max() ?? 0
        let ofInput = inputs[part].row(row).map(abs).reduce(0, +)
        let n = Double(terms.count)
        want =
          want + Formula.sum(terms, rounded: { $0 < depth }, recurrence: 1)
          + Formula.flush * (2 * n + ofInput + n * greatest)
      }
      let difference = Formula.difference(found.bounds[offset], want)
      #expect(difference == nil, "element \(offset): \(difference ?? "")")
    }
  }

  /// The stream is far greater than what is added to it, so that accumulating onto it rounds every term.
  @Test(
    .clause("BND-5", "BND-19"), arguments: ["gpt_neox", "gptj", "phi", "falcon"], [false, true])
  func parallelHalvesMayBeAccumulatedOntoTheStream(_ family: String, _ addsBackwards: Bool) throws {
    let family = try #require(Family.all.first { $0.name == family })
    for seed in [3, 4, 5] as [UInt64] {
      let model = RandomDecoder(family, kind: .trainedLike, width: 96, seed: seed)
      let weights = try model.weights().changed { name, values in
        name.contains("embed_in") || name.contains("wte") || name.contains("embed_tokens")
          || name.contains("word_embeddings") ? values.map { 40 * $0 } : values
      }
      var arithmetic = HonestArithmetic("accumulated onto the stream")
      (arithmetic.fusesResidual, arithmetic.addsBackwards) = (true, addsBackwards)
      let capture = try RecordedActivations(
        of: HonestTransformer(weights, arithmetic), inputs: try model.inputs(weights.graph))
      let verdict = try Judge(weights: weights).verdict(on: capture)
      #expect(verdict.outcome == .consistent, "\(model): \(verdict.flagged)")
    }
  }
}
