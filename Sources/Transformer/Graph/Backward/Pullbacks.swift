import TouchstoneModel

/// The backward pass of a graph, gathered operation by operation from the last one to the first.
///
/// The pullback of an operation says what the gradient of its output gives each of its inputs and parameters: it appends
/// ordinary operations, or hands the gradient on. What several readers give one activation is added.
package struct Pullbacks {
  /// The operations of the backward pass so far.
  private(set) var operations: [Operation] = []
  /// What each reader gives an activation, the last reader first.
  private var given: [Activation: [Contribution]] = [:]
  /// What each reader gives a parameter, the last reader first.
  private var ofParameters: [Parameter: [ParameterGradient.Read]] = [:]
  /// Parameters that have one reader alone, and their gradient from it.
  private var readAlone: Set<Parameter> = []
  /// What parameters reach: only that has a gradient.
  private let reached: Set<Activation>
  private let graph: Graph
  /// The id of padding, which learns nothing from what is looked up.
  package let paddingIndex: Int?

  /// What one reader gives an activation.
  private enum Contribution {
    /// The gradient of the reader's output, bit for bit.
    case handedOn(Activation)
    /// What an operation makes of it, which is named once all readers are known.
    case made(Operation.Kind, from: [Activation], with: [ParameterView], as: String, of: Operation)
  }

  init(of graph: Graph, paddingIndex: Int?) {
    var reached: Set<Activation> = []
    for operation in graph.operations
    where !operation.parameters.isEmpty || operation.inputs.contains(where: reached.contains) {
      reached.insert(operation.output)
    }
    self.reached = reached
    self.graph = graph
    self.paddingIndex = paddingIndex
  }

  /// The number of heads that an activation is split into.
  package func headCount(of activation: Activation) -> Int {
    graph.axes(of: activation)?.first?.extent(tokenCount: 1) ?? 1
  }

  /// The number of heads that an activation is split into, and the extent of its last axis.
  package func headShape(of activation: Activation) -> (heads: Int, width: Int) {
    (headCount(of: activation), width(of: activation))
  }

  /// The extent of the last axis of an activation.
  package func width(of activation: Activation) -> Int {
    graph.axes(of: activation)?.last?.extent(tokenCount: 1) ?? 1
  }

  // MARK: What a pullback says

  /// Hands the gradient of an operation's output on to one of its inputs.
  package mutating func handOn(_ gradient: Activation, to input: Activation) {
    guard reached.contains(input) else { return }
    given[input, default: []].append(.handedOn(gradient))
  }

  /// Gives one of an operation's inputs what `kind` makes.
  ///
  /// - Parameters:
  ///   - place: which input.
  ///   - kind: what is computed.
  ///   - activations: what that reads.
  ///   - parameters: what that reads of the model.
  package mutating func give(
    input place: Int, of operation: Operation, _ kind: some OperationKind, from activations: [Activation],
    with parameters: [ParameterView] = []
  ) {
    let input = operation.inputs[place]
    guard reached.contains(input) else { return }
    let ending = operation.inputs.count == 1 ? "_in" : "_in_\(place)"
    given[input, default: []].append(
      .made(
        kind.kind, from: activations, with: parameters, as: operation.output.name + ending, of: operation))
  }

  /// Gives a parameter what one of its readers does with it.
  package mutating func give(_ view: ParameterView, _ read: ParameterGradient.Use, from: [Activation]) {
    ofParameters[view.parameter, default: []].append(
      ParameterGradient.Read(use: read, view: view, activations: from))
  }

  /// Gives a parameter the gradient that its one reader has for it: a gain, or the sinks of attention.
  ///
  /// - Throws: ``BadInput`` where two share it.
  package mutating func give(
    alone view: ParameterView, _ kind: some OperationKind, from activations: [Activation],
    with parameters: [ParameterView] = []
  ) throws(BadInput) {
    guard readAlone.insert(view.parameter).inserted else {
      throw BadInput.graph("is shared by two operations, for which there is no gradient").at(
        view.parameter.name)
    }
    operations.append(
      Operation(kind.kind, Activation(gradientOf: view.parameter), from: activations, with: parameters))
  }

  /// A gradient on the way to what an operation reads, which has a name of its own.
  package mutating func made(
    _ kind: some OperationKind, named name: String, beside output: Activation, from activations: [Activation]
  ) -> Activation {
    let gradient = output.gradient(named: name)
    operations.append(Operation(kind.kind, gradient, from: activations))
    return gradient
  }

  // MARK: Gathering

  /// Appends an operation of the backward pass.
  mutating func append(_ kind: some OperationKind, _ output: Activation, from inputs: [Activation]) {
    operations.append(Operation(kind.kind, output, from: inputs))
  }

  /// The gradient of an activation, all of whose readers have been heard; nil where none gives it any.
  ///
  /// What is handed on stands first, then what is made, in the order of the readers; products of one vector with several
  /// matrices are one sum, and so are the rows that experts give back.
  mutating func gradient(of activation: Activation) -> Activation? {
    guard let given = given.removeValue(forKey: activation)?.reversed(), !given.isEmpty else { return nil }
    let gradient = activation.gradient
    var addends: [Activation] = []
    var made: [Operation] = []
    for case .handedOn(let other) in given { addends.append(other) }
    for case .made(let kind, let inputs, let views, let name, let reader) in given {
      if let place = made.firstIndex(where: { $0.kind.isOneSum && $0.kind == kind }) {
        // The rows of experts are told apart by the choice, which all of them read first.
        let isOfExperts = if case .returnedRows = kind { true } else { false }
        let others = inputs.dropFirst(isOfExperts ? 1 : 0)
        made[place] = Operation(
          kind, made[place].output, from: made[place].inputs + others, with: made[place].parameters + views)
      } else {
        made.append(Operation(kind, reader.output.gradient(named: name), from: inputs, with: views))
      }
    }
    if addends.isEmpty, made.count == 1 {
      operations.append(
        Operation(made[0].kind, gradient, from: made[0].inputs, with: made[0].parameters))
      return gradient
    }
    operations += made
    addends += made.map(\.output)
    operations.append(
      Operation(addends.count == 1 ? Identity().kind : Sum().kind, gradient, from: addends))
    return gradient
  }

  /// The gradient of a parameter that is no gain, once all of its readers have been heard.
  mutating func appendGradient(of parameter: Parameter) {
    guard let reads = ofParameters.removeValue(forKey: parameter)?.reversed(), !reads.isEmpty else { return }
    operations.append(
      Operation(
        ParameterGradient(reads.map(\.use)).kind, Activation(gradientOf: parameter),
        from: reads.flatMap(\.activations), with: reads.map(\.view)))
  }
}

