import TouchstoneModel

/// Writes a graph down, an operation a call.
///
/// A value is named inside the block that is being built, and so are parameters, by the end of their names. What does
/// not fit is kept in mind and thrown by ``graph(logits:)``, so that a family reads as a plain list.
public struct GraphBuilder {
  private var operations: [Operation] = []
  private var inference = AxisInference()
  private var problem: BadInput?
  /// How the family's checkpoints store matrices.
  let layout: ParameterView.Layout
  private let root: String
  private var block: Activation.Block?
  private var prefix: String
  /// In front of the names of activations, inside the block.
  private var group = ""

  /// Begins a graph.
  ///
  /// - Parameters:
  ///   - root: in front of the names of parameters, such as `model.`.
  ///   - layout: how the checkpoints store matrices.
  public init(root: String, layout: ParameterView.Layout) {
    self.root = root
    self.layout = layout
    prefix = root
  }

  /// Builds one block of a stack.
  ///
  /// - Parameters:
  ///   - index: which one, from 0.
  ///   - stack: in front of the block's activations.
  ///   - parameters: in front of the names of its parameters, behind the root: `layers.0.`.
  ///   - body: its operations.
  public mutating func block(
    _ index: Int, of stack: String = "layers", parameters: String, _ body: (inout GraphBuilder) -> Void
  ) {
    block = Activation.Block(index, of: stack)
    prefix = root + parameters
    body(&self)
    block = nil
    prefix = root
  }

  /// Builds a part of a block whose activations stand in a group of their own, such as an expert's.
  ///
  /// - Parameters:
  ///   - group: in front of their names: `experts/003/`.
  ///   - parameters: in front of the names of its parameters, behind the block's: `mlp.experts.3.`.
  ///   - body: its operations.
  public mutating func group(
    _ group: String, parameters: String, _ body: (inout GraphBuilder) -> Void
  ) {
    let outer = (self.group, prefix)
    (self.group, prefix) = (self.group + group, prefix + parameters)
    body(&self)
    (self.group, prefix) = outer
  }

  /// A parameter of the block that is being built, or of the model.
  public func parameter(_ name: String, _ shape: Int...) -> Parameter {
    Parameter(prefix + name, shape)
  }

  /// Adds an operation.
  ///
  /// - Parameters:
  ///   - kind: what it computes.
  ///   - name: of what it makes, inside the block.
  ///   - inputs: what it reads.
  ///   - parameters: what it reads, weight before bias.
  /// - Returns: what it makes.
  package mutating func append(
    _ kind: some OperationKind, _ name: String, from inputs: [Activation] = [],
    with parameters: [ParameterView] = []
  ) -> Activation {
    let operation = Operation(kind.kind, Activation(group + name, in: block), from: inputs, with: parameters)
    operations.append(operation)
    if problem == nil {
      do {
        try inference.append(operation)
      } catch {
        problem = error
      }
    }
    return operation.output
  }

  /// The extent of the last axis of a value that was made; 1 for one that does not fit.
  func width(of activation: Activation) -> Int {
    inference.axes[activation]?.last?.extent(tokenCount: 1) ?? 1
  }

  /// How many numbers of a value belong to a token; 1 for one that does not fit.
  func size(of activation: Activation) -> Int {
    inference.axes[activation]?.shape(tokenCount: 1).reduce(1, *) ?? 1
  }

  /// The graph.
  ///
  /// - Throws: ``BadInput`` for the first operation that does not fit.
  public func graph(logits: Activation? = nil) throws(BadInput) -> Graph {
    if let problem { throw problem }
    return try Graph(validating: operations, results: Graph.Results(logits: logits))
  }
}
