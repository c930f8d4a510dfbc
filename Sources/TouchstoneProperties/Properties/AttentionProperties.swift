import Foundation
import TouchstoneGraph
import TouchstoneModel

extension ModelProperty {
  /// Chapter 5.
  static let attention: [ModelProperty] = attentionRows + attentionInvariances

  /// What each row of scores and probabilities is.
  private static let attentionRows: [ModelProperty] = [
    ModelProperty(
      "query, key and value are thirds of one projection, split into heads",
      clauses: ["ATT-1", "ATT-2", "ATT-23"]
    ) { generated, engine in
      let model = try generated.model()
      let run = try engine.run(model, generated.inputs())
      let configuration = model.configuration
      for layer in 0..<configuration.layerCount {
        let x = try run(.layerNorm1, layer)
        let weight = model.value(.attentionInputWeight, layer: layer)
        let bias = model.value(.attentionInputBias, layer: layer)
        for (part, point) in [Activation.Point.query, .key, .value].enumerated() {
          let heads = try run(point, layer)
          for head in 0..<configuration.headCount {
            for token in 0..<x.rowCount {
              for column in 0..<configuration.headWidth {
                let output = part * configuration.width + head * configuration.headWidth + column
                let terms = x.row(token).enumerated().map { $0.element * weight[$0.offset, output] }
                if let found = run.sumViolation(
                  "\(point.rawValue)[\(head), \(token), \(column)] of layer \(layer)",
                  heads[head, token, column], terms + [bias.values[output]])
                {
                  return found
                }
              }
            }
          }
        }
      }
      return nil
    },

    ModelProperty(
      "a score is the scaled dot product of query and key", clauses: ["ATT-4", "ATT-5", "ATT-6"]
    ) { generated, engine in
      let model = try generated.model()
      let run = try engine.run(model, generated.inputs())
      for layer in 0..<model.configuration.layerCount {
        let (query, key) = (try run(.query, layer), try run(.key, layer))
        let scores = try run(.attentionScores, layer)
        let divisor = Double(model.configuration.headWidth).squareRoot()
        let scale = 1 / (model.configuration.scalesScoresByLayer ? divisor * Double(layer + 1) : divisor)
        for (head, i, j) in run.visiblePairs {
          let terms = zip(query.rows(of: i)[head], key.rows(of: j)[head]).map { scale * $0 * $1 }
          if let found = run.sumViolation(
            "attn_scores[\(head), \(i), \(j)] of layer \(layer)", scores[head, i, j], terms)
          {
            return found
          }
        }
      }
      return nil
    },

    ModelProperty(
      "probabilities are a softmax over the visible keys and 0 elsewhere",
      clauses: ["ATT-7", "ATT-8", "ATT-10", "ATT-11", "ATT-12", "ATT-13", "ATT-14"]
    ) { generated, engine in
      let model = try generated.model()
      let run = try engine.run(model, generated.inputs())
      for layer in 0..<model.configuration.layerCount {
        let (scores, probabilities) = (
          try run(.attentionScores, layer), try run(.attentionProbabilities, layer)
        )
        for head in 0..<model.configuration.headCount {
          for i in 0..<run.inputs.count {
            let row = Array(probabilities.rows(of: i)[head])
            let visible = row.indices.filter { run.inputs.isVisible(key: $0, from: i) }
            let place = "attn_probs[\(head), \(i)] of layer \(layer)"
            for j in row.indices where !visible.contains(j) && row[j] != 0 {
              return "\(place) gives \(row[j]) to key \(j), which is not visible"
            }
            if let found = run.softmaxViolation(
              place, visible.map { row[$0] }, scores: visible.map { scores[head, i, $0] })
            {
              return found
            }
          }
        }
      }
      return nil
    },

    ModelProperty(
      "a context is the weighted sum of the visible values, and lies between them",
      clauses: ["ATT-14", "ATT-15", "ATT-16", "ATT-17"]
    ) { generated, engine in
      let model = try generated.model()
      let run = try engine.run(model, generated.inputs())
      let width = model.configuration.headWidth
      for layer in 0..<model.configuration.layerCount {
        let (probabilities, value) = (try run(.attentionProbabilities, layer), try run(.value, layer))
        let context = try run(.attentionContext, layer)
        for head in 0..<model.configuration.headCount {
          for i in 0..<run.inputs.count {
            let visible = (0..<run.inputs.count).filter { run.inputs.isVisible(key: $0, from: i) }
            for column in 0..<width {
              let got = context[i, head * width + column]
              let values = visible.map { value[head, $0, column] }
              let place = "attn_context[\(i), \(head * width + column)] of layer \(layer)"
              let terms = zip(visible, values).map { probabilities[head, i, $0] * $1 }
              if let found = run.sumViolation(place, got, terms) { return found }
              let slack = Double(visible.count + 4) * 4 * run.roundoff * (values.map(abs).max() ?? 0)
              if let least = values.min(), let greatest = values.max(),
                !(least - slack <= got && got <= greatest + slack)
              {
                return "\(place) is \(got), outside the values \(least)…\(greatest)"
              }
            }
          }
        }
      }
      return nil
    },
  ]
}

extension Run {
  /// H.
  private var headCount: Int {
    graph.shape(of: Activation(.attentionScores, layer: 0), in: inputs)?.first ?? 0
  }

  /// Every head, query and key that the query sees.
  var visiblePairs: [(head: Int, query: Int, key: Int)] {
    (0..<headCount).flatMap { head in
      (0..<inputs.count).flatMap { i in
        (0...i).filter { inputs.isVisible(key: $0, from: i) }.map { (head, i, $0) }
      }
    }
  }

  /// What is wrong with a sum of terms; nil within `det`, the bound that no order of summation exceeds (NUM-4).
  func sumViolation(_ place: String, _ got: Double, _ terms: [Double]) -> String? {
    let want = terms.reduce(0, +)
    let size = terms.map(abs).reduce(0, +)
    let tolerance = 2 * Double(terms.count + 3) * roundoff * size + Double(terms.count) * 0x1p-126
    return abs(got - want) <= tolerance ? nil : "\(place) is \(got), not \(want)"
  }

  /// What is wrong with probabilities as the softmax of scores; nil within rounding.
  ///
  /// The sum is 1, a greater score has no smaller probability, and any two stand in the ratio of the exponentials.
  func softmaxViolation(_ place: String, _ probabilities: [Double], scores: [Double]) -> String? {
    guard let greatest = scores.max() else { return nil }
    let sum = probabilities.reduce(0, +)
    guard abs(sum - 1) <= Double(2 * scores.count + 16) * roundoff else { return "\(place) sums to \(sum)" }
    if scores.count == 1, probabilities[0] != 1 { return "\(place) is \(probabilities[0]) for one key" }
    guard let best = scores.firstIndex(of: greatest) else { return "\(place) has scores that are no numbers" }
    for (j, probability) in probabilities.enumerated() {
      guard probability >= 0, probability <= 1 + 2 * roundoff else { return "\(place) holds \(probability)" }
      let want = probabilities[best] * exp(scores[j] - greatest)
      let argument = abs(scores[j]) + abs(greatest) + 5 * (greatest - scores[j]) + 16
      guard abs(probability - want) <= 2 * roundoff * argument * want + 0x1p-126 else {
        return "\(place) gives \(probability) to a score of \(scores[j]), not \(want)"
      }
    }
    return nil
  }
}
