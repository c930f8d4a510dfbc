import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

@testable import TouchstoneSIMD

/// The whole forward pass by the written rule, one operation of the graph after another: it knows no region.
struct ScalarForward {
  let weights: Weights
  let arithmetic: ScalarModel

  init(_ weights: Weights, fused: Bool) {
    self.weights = weights
    arithmetic = ScalarModel(fused: fused)
  }

  /// Every activation in the golden format's shape.
  func run(_ inputs: Inputs) -> [Activation: Tensor<Float>] {
    var values: [Activation: Tensor<Float>] = [:]
    let graph = weights.graph
    for operation in graph.operations {
      let own =
        graph.inputs(of: operation.output, in: inputs) { values[$0]?.converted(to: Double.self) } ?? inputs
      let shape = graph.shape(of: operation.output, in: own) ?? []
      let operands = operation.inputs.compactMap { values[$0] }
      let value = own.count == 0 ? [] : value(of: operation, operands, shape, own)
      values[operation.output] = Tensor(value, shape: shape)
    }
    return values.filter { $0.value.count > 0 }
  }

  private func value(
    of operation: TouchstoneGraph.Operation, _ operands: [Tensor<Float>], _ shape: [Int], _ inputs: Inputs
  ) -> [Float] {
    let parameters = operation.parameters.map { ParameterValues(weights.float32($0.parameter), $0) }
    switch operation.kind {
    case .embedding(let kind):
      return inputs.ids(kind.ids).flatMap { parameters[0].tensor.row($0 + kind.offset) }
    case .sum:
      return operands.dropFirst().reduce(operands[0].values) { zip($0, $1.values).map(+) }
    case .product(let kind):
      guard kind != Product() else { return zip(operands[0].values, operands[1].values).map(*) }
      let (limit, plus) = (kind.limit.map { Float($0) } ?? .infinity, Float(kind.plus))
      return zip(operands[0].values, operands[1].values).map { $0 * (max(-limit, min(limit, $1)) + plus) }
    case .identity: return operands[0].values
    case .scale(let kind): return operands[0].values.map { $0 * Float(kind.factor) }
    case .softCap(let kind):
      return operands[0].values.map { arithmetic.softCap($0, at: Float(kind.cap)) }
    case .layerNorm(let kind):
      let gain = vector(parameters.first) ?? [Float](repeating: 1, count: operands[0].rowWidth)
      let shift =
        vector(parameters.dropFirst().first) ?? [Float](repeating: 0, count: operands[0].rowWidth)
      return rows(operands[0]).flatMap {
        arithmetic.layerNorm($0, gain, shift, epsilon: Float(kind.epsilon))
      }
    case .rmsNorm(let kind):
      let gain = (vector(parameters[0]) ?? []).map { kind.offset == 0 ? $0 : $0 + Float(kind.offset) }
      let (rows, epsilon) = (rows(operands[0]), Float(kind.epsilon))
      guard kind.isJoined else { return rows.flatMap { arithmetic.rmsNorm($0, gain, epsilon: epsilon) } }
      // The heads of a token side by side.
      let (count, width) = (inputs.count, operands[0].rowWidth)
      let tokens = (0..<count).map { token in
        arithmetic.rmsNorm(
          stride(from: token, to: rows.count, by: count).flatMap { rows[$0] }, gain, epsilon: epsilon)
      }
      return stride(from: 0, to: gain.count, by: width).flatMap { first in
        tokens.flatMap { $0[first..<first + width] }
      }
    case .linear(let kind): return linear(kind, operands[0], parameters)
    case .rotate(let kind): return rotate(kind, operands[0], inputs)
    case .alibi(let kind):
      let places = kind.places(in: inputs)
      return (0..<kind.heads).flatMap { head in
        let (term, length) = kind.slope(of: head)
        let slope = Float(exp2(-8 * Double(term) / Double(length)))
        return (0..<inputs.count).flatMap { _ in places.map { slope * Float($0) } }
      }
    case .relativeBias(let kind):
      let table = parameters[0].tensor
      return (0..<table.rowWidth).flatMap { head in
        (0..<inputs.count).flatMap { query in
          (0..<inputs.count).map { table[kind.bucket(of: $0 - query), head] }
        }
      }
    case .sinusoid(let kind):
      return inputs.ids(kind.ids).flatMap { position in
        (0..<kind.width).map { column -> Float in
          let (pair, isCosine) = kind.term(of: column)
          let angle = Double(position) * pow(10_000, -2 * Double(pair) / Double(kind.width))
          return Float(isCosine ? cos(angle) : sin(angle))
        }
      }
    case .logMel, .transpose:
      // Found in float64 and rounded once, or only moved.
      return operation.kind.value(
        Operands(operands.map { $0.converted(to: Double.self) }), in: inputs
      ).values.map { Float($0) }
    case .given(let kind): return inputs.array(kind.input).values
    case .patches(let kind):
      let filters = parameters[0]
      return kind.places(in: operands[0].shape, filters: filters.tensor.shape).flatMap { places in
        (0..<filters.outputCount).map { output in
          arithmetic.chain(
            parameters.dropFirst().first?[output] ?? 0, places.count, { operands[0].values[places[$0]] },
            { filters[output, $0] })
        }
      }
    case .classRow: return parameters[0].tensor.values + operands[0].values
    case .modulation(let kind):
      let (width, condition) = (operands[0].rowWidth, operands[1].values)
      return operands[0].values.enumerated().map { offset, x in
        let number = condition[kind.scale * width + offset % width]
        let product = x * (kind.plus == 0 ? number : Float(kind.plus) + number)
        return kind.shift.map { product + condition[$0 * width + offset % width] } ?? product
      }
    case .convolution(let kind):
      let x = operands.first ?? inputs.features.converted(to: Float.self)
      let (filters, width) = (parameters[0], parameters[0].tensor.rowWidth)
      return (0..<filters.outputCount).flatMap { output in
        (0..<kind.positions(in: x.rowWidth, width: width)).map { position in
          arithmetic.chain(
            parameters[1][output], filters.inputCount,
            { place in
              kind.frame(at: position, place % width, of: x.rowWidth).map { x[place / width, $0] } ?? 0
            },
            { filters[output, $0] })
        }
      }
    case .scores(let kind):
      let products = scores(kind, operands[0], operands[1], inputs)
      return operands.count == 3 ? zip(products, operands[2].values).map(+) : products
    case .probabilities(let kind):
      return rows(operands[0]).enumerated().flatMap { index, row in
        let query = index % inputs.count
        if kind.visibility.readsSource { return arithmetic.softmax(row) }
        let first = firstKey(kind.visibility, query)
        let end =
          kind.visibility.isCausal
          ? query + 1 : min(row.count, query + 1 + (kind.visibility.window ?? row.count))
        let sink = parameters.first.map { [$0[index / inputs.count]] } ?? []
        return row[..<first].map { _ in 0 } + arithmetic.softmax(row[first..<end] + sink).prefix(end - first)
          + row[end...].map { _ in 0 }
      }
    case .context(let kind): return context(kind, operands[0], operands[1], inputs)
    case .activationFunction(let kind):
      return operands[0].values.map { arithmetic.activate(kind.function, kind.clipped($0)) }
    case .softmax: return rows(operands[0]).flatMap(arithmetic.softmax)
    case .routeIDs(let kind):
      return rows(operands[0]).flatMap { logits -> [Float] in
        guard kind.function == .sigmoid else { return kind.choices(of: logits).map { Float($0) } }
        let correction = vector(parameters.first)
        let scores = logits.enumerated().map {
          arithmetic.activate(.sigmoid, $1) + (correction?[$0] ?? 0)
        }
        return kind.choices(of: scores).map { Float($0) }
      }
    case .routeWeights(let kind):
      return zip(rows(operands[0]), rows(operands[1])).flatMap { scores, ids in
        let chosen = ids.map { Int($0) }
        if kind.function == .sigmoid {
          let own = chosen.map { arithmetic.activate(.sigmoid, scores[$0]) }
          let total = own.reduce(0, +) + Float(RouteWeights.leastSum)
          return own.map { share in
            let weight = kind.isNormalised ? share / total : share
            return kind.factor == 1 ? weight : Float(kind.factor) * weight
          }
        }
        let all = arithmetic.softmax(kind.isNormalised ? chosen.map { scores[$0] } : scores)
        let shares = kind.isNormalised ? all : chosen.map { all[$0] }
        return shares.map { kind.factor == 1 ? $0 : Float(kind.factor) * $0 }
      }
    case .chosenRows(let kind):
      return zip(rows(operands[0]), rows(operands[1])).flatMap { row, ids in
        ids.contains(Float(kind.expert)) ? row : []
      }
    case .mixture:
      let outputs = operands.dropFirst(2).map(rows)
      let places = Mixture.places(operands[0], rowCounts: outputs.map(\.count))
      return places.enumerated().flatMap { token, choices in
        let terms = choices.enumerated().compactMap { slot, place in
          place.map { (expert: $0.expert, row: outputs[$0.expert][$0.row], weight: operands[1][token, slot]) }
        }.sorted { $0.expert < $1.expert }
        return (0..<shape[1]).map { column in
          terms.reduce(Float(0)) { $0 + $1.weight * $1.row[column] }
        }
      }
    case .pickedRow(let kind): return Array(operands[0].row(kind.rule.token(of: inputs.sequenceIDs)))
    case .joinedColumns(let kind): return kind.joined(operands[0], operands[1]).values
    default: preconditionFailure("\(operation.output) is of no forward pass")
    }
  }

