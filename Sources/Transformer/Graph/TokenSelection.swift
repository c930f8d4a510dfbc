import TouchstoneModel

/// Some tokens of a sequence, of which alone an activation has rows.
///
/// What computes such an activation runs on these tokens as if there were no others.
public enum TokenSelection: Hashable, Sendable {
  /// Those that a router sent to an expert, in ascending order: known once the activation is, which has their ids.
  case expert(Int, of: Activation)
  /// The one that stands for the text.
  case picked(PickedRow.Rule)

  /// The activation that decides which tokens they are; nil where nothing does.
  public var decider: Activation? {
    if case .expert(_, let ids) = self { ids } else { nil }
  }

  /// The tokens, ascending.
  ///
  /// - Parameter ids: the values of ``decider``, [T, K]; nil where there is none.
  public func tokens(of sequence: Inputs, decidedBy ids: Tensor<Double>?) -> [Int] {
    switch self {
    case .expert(let expert, _):
      guard let ids else { return [] }
      return (0..<min(sequence.count, ids.rowCount)).filter { ids.row($0).contains(Double(expert)) }
    case .picked(let rule): return sequence.count == 0 ? [] : [rule.token(of: sequence.tokenIDs)]
    }
  }
}

extension Graph {
  /// The tokens of which alone an activation has rows; nil where it has rows of all, or is not the model's.
  public func selection(of activation: Activation) -> TokenSelection? {
    for case .rows(let selection) in axes(of: activation) ?? [] { return selection }
    return nil
  }

  /// The activations that are decisions: which experts the tokens go to.
  public var decisions: [Activation] {
    operations.filter(\.kind.payload.isDecision).map(\.output)
  }

  /// The part of a sequence that an activation has rows of.
  ///
  /// - Parameter value: the value of an activation that decides; nil where it is not known.
  /// - Returns: nil where that would have to be known.
  public func inputs(
    of activation: Activation, in sequence: Inputs, decided value: (Activation) throws -> Tensor<Double>?
  ) rethrows -> Inputs? {
    if isOfSource(activation) { return sequence.source ?? sequence }
    guard let selection = selection(of: activation) else { return sequence }
    guard let decider = selection.decider else {
      return sequence.selecting(selection.tokens(of: sequence, decidedBy: nil))
    }
    return try value(decider).map {
      sequence.selecting(selection.tokens(of: sequence, decidedBy: $0))
    }
  }
}

extension ActivationSource {
  /// The part of the sequence that an activation has rows of; nil where the recording lacks what decides it.
  public func inputs(of activation: Activation) throws -> Inputs? {
    try graph.inputs(of: activation, in: inputs) { decider in
      guard storedShape(of: decider) == graph.shape(of: decider, in: inputs) else { return nil }
      return try tensor(decider)
    }
  }

  /// The extents that an activation must have; nil where the recording lacks what decides them, or it is not the model's.
  public func rightShape(of activation: Activation) throws -> [Int]? {
    try inputs(of: activation).flatMap { graph.shape(of: activation, in: $0) }
  }
}
