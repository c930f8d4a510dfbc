import TouchstoneModel

/// Works out, operation by operation, the axes of everything that is made, and checks that what is read fits.
struct AxisInference {
  /// The axes of every activation made so far.
  private(set) var axes: [Activation: [Axis]] = [:]
  /// Those that are of the source's tokens.
  private(set) var ofSource: Set<Activation> = []
  /// How many tokens of the source are made of a sound; nil where none are so far.
  private var heard: Int?
  /// The activation whose last axis is the vocabulary.
  let logits: Activation?

  init(logits: Activation? = nil) {
    self.logits = logits
  }

  /// Adds what `operation` makes.
  ///
  /// - Throws: ``BadInput`` naming its output if it reads what is not there, if its operands do not fit, or if its
  ///   output has been made before or has no name of an activation.
  mutating func append(_ operation: Operation) throws(BadInput) {
    do {
      try add(operation)
    } catch {
      throw error.at(operation.output.path)
    }
  }

  private mutating func add(_ operation: Operation) throws(BadInput) {
    let output = operation.output
    guard Activation(path: output.path) == output else {
      throw .graph("is no name of an activation")
    }
    let given = (operation.kind.payload as? Given).map { Activation(given: $0.input) }
    guard given.map({ $0 == output }) ?? !output.isGiven else {
      throw .graph("is what the model is given, and nothing else is")
    }
    guard axes[output] == nil else { throw .graph("is made twice") }
    var operands: [[Axis]] = []
    for input in operation.inputs {
      guard let axes = axes[input] else {
        throw .graph("reads \(JSONValue.quoted(input.path)), which no operation before it makes")
      }
      operands.append(axes)
    }
    for view in operation.parameters { try view.check() }
    var made = try operation.kind.payload.axes(
      of: OperandAxes(activations: operands, names: operation.inputs, parameters: operation.parameters))
    if try isOfSource(operation) { ofSource.insert(output) }
    if let kind = operation.kind.payload as? Transpose { try turn(kind, operands[0], output) }
    if output == logits, case .unit(let count) = made.last {
      made[made.count - 1] = .vocabulary(count)
    }
    axes[output] = made
  }

  /// - Throws: ``BadInput`` where as many frames as the source has tokens are not what is turned.
  private mutating func turn(_ kind: Transpose, _ read: [Axis], _ output: Activation) throws(BadInput) {
    let frames = kind.frames ?? read[1].extent(tokenCount: 1)
    let tokens = heard ?? frames
    guard tokens == frames, kind.frames == nil || heard != nil && ofSource.contains(output) else {
      throw .graph("turns \(frames) frames where the source has \(tokens) tokens of a sound")
    }
    heard = tokens
  }

  /// Whether what is made is of the source's tokens.
  private func isOfSource(_ operation: Operation) throws(BadInput) -> Bool {
    let kind = operation.kind.payload
    let places = operation.inputs.indices
    let areOfSource = operation.inputs.map(ofSource.contains)
    let crossed = kind.crossedOperands ?? []
    let isOfSource =
      kind.isOfSource ?? places.first { !crossed.contains($0) }.map { areOfSource[$0] } ?? false
    guard crossed.isEmpty || !isOfSource || kind.isOfSource == true,
      kind.crossedOperands == nil
        || places.allSatisfy({ areOfSource[$0] == (crossed.contains($0) ? !isOfSource : isOfSource) })
    else { throw .graph("mixes what is of the source's tokens with what is not") }
    guard !isOfSource || operation.output != logits else { throw .graph("makes logits of the source") }
    return isOfSource
  }
}