  private func firstKey(_ visibility: Visibility, _ query: Int) -> Int {
    visibility.window.map { max(0, query + (visibility.isCausal ? 1 : 0) - $0) } ?? 0
  }

  private func rows(_ x: Tensor<Float>) -> [[Float]] { (0..<x.rowCount).map { Array(x.row($0)) } }

  private func vector(_ values: ParameterValues<Float>?) -> [Float]? {
    values.map { values in (0..<values.outputCount).map { values[$0] } }
  }

  private func linear(
    _ kind: Linear, _ x: Tensor<Float>, _ parameters: [ParameterValues<Float>]
  ) -> [Float] {
    let (weight, bias) = (parameters[0], parameters.dropFirst().first)
    let products = rows(x).map { row in
      (0..<weight.outputCount).map { output in
        kind.clipped(arithmetic.chain(bias?[output] ?? 0, row.count, { row[$0] }, { weight[output, $0] }))
      }
    }
    let heads = kind.heads ?? 1
    let width = weight.outputCount / heads
    return (0..<heads).flatMap { head in
      products.flatMap { $0[head * width..<(head + 1) * width] }
    }
  }

  private func rotate(_ kind: Rotate, _ x: Tensor<Float>, _ inputs: Inputs) -> [Float] {
    let pairs = kind.width / 2
    let length = (inputs.positionIDs.max() ?? 0) + 1
    let frequencies = kind.frequencies.radians(pairs: pairs, sequenceLength: length)
    var y = x
    for row in 0..<x.rowCount {
      let position = Double(inputs.positionIDs[row % inputs.count])
      for pair in 0..<pairs {
        let halves = (kind.first + pair, kind.first + pairs + pair)
        let neighbours = (kind.first + 2 * pair, kind.first + 2 * pair + 1)
        let from = kind.style == .half ? halves : neighbours
        let to = kind.style == .interleaved ? neighbours : halves
        let angle = position * frequencies[pair]
        let (a, b) = arithmetic.turned(
          x[row, from.0], x[row, from.1], Float(kind.magnitude * cos(angle)),
          Float(kind.magnitude * sin(angle)))
        y[row, to.0] = a
        y[row, to.1] = b
      }
    }
    return y.values
  }

