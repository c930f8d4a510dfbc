import TouchstoneGraph

/// What the faults of families ask of a graph.
extension Operation {
  /// How many keys a query sees where these are its weights; nil for all.
  var window: Int? { (kind.payload as? AttentionProbabilities)?.visibility.window }

  /// Whether it attends to the source.
  var readsSource: Bool {
    switch kind {
    case .scores(let kind): kind.visibility.readsSource
    case .probabilities(let kind): kind.visibility.readsSource
    case .context(let kind): kind.visibility.readsSource
    default: false
    }
  }

  /// Whether it normalises all heads of a token together.
  var isJoinedNorm: Bool { (kind.payload as? RMSNorm)?.isJoined ?? false }

  /// Which of two halves of a matrix it reads; nil where its parameters are viewed otherwise.
  var half: Int? {
    guard kind.payload is Linear, let selection = parameters.first?.selection, selection.groups == 1,
      selection.parts == 2, selection.take.count == 1
    else { return nil }
    return selection.take.lowerBound
  }
}

extension Graph {
  /// The window of the first block that has one.
  var anyWindow: Int? { operations.lazy.compactMap(\.window).first }

  /// A rotation of another block that is not this one's.
  func otherRotation(than operation: Operation) -> Rotate? {
    guard let own = operation.kind.payload as? Rotate else { return nil }
    return operations.lazy.compactMap { $0.kind.payload as? Rotate }.first {
      $0 != own && $0.width == own.width && $0.first == own.first
    }
  }

  /// The norm that makes what a residual adds, where that norm reads no stream.
  func normOfBranch(_ residual: Operation) -> Operation? {
    guard residual.inputs.count == 2, let norm = operation(making: residual.inputs[1]),
      norm.kind.payload is any Normalising, let source = source(of: norm), source.kind.payload is Linear
    else { return nil }
    return norm
  }

  /// The heads that are cut out of the same matrix as these, in the order of its rows; none where they are a third.
  private func heads(besides operation: Operation) -> [Operation] {
    guard Place.headProjections.contains(operation, self), let own = operation.parameters.first,
      own.selection.groups == 1, operation.third == nil
    else { return [] }
    let all = operations.filter {
      $0.inputs == operation.inputs && $0.parameters.first?.parameter == own.parameter
    }
    guard all.count == 3 else { return [] }
    return all.sorted { a, b in
      (a.parameters.first?.selection.take.lowerBound ?? 0)
        < (b.parameters.first?.selection.take.lowerBound ?? 0)
    }
  }

  /// The rows that it would read if each head of keys stood behind the queries that share it, and before its values.
  func selectionByGroup(of operation: Operation) -> ParameterView.Selection? {
    let heads = heads(besides: operation)
    let counts = heads.compactMap { $0.parameters.first?.selection.take.count }
    guard counts.count == 3, counts[1] > 1, counts[1] == counts[2],
      let index = heads.firstIndex(of: operation)
    else { return nil }
    let group = counts[0] / counts[1]
    let take = index == 0 ? 0..<group : group + index - 1..<group + index
    return ParameterView.Selection(groups: counts[1], parts: group + 2, take: take)
  }

  /// The rows of the values where it makes keys, and of the keys where it makes values.
  func selectionOfSibling(of operation: Operation) -> ParameterView.Selection? {
    let heads = heads(besides: operation)
    guard let index = heads.firstIndex(of: operation), index > 0 else { return nil }
    return heads[3 - index].parameters.first?.selection
  }
}
