import TouchstoneModel

/// A model as the list of its operations: what is computed from what, under which names, with which parameters.
///
/// Everything that walks through a model walks through this list: the reference evaluates it, replay evaluates one
/// entry of it, a planted fault replaces one entry. Shapes and the names of axes are worked out from it once.
public struct Graph: Hashable, Sendable {
  /// What a model is asked for.
  public struct Results: Hashable, Sendable {
    /// The scores of each token id; nil in a model that makes none.
    public let logits: Activation?

    /// Names the results.
    public init(logits: Activation? = nil) {
      self.logits = logits
    }
  }

  /// The operations, in the order of computation.
  public private(set) var operations: [Operation]
  /// Which activations are its results.
  public let results: Results
  /// Every parameter, in the order of its first reader.
  public let parameters: [Parameter]
  /// What is read of a sequence.
  public let inputs: [Input]
  /// Activations that a recording may have instead of what was computed: of each name under which a cache's content
  /// is recorded, the activation that it stands for.
  public let cached: [Activation: Activation]

  /// The activations that are of the source's tokens: an encoder's, and what a decoder makes of them to attend to.
  private let ofSource: Set<Activation>
  private let axes: [Activation: [Axis]]
  /// Where the operation that makes an activation stands among ``operations``.
  private let places: [Activation: Int]

  /// The greatest number of operations.
  public static let greatestCount = 1 << 17

  /// Checks a list of operations: each reads only what was made before it, operands fit, names are well formed, and
  /// a parameter has one shape.
  ///
  /// - Throws: ``BadInput`` naming the operation, by its output, or the parameter.
  public init(validating operations: [Operation], results: Results = Results()) throws(BadInput) {
    guard (1...Self.greatestCount).contains(operations.count) else {
      throw .graph("has \(operations.count) operations, outside 1…\(Self.greatestCount)")
    }
    var inference = AxisInference(logits: results.logits)
    for operation in operations { try inference.append(operation) }
    if let logits = results.logits, inference.axes[logits] == nil {
      throw BadInput.graph("is the result, but no operation makes it").at(JSONValue.quoted(logits.path))
    }
    self.operations = operations
    self.results = results
    parameters = try Self.parameters(of: operations)
    ofSource = inference.ofSource
    let read = Set(
      operations.flatMap { operation in
        operation.kind.payload.sequenceInputs.map {
          inference.ofSource.contains(operation.output) ? $0.ofSource : $0
        }
      })
    inputs = Input.allCases.filter(read.contains)
    axes = inference.axes
    try Self.checkArrays(operations, inputs, axes)
    places = Dictionary(uniqueKeysWithValues: operations.enumerated().map { ($0.element.output, $0.offset) })
    cached = try Self.cached(in: operations, axes: axes)
  }

  private static func parameters(of operations: [Operation]) throws(BadInput) -> [Parameter] {
    var shapes: [String: [Int]] = [:]
    var parameters: [Parameter] = []
    for parameter in operations.flatMap(\.parameters).map(\.parameter) {
      if let shape = shapes[parameter.name] {
        guard shape == parameter.shape else {
          throw BadInput.graph("is read as \(shape) and as \(parameter.shape)").at(parameter.name)
        }
      } else {
        shapes[parameter.name] = parameter.shape
        parameters.append(parameter)
      }
    }
    return parameters
  }

  private static func cached(
    in operations: [Operation], axes: [Activation: [Axis]]
  ) throws(BadInput) -> [Activation: Activation] {
    var cached: [Activation: Activation] = [:]
    for operation in operations {
      for (operand, name) in operation.kind.payload.cachedOperands {
        let record = Activation(name, in: operation.output.block)
        guard axes[record] == nil else {
          throw BadInput.graph("is what \(operation.output) may find in a cache, and cannot be computed")
            .at(record.path)
        }
        cached[record] = operation.inputs[operand]
      }
    }
    return cached
  }

  /// The operation that makes an activation; for what a cache holds, the one that makes what it stands for.
  public func operation(making activation: Activation) -> Operation? {
    places[cached[activation] ?? activation].map { operations[$0] }
  }

  /// Where the operation that makes an activation stands among ``operations``; nil where none makes it.
  public func index(making activation: Activation) -> Int? { places[activation] }

  /// The same model, the logits divided by `temperature` before they become probabilities.
  ///
  /// - Parameter temperature: finite and above 0.
  public func with(temperature: Double) -> Graph {
    guard let probabilities, let place = places[probabilities] else { return self }
    let softmax = operations[place]
    var copy = self
    copy.operations[place] = Operation(
      .softmax(Softmax(temperature: temperature)), softmax.output, from: softmax.inputs,
      with: softmax.parameters)
    return copy
  }

  /// What the elements along each axis of an activation are, outermost first; nil for one that the model has not.
  public func axes(of activation: Activation) -> [Axis]? {
    axes[activation] ?? cached[activation].flatMap { axes[$0] }
  }

  /// Whether the model has an encoder, which reads a sequence of its own: the source.
  public var readsSource: Bool { !ofSource.isEmpty }

  /// Whether an activation is of the source's tokens.
  public func isOfSource(_ activation: Activation) -> Bool {
    ofSource.contains(cached[activation] ?? activation)
  }

  /// The shape of an activation in a run of `inputs`, or of the part of them that it has rows of; nil for one that the
  /// model has not.
  public func shape(of activation: Activation, in inputs: Inputs) -> [Int]? {
    let own = isOfSource(activation) ? inputs.source ?? inputs : inputs
    return axes(of: activation)?.shape(tokenCount: own.count, sourceCount: own.source?.count)
  }

  /// The shape of an activation for a sequence of `tokenCount` tokens; nil for one that the model has not.
  public func shape(of activation: Activation, tokenCount: Int) -> [Int]? {
    axes(of: activation)?.shape(tokenCount: tokenCount)
  }

  /// How many ids may be looked up by `input`: those that every table looked up by it has; nil where none is.
  public func idCount(of input: Input) -> Int? {
    operations.lazy.compactMap { operation in
      guard case .embedding(let kind) = operation.kind, kind.ids == input else { return nil }
      return operation.parameters.first.map { max(0, $0.outputCount - kind.offset) }
    }.min()
  }

  /// Whether positions that nobody gives count the visible tokens, what is masked standing at −1, which is a row of every
  /// table of positions.
  package var countsVisible: Bool {
    let tables = operations.compactMap { operation -> Embedding? in
      guard case .embedding(let kind) = operation.kind, kind.ids == .positionIDs else { return nil }
      return kind
    }
    return tables.contains(where: \.countsVisible) && tables.allSatisfy { $0.offset > 0 }
  }

  /// The id of padding, from behind which positions that nobody gives are counted; nil where they are not.
  package var paddingID: Int? {
    operations.lazy.compactMap { operation in
      guard case .embedding(let kind) = operation.kind else { return nil }
      return kind.padding
    }.first
  }

  /// The number of learned numbers.
  public var parameterCount: Int {
    parameters.reduce(0) { $0 + $1.shape.reduce(1, *) }
  }
}