  private func scores(
    _ kind: AttentionScores, _ query: Tensor<Float>, _ key: Tensor<Float>, _ inputs: Inputs
  ) -> [Float] {
    let (heads, count, width) = (query.shape[0], query.shape[1], query.shape[2])
    return (0..<heads).flatMap { head in
      (0..<count).flatMap { i in
        (0..<key.shape[1]).map { j -> Float in
          guard inputs.isVisible(key: j, from: i, under: kind.visibility) else { return -.infinity }
          let keyHead = head * key.shape[0] / heads
          return arithmetic.chain(0, width, { query[head, i, $0] }, { key[keyHead, j, $0] })
            * Float(kind.scale)
        }
      }
    }
  }

  private func context(
    _ kind: AttentionContext, _ probabilities: Tensor<Float>, _ value: Tensor<Float>, _ inputs: Inputs
  ) -> [Float] {
    let (heads, width) = (probabilities.shape[0], value.shape[2])
    return (0..<inputs.count).flatMap { i in
      (0..<heads).flatMap { head in
        (0..<width).map { column -> Float in
          let first = firstKey(kind.visibility, i)
          return arithmetic.chain(
            0, (kind.visibility.isCausal ? i + 1 : value.shape[1]) - first,
            { probabilities[head, i, first + $0] },
            { j in
              let isVisible = inputs.isVisible(key: first + j, from: i, under: kind.visibility)
              return isVisible ? value[head * value.shape[0] / heads, first + j, column] : 0
            })
        }
      }
    }
  }
}
