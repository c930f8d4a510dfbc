extension Parameter {
  /// What the numbers of a parameter do to what they meet.
  public enum Purpose: Hashable, Sendable {
    /// Rows of a table that is looked up by these ids.
    case table(Input)
    /// Factors of a normalised vector; stored as this number, they change nothing.
    case gain(neutral: Double)
    /// What is added to a normalised vector.
    case shift
    /// A matrix that vectors are multiplied by.
    case matrix
    /// What is added to such a product.
    case bias
    /// A score that takes part in a softmax and has no value.
    case sink
  }
}

extension Graph {
  /// What each parameter does where it is read first, in the order of ``parameters``.
  public var purposes: [(parameter: Parameter, purpose: Parameter.Purpose)] {
    var seen: Set<String> = []
    return operations.flatMap { operation in
      zip(operation.parameters, operation.kind.payload.parameterPurposes).compactMap { view, purpose in
        seen.insert(view.parameter.name).inserted ? (view.parameter, purpose) : nil
      }
    }
  }
}
