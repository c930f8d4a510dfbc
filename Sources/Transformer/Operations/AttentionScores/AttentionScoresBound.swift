import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension AttentionScores: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["ATT-4", "ATT-5", "GQA-1", "BND-7"] }

  var isProduct: Bool { true }

  /// Clauses: BND-7, BND-31.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let (query, key) = (site.activations[0], site.activations[1])
    let products = value(Operands([query.values, key.values], parameters: []), in: site.inputs)
    let bounds = rounding.ofScores(
      products, query: query, key: key, scale: scale, inputs: site.inputs, visibility: visibility)
    return rounding.biased(
      Estimate(values: products, bounds: bounds), by: site.activations.dropFirst(2).first)
  }

  /// The entries that the definition masks may hold anything.
  func judgedElements(_ inputs: Inputs, shape: [Int]) -> (Int) -> Bool {
    let (tokens, keys) = (inputs.count, inputs.keyCount(under: visibility))
    return { offset in
      inputs.isVisible(key: offset % keys, from: offset / keys % tokens, under: visibility)
    }
  }

  /// The sum may be stored before it is scaled, and either before a bias is added.
  var waysToRoundOnce: [Alternative] {
    let sums: [Alternative.Scaling?] = scale == 1 ? [nil] : [nil, .sum(scale, storesSum: true)]
    return [Alternative(policy: .roundedOnce, roundsOnce: true)]
      + sums.flatMap { scaling in
        [false, true].map {
          Alternative(policy: .storedScores, roundsOnce: true, storesProduct: $0, scaling: scaling)
        }
      }.dropFirst()
  }

  func alternatives(to operation: Operation, in model: Alternatives) -> [Alternative] {
    model.scalingsInTwo(scale, of: operation).map { Alternative(policy: .storedScores, scaling: $0) }
      + model.heldScalings(scale).map { Alternative(policy: .scaleInType, scaling: $0) }
  }

  func estimate(
    _ site: JudgedSite, by alternative: Alternative, recorded _: Tensor<Double>?, _ rounding: Rounding
  ) -> Estimate? {
    guard alternative.roundsOnce || alternative.scaling != nil else { return nil }
    let scaling = alternative.scaling ?? .sum(scale, storesSum: false)
    let scores = rounding.scores(site, scaling, visibility: visibility)
    let bias = site.activations.dropFirst(2).first
    guard alternative.roundsOnce else { return rounding.biased(scores, by: bias) }
    return rounding.unstored.biased(
      alternative.storesProduct ? scores.rounded(to: rounding.precision.type) : scores, by: bias)
  }
}

extension Rounding {
  /// Scaled products and the bias that is added to them: one rounding more, of the sum, and the errors of the bias.
  ///
  /// In 16 bits the scaled product may be stored before the sum.
  fileprivate func biased(_ scores: Estimate, by bias: Operand?) -> Estimate {
    guard let bias else { return scores }
    let values = zip(scores.values.values, bias.values.values).map(+)
    let bounds = scores.bounds.enumerated().map { offset, bound in
      let (product, sum) = (scores.values.values[offset], values[offset])
      guard sum.isFinite else { return bound }
      return stored(bound, product, as: precision.type) + bias.distance(at: offset)
        + (unit * abs(sum) + underflow)
    }
    return Estimate(values: Tensor(values, shape: scores.values.shape), bounds: bounds)
  }

  /// Bounds of scale·(q·k): [H, T, T].
  ///
  /// In a narrow type the product may be stored once more, before it is scaled.
  func ofScores(
    _ value: Tensor<Double>, query: Operand, key: Operand, scale: Double, inputs: Inputs,
    visibility: Visibility = .causal
  ) -> [Bound] {
    let (heads, tokens, width) = (query.values.shape[0], query.values.shape[1], query.values.shape[2])
    let keyCount = key.values.shape[1]
    let queryRepetition = rowRepetition(query.values)
    let keyRepetition = rowRepetition(key.values)
    let (queryLengths, keyLengths) = (rowLengths(query.values), rowLengths(key.values))
    let (queries, keys) = (query.values.values, key.values.values)
    let places = Array(0..<width)
    var bounds = [Bound](repeating: .zero, count: value.count)
    for head in 0..<heads {
      let keyHead = head * key.values.shape[0] / heads
      let groups = stride(from: 0, to: keyCount, by: TermStrip.width).map {
        $0..<min($0 + TermStrip.width, keyCount)
      }
      let strips = groups.map { columns in
        TermStrip(depth: width, lanes: columns) { index, column in
          keys[(keyHead * keyCount + column) * width + index]
        }
      }
      for row in 0..<tokens {
        let q = head * tokens + row
        let factors = Array(queries[q * width..<(q + 1) * width])
        for (columns, strip) in zip(groups, strips) {
          let visible = columns.filter { inputs.isVisible(key: $0, from: row, under: visibility) }
          guard !visible.isEmpty else { continue }
          let ofColumns = strip.terms(factors, at: places, knowsExact: false, self)
          for column in visible {
            let k = keyHead * keyCount + column
            let score = value[head, row, column]
            let terms = ofColumns.lane(
              column - columns.lowerBound, sum: scale == 0 ? 0 : score / scale,
              repetition: min(queryRepetition[q], keyRepetition[k]))
            var passed = Bound.zero
            if query.error != nil || key.error != nil {
              for index in 0..<width {
                passed += Self.ofProduct(
                  factors[index], query.error(at: q * width + index), keys[k * width + index],
                  key.error(at: k * width + index))
              }
            }
            let ofRounding = ofRoundedFactors(
              query.roundoff, key.roundoff, terms, recurrence: (queryRepetition[q], keyRepetition[k]))
            let subnormal =
              query.underflow * keyLengths[k]
              + key.underflow * queryLengths[q]
            let sum = ofSum(terms) + ofRounding + passed + subnormal
            // Scaled after the sum by a rounded 1/√d, or before it: queries by the whole, or queries and keys by
            // the root of it each, which rounds every factor once more.
            let worst = 2 * unit * terms.absolute
            let usual =
              contract.deviations / 3.0.squareRoot() * unit
              * (2 * terms.repetition * terms.squares).squareRoot()
            let ofFactors = Bound(det: worst, prob: worst, stat: min(worst, usual))
            let lost = (1 + abs(scale)) * ofUnderflow(terms, factors: queryLengths[q] + keyLengths[k])
            bounds[q * keyCount + column] =
              abs(scale) * stored(sum + ofFactors, terms.sum, as: precision.type)
              + (3 * unit * abs(score) + lost)
          }
        }
      }
    }
    return bounds
  }
}