extension Operation.Kind {
  /// Whether what several readers give one activation is one sum.
  fileprivate var isOneSum: Bool {
    switch self {
    case .linearGradient, .returnedRows: true
    default: false
    }
  }
}

extension Graph {
  /// The same model with its loss and the backward pass: an ordinary graph, in which the gradient of `layers/003/mlp_act`
  /// is `grad/layers/003/mlp_act` and that of a parameter `grad/weights/` and its name.
  ///
  /// Every kind of operation says by its pullback what its readers' gradients come to, so that what is made of a graph,
  /// the reference, bounds, replay and faults, is made of the backward pass as well.
  ///
  /// - Throws: ``BadInput`` for a model without logits, one that has an operation without a gradient, and numbers from
  ///   which no loss follows.
  public func differentiated(by loss: Loss) throws(BadInput) -> Graph {
    try loss.check()
    guard let logits = results.logits else {
      throw BadInput(
        problem: "the model makes no logits, of which a loss is made",
        remedy: "record it without targets, the forward pass alone")
    }
    let perToken = Activation("loss/per_token")
    var pullbacks = Pullbacks(of: self, paddingIndex: loss.paddingIndex)
    pullbacks.append(CrossEntropy(labelSmoothing: loss.labelSmoothing), perToken, from: [logits])
    pullbacks.append(LossMean(loss.ofLogits), Activation("loss/mean"), from: [perToken])
    pullbacks.append(CrossEntropyGradient(loss.ofLogits), logits.gradient, from: [logits])
    // Walking back, the first reader of a parameter is the last that is heard.
    let firstReaders = Dictionary(
      operations.flatMap { operation in operation.parameters.map { ($0.parameter, operation.output) } },
      uniquingKeysWith: { first, _ in first })
    for operation in operations.reversed() {
      let isLogits = operation.output == logits
      let gradient = isLogits ? logits.gradient : pullbacks.gradient(of: operation.output)
      if let gradient {
        do {
          try operation.kind.payload.pullBack(gradient, through: operation, to: &pullbacks)
        } catch {
          throw BadInput(
            place: operation.output.path, problem: error.problem,
            remedy: "record this model without targets, the forward pass alone")
        }
      }
      for view in operation.parameters where firstReaders[view.parameter] == operation.output {
        pullbacks.appendGradient(of: view.parameter)
      }
    }
    return try Graph(validating: operations + pullbacks.operations, results: results)
  }

  /// Whether it has a backward pass.
  public var isDifferentiated: Bool { index(making: Activation("loss/mean")) != nil }

  /// The operations before the loss, all of them where there is none.
  package var forwardOperations: [Operation] {
    Array(operations.prefix { !$0.output.path.hasPrefix("loss/") })
  }
}

extension Activation {
  /// Where the gradients of a model stand.
  static let gradientGroup = "grad"
  /// Where those of its parameters stand.
  static let parameterGradients = "grad/weights/"

  /// Whether it is a value of a backward pass.
  package var isGradient: Bool { path.hasPrefix(Self.gradientGroup + "/") }

  /// Whether it is the gradient of a parameter, whose rows are no tokens.
  package var isOfParameter: Bool { block == nil && name.hasPrefix(Self.parameterGradients) }

  /// The gradient of the loss by this value.
  public var gradient: Activation { gradient(named: name) }

  /// A value of the backward pass that stands where the gradient of this one does.
  func gradient(named name: String) -> Activation {
    guard let block else { return Activation(Self.gradientGroup + "/" + name) }
    return Activation(name, in: Block(block.index, of: Self.gradientGroup + "/" + block.stack))
  }

  /// The gradient of the loss by a parameter.
  public init(gradientOf parameter: Parameter) {
    self.init(Self.parameterGradients + parameter.name)
  }
}

extension Activation.Block {
  /// The block of the forward pass that it is, or whose gradients it has.
  package var ofForwardPass: Activation.Block {
    let group = Activation.gradientGroup + "/"
    return stack.hasPrefix(group) ? Activation.Block(index, of: String(stack.dropFirst(group.count))) : self
  }
}
