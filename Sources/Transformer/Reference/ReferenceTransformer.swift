import TouchstoneGraph
import TouchstoneModel

/// The scalar reference: the executable half of the specification.
///
/// Plain loops over float64 on the float32 weights widened exactly. It has no SIMD, no threads, no cache, no unsafe
/// pointers and no cleverness, and it shares no arithmetic with what it judges. Each operation stands in a room of its
/// own; a ``Graph`` says how they follow each other.
///
/// Clauses: NUM-1, NUM-5, RES-1 to RES-8, RES-11.
public struct ReferenceTransformer: Transformer, NextTokenPredictor {
  /// The model's parameters.
  public let weights: Weights

  /// What the encoder reads when the next token is asked for; nil in a model without one.
  public var source: Inputs?

  /// The model it computes.
  public var graph: Graph { weights.graph }

  /// Creates the reference of one model.
  public init(_ weights: Weights) {
    self.weights = weights
  }

  /// Computes a whole sequence and hands every activation to `observe`, in the order of computation.
  public func forward(
    _ inputs: Inputs, observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    try Executor(weights, inputs).run(observing: observe)
  }

  /// The logits that follow `tokens`, computed from the beginning each time: [V].
  ///
  /// Clauses: GEN-2, GEN-10.
  ///
  /// - Throws: ``BadInput`` when the tokens do not fit the model, or it makes no logits.
  public func nextTokenLogits(after tokens: [Int]) throws -> [Double] {
    guard let logits = graph.results.logits, graph.continuesText else {
      throw graph.obstacleToContinuing
    }
    var last: [Double] = []
    try forward(Inputs(tokenIDs: tokens, source: source, graph: graph)) { activation, value in
      if activation == logits { last = Array(value.row(value.rowCount - 1)) }
    }
    return last
  }
}
