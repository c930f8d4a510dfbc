import Foundation
import Synchronization
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneTestSupport

/// For every property an engine that lacks it: what the property is there to find.
enum ViolatingEngines {
  /// By the name of the property.
  static let all: [String: Engine] = [
    "a token's vector is its row of the table": changed(.tokenEmbedding) { value, _ in value * 1.0001 },
    "a position's vector is its row of the table": changed(.positionEmbedding) { value, _ in value * 1.0001 },
    "positions may jump, repeat and run backwards": countingFromZero,
    "token and position are added once": changed(.embeddingSum) { value, _ in value * 1.0001 },
    "relabelling the vocabulary permutes the logits alone": changed(.logits) { value, index in
      value + 0.01 * Double(index.last ?? 0)
    },
    "left padding changes no real token": countingFromZero,
    "without positions the order of the past is not heard": changed(.attentionScores) { value, index in
      value - 0.3 * Double(index[1] - index[2])
    },

    "a normalised row has mean 0, mean square v/(v + ε), and the row's proportions": changed(.layerNorm1) {
      value, _ in value * 1.01
    },
    "doubling the stream is dividing epsilon by four": .double("epsilon fixed") { site in
      guard site.operation.kind.payload is LayerNorm else {
        return site.value()
      }
      return LayerNorm(epsilon: 1e-3).kind.value(site.operands, in: site.inputs)
    },
    "a constant added to the stream is not seen": withoutCentring,
    "a row of equal elements gives the shift": withoutCentring,
    "a row of one element gives the shift": withoutCentring,
    "no element exceeds √(D − 1)": changed(.layerNorm1) { value, _ in value * 10 },

    "query, key and value are thirds of one projection, split into heads": changed(.key) { value, _ in
      value * 1.001
    },
    "a score is the scaled dot product of query and key": changed(.attentionScores) { value, _ in
      value * 1.001
    },
    "probabilities are a softmax over the visible keys and 0 elsewhere": changed(.attentionProbabilities) {
      value, _ in value * 1.001
    },
    "a context is the weighted sum of the visible values, and lies between them": changed(.attentionContext) {
      value, _ in value * 1.001
    },
    "a later token changes no bit of an earlier one": hearing { query, key, _ in key > query },
    "a prompt's beginning computes the beginning": .double("length heard") { site in
      let value = site.value()
      guard site.operation.output.point == .embeddingSum else { return value }
      return Tensor(value.values.map { $0 + 0.01 * Double(site.inputs.count) }, shape: value.shape)
    },
    "an excluded key changes no other row": hearing { _, key, inputs in inputs.attentionMask?[key] == false },
    "heads may change places together with their projections": changed(.query) { value, index in
      index[0] == 0 ? value * 1.01 : value
    },
    "equal keys are heard equally": .double("later keys preferred") { site in
      guard site.operation.output.point == .attentionProbabilities else {
        return site.value()
      }
      let scores = site.operands.activations[0]
      let preferred = scores.values.enumerated().map {
        $0.element + 0.1 * Double($0.offset % scores.rowWidth)
      }
      return maskedSoftmax(Tensor(preferred, shape: scores.shape), inputs: site.inputs)
    },
    "the key bias changes no probability": .double("sizes of scores") { site in
      guard site.operation.output.point == .attentionProbabilities else {
        return site.value()
      }
      let scores = site.operands.activations[0]
      return maskedSoftmax(Tensor(scores.values.map(abs), shape: scores.shape), inputs: site.inputs)
    },
    "the value bias is added to every context": changed(.attentionContext) { value, _ in tanh(value) },
    "doubling the projection out doubles its output": changed(.attentionOutput) { value, _ in tanh(value) },

    "every product is the sum of its terms and its bias": changed(.feedForwardOutput) { value, _ in
      value * 1.001
    },
    "the nonlinearity is the one that the configuration names": changed(.feedForwardActivation) { value, _ in
      value * 1.001
    },
    "a GELU at x and at −x differ by x": changed(.feedForwardActivation) { value, _ in value * 1.001 },
    "equal elements have equal activations wherever they stand": changed(.feedForwardActivation) {
      value, index in index.last == 1 ? value + 1e-4 : value
    },
    "a token thinks alone": .double("mean of the tokens") { site in
      var value = site.value()
      guard site.operation.output.point == .feedForwardInput else { return value }
      let mean = value.values.reduce(0, +) / Double(value.count)
      for index in value.values.indices { value.values[index] += 0.01 * mean }
      return value
    },
    "doubling the second product doubles its output": changed(.feedForwardOutput) { value, _ in tanh(value) },

    "the stream runs through the blocks and only grows by sums": changed(.residualMiddle) { value, _ in
      value * 1.0001
    },
    "a block that adds nothing is the identity": changed(.residualOut) { value, _ in value * 1.0001 },
    "activations come in order, each once, each in its shape": Engine("reversed", verifyCommand: { $0 }) {
      Reversed(reference: ReferenceTransformer($0))
    },
    "a block reads its own parameters": Engine("last block everywhere", verifyCommand: { $0 }) { weights in
      let last = weights.graph.layerCount - 1
      let tensors = weights.stored.map { name, tensor in
        let source = name.replacing(/transformer\.h\.\d+\./, with: "transformer.h.\(last).")
        return (name, weights.stored[source] ?? tensor)
      }
      return ReferenceTransformer(
        try Weights(
          graph: weights.graph, names: Family.gpt2.tensors,
          tensors: Dictionary(uniqueKeysWithValues: tensors)))
    },
    "running again and observing less change no bit": .double("another each time") { site in
      let value = site.value()
      guard site.operation.output.point == .embeddingSum else { return value }
      let run = runs.withLock { count in
        count += 1
        return count
      }
      return Tensor(value.values.map { $0 + 0.001 * Double(run % 7) }, shape: value.shape)
    },

    "a separate table that equals the embedding changes no bit": .double("tied logits scaled") { site in
      let value = site.value()
      guard site.operation.output.point == .logits,
        site.operation.parameters[0].parameter.role == .tokenEmbedding
      else { return value }
      return Tensor(value.values.map { $0 * 1.001 }, shape: value.shape)
    },
    "equal rows of the table have equal logits": changed(.logits) { value, index in
      value + 0.01 * Double(index.last ?? 0)
    },
    "doubling the table doubles the logits": changed(.logits) { value, _ in tanh(value) },
    "the next token's probabilities are the softmax of its logits": changed(.probabilities) { value, _ in
      value * 1.001
    },
    "a prediction depends on its text alone": Engine("stale", verifyCommand: { $0 }) {
      Stale(reference: ReferenceTransformer($0))
    },
    "sums of small whole numbers are exact in any order": changed(.feedForwardInput) { value, _ in
      value * 1.0001
    },
  ]

