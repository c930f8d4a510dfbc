import TouchstoneGraph
import TouchstoneModel

extension ScalarModel {
  /// The whole forward pass, every activation in the golden format's shape.
  func forward(_ inputs: Inputs) -> [Activation: Tensor<Float>] {
    var values: [Activation: Tensor<Float>] = [:]
    let width = configuration.width
    let tokens = weights.float32(Parameter(.tokenEmbedding))
    let positions = weights.float32(Parameter(.positionEmbedding))
    func rows(_ value: [[Float]]) -> Tensor<Float> {
      Tensor(value.flatMap { $0 }, shape: [value.count, value[0].count])
    }
    func sum(_ a: [[Float]], _ b: [[Float]]) -> [[Float]] { zip(a, b).map { zip($0, $1).map(+) } }

    let token = inputs.tokenIDs.map { Array(tokens.row($0)) }
    let position = inputs.positionIDs.map { Array(positions.row($0)) }
    var stream = sum(token, position)
    values[Activation(.tokenEmbedding)] = rows(token)
    values[Activation(.positionEmbedding)] = rows(position)
    values[Activation(.embeddingSum)] = rows(stream)

    for layer in 0..<configuration.layerCount {
      func parameter(_ role: Parameter.Role) -> Tensor<Float> {
        weights.float32(Parameter(role, layer: layer))
      }
      func put(_ point: Activation.Point, _ value: [[Float]]) {
        values[Activation(point, layer: layer)] = rows(value)
      }
      put(.residualIn, stream)
      let norm1 = stream.map {
        layerNorm($0, parameter(.layerNorm1Weight).values, parameter(.layerNorm1Bias).values)
      }
      put(.layerNorm1, norm1)
      let (weight, bias) = (parameter(.attentionInputWeight), parameter(.attentionInputBias))
      let joint = norm1.map { linear($0, weight, bias) }
      let heads = (0..<3).map { part in split(joint.map { Array($0[part * width..<(part + 1) * width]) }) }
      for (point, value) in zip([Activation.Point.query, .key, .value], heads) {
        values[Activation(point, layer: layer)] = value
      }
      let attention = attend(heads[0], heads[1], heads[2], layer, inputs)
      values[Activation(.attentionScores, layer: layer)] = attention.scores
      values[Activation(.attentionProbabilities, layer: layer)] = attention.probabilities
      put(.attentionContext, attention.context)
      let output = attention.context.map {
        linear($0, parameter(.attentionOutputWeight), parameter(.attentionOutputBias))
      }
      put(.attentionOutput, output)
      stream = sum(stream, output)
      put(.residualMiddle, stream)
      let norm2 = stream.map {
        layerNorm($0, parameter(.layerNorm2Weight).values, parameter(.layerNorm2Bias).values)
      }
      put(.layerNorm2, norm2)
      let inner = norm2.map {
        linear($0, parameter(.feedForwardInputWeight), parameter(.feedForwardInputBias))
      }
      put(.feedForwardInput, inner)
      let active = inner.map { $0.map(activate) }
      put(.feedForwardActivation, active)
      let outer = active.map {
        linear($0, parameter(.feedForwardOutputWeight), parameter(.feedForwardOutputBias))
      }
      put(.feedForwardOutput, outer)
      stream = sum(stream, outer)
      put(.residualOut, stream)
    }
    let norm = stream.map {
      layerNorm(
        $0, weights.float32(Parameter(.finalLayerNormWeight)).values,
        weights.float32(Parameter(.finalLayerNormBias)).values)
    }
    values[Activation(.finalLayerNorm)] = rows(norm)
    let table = weights.float32(configuration.unembeddingParameter)
    let logits = norm.map { row in
      (0..<configuration.vocabularySize).map { token in
        chain(0, width, { row[$0] }, { table[token, $0] })
      }
    }
    values[Activation(.logits)] = rows(logits)
    values[Activation(.probabilities)] = rows(logits.map(softmax))
    return values
  }

  private func split(_ rows: [[Float]]) -> Tensor<Float> {
    let (heads, width) = (configuration.headCount, configuration.headWidth)
    let values = (0..<heads).flatMap { head in rows.flatMap { $0[head * width..<(head + 1) * width] } }
    return Tensor(values, shape: [heads, rows.count, width])
  }

  private func attend(
    _ query: Tensor<Float>, _ key: Tensor<Float>, _ value: Tensor<Float>, _ layer: Int, _ inputs: Inputs
  ) -> (scores: Tensor<Float>, probabilities: Tensor<Float>, context: [[Float]]) {
    let (heads, count, width) = (configuration.headCount, inputs.count, configuration.headWidth)
    let scale = Float(configuration.scoreScale(layer: layer))
    var scores = Tensor<Float>(repeating: -.infinity, shape: [heads, count, count])
    var probabilities = Tensor<Float>(repeating: 0, shape: [heads, count, count])
    var context = [[Float]](repeating: [Float](repeating: 0, count: heads * width), count: count)
    for head in 0..<heads {
      for row in 0..<count {
        let scaled = (0...row).map { other -> Float in
          guard inputs.isVisible(key: other, from: row) else { return -.infinity }
          return chain(0, width, { query[head, row, $0] }, { key[head, other, $0] }) * scale
        }
        let weights = softmax(scaled)
        for other in 0...row {
          scores[head, row, other] = scaled[other]
          probabilities[head, row, other] = weights[other]
        }
        for column in 0..<width {
          context[row][head * width + column] = chain(
            0, row + 1, { weights[$0] },
            { inputs.isVisible(key: $0, from: row) ? value[head, $0, column] : 0 })
        }
      }
    }
    return (scores, probabilities, context)
  }
}