  private static let runs = Mutex(0)

  /// An engine with each element of one point put through `change`: (value, coordinates) → value.
  private static func changed(
    _ point: Activation.Point, _ change: @escaping @Sendable (Double, [Int]) -> Double
  ) -> Engine {
    .double("\(point.rawValue) changed") { site in
      var value = site.value()
      guard site.operation.output.point == point else { return value }
      for offset in value.values.indices {
        value.values[offset] = change(value.values[offset], value.index(of: offset))
      }
      return value
    }
  }

  /// Positions are those of the places in the sequence, whatever ids are given.
  private static let countingFromZero = Engine.double("positions counted") { site in
    guard site.operation.output.point == .positionEmbedding else {
      return site.value()
    }
    return embedding(Array(0..<site.inputs.count), table: site.operands.parameters[0].tensor)
  }

  /// Rows are divided by their root mean square.
  private static let withoutCentring = Engine.double("not centred") { site in
    var value = site.value()
    guard let norm = site.operation.kind.payload as? LayerNorm else { return value }
    let x = site.operands.activations[0]
    let (gain, shift) = (site.operands.parameters[0], site.operands.parameters[1])
    for row in 0..<x.rowCount {
      let square = x.row(row).map { $0 * $0 }.reduce(0, +) / Double(x.rowWidth)
      for column in 0..<x.rowWidth {
        value[row, column] =
          x[row, column] / (square + norm.epsilon).squareRoot() * gain[column] + shift[column]
      }
    }
    return value
  }

  /// Contexts with a little of the values of keys that `isHeard` admits: (query, key, inputs).
  private static func hearing(_ isHeard: @escaping @Sendable (Int, Int, Inputs) -> Bool) -> Engine {
    .double("hearing too much") { site in
      var context = site.value()
      guard site.operation.output.point == .attentionContext else { return context }
      let values = site.operands.activations[1]
      let count = site.inputs.count
      for query in 0..<count {
        for key in 0..<count where isHeard(query, key, site.inputs) {
          for column in 0..<context.rowWidth {
            let (head, unit) = column.quotientAndRemainder(dividingBy: values.shape[2])
            context[query, column] += 0.01 * values[head, key, unit]
          }
        }
      }
      return context
    }
  }
}

/// The reference, its activations handed out from the last to the first.
private struct Reversed: Transformer {
  let reference: ReferenceTransformer
  var graph: Graph { reference.graph }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Double>) throws -> Void) throws {
    var held: [(Activation, Tensor<Double>)] = []
    reference.forward(inputs) { held.append(($0, $1)) }
    for (activation, tensor) in held.reversed() { try observe(activation, tensor) }
  }
}

/// The reference, which answers a text that is no longer than the one before from that one.
private struct Stale: Transformer, NextTokenPredictor {
  var reference: ReferenceTransformer
  var last: (length: Int, logits: [Double])?
  var graph: Graph { reference.graph }

  init(reference: ReferenceTransformer) { self.reference = reference }

  func forward(_ inputs: Inputs, observe: (Activation, Tensor<Double>) throws -> Void) throws {
    try reference.forward(inputs, observe: observe)
  }

  mutating func nextTokenLogits(after tokens: [Int]) throws -> [Double] {
    if let last, tokens.count <= last.length { return last.logits }
    let logits = try reference.nextTokenLogits(after: tokens)
    last = (tokens.count, logits)
    return logits
  }
}
