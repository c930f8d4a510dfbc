import TouchstoneModel

/// What a kind of operation says of itself without computing: its name, its numbers, the axes of what it makes.
package protocol OperationKind: Hashable, Sendable {
  /// Its name in a stored graph.
  static var name: Operation.Kind.Name { get }

  /// Itself as one of all kinds.
  var kind: Operation.Kind { get }

  /// Whether its output decides what is computed afterwards: whole numbers, which no arithmetic rounds.
  var isDecision: Bool { get }

  /// What it reads of the sequence itself, besides activations and parameters.
  var sequenceInputs: [Input] { get }

  /// What each parameter does that it may read, in their order.
  var parameterPurposes: [Parameter.Purpose] { get }

  /// The operands that a key-value cache may hold in another form: the operand's place, and the name under which a
  /// recording has what was really read.
  var cachedOperands: [Int: String] { get }

  /// Whether it makes something of the source's tokens; nil where that follows from the activations that it reads.
  var isOfSource: Bool? { get }

  /// The operands that are of the source's tokens where what is made is not, or the other way round; nil where each may be of
  /// either.
  var crossedOperands: Set<Int>? { get }

  /// The axes of its output.
  ///
  /// - Throws: ``BadInput``, without a place, for operands or numbers that cannot be.
  func axes(of operands: OperandAxes) throws(BadInput) -> [Axis]

  /// Says what the gradient of its output gives what it reads.
  ///
  /// - Throws: ``BadInput``, without a place, where there is no gradient.
  func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput)

  /// Its numbers, in the order in which a stored graph has them.
  var fields: [(name: String, value: JSONText)] { get }

  /// Reads its numbers from a stored graph.
  ///
  /// - Throws: ``BadInput`` naming a field that is missing or of the wrong type.
  init(fields: inout JSONFields) throws(BadInput)
}

extension OperationKind {
  /// Nothing of the sequence.
  package var sequenceInputs: [Input] { [] }
  /// Nothing is decided.
  package var isDecision: Bool { false }
  /// No parameter is read.
  package var parameterPurposes: [Parameter.Purpose] { [] }
  /// No operand is cached.
  package var cachedOperands: [Int: String] { [:] }
  /// It follows from what is read.
  package var isOfSource: Bool? { nil }
  /// All that is read is of the same tokens.
  package var crossedOperands: Set<Int>? { [] }

  /// There is no gradient.
  package func pullBack(
    _: Activation, through _: Operation, to _: inout Pullbacks
  ) throws(BadInput) {
    throw .graph("has no gradient here: the kind \(Self.name.rawValue) cannot be pulled back")
  }
}

/// What an operation is given, by axes: enough to know the axes of what it makes.
package struct OperandAxes: Sendable {
  /// The axes of each activation it reads.
  package let activations: [[Axis]]
  /// What they are called.
  package let names: [Activation]
  /// The parameters it reads.
  package let parameters: [ParameterView]

  /// The axes of the one activation that is read, with as many parameters as `parameterCount` allows.
  ///
  /// - Throws: ``BadInput`` for other counts.
  func single(parameters parameterCount: ClosedRange<Int> = 0...0) throws(BadInput) -> [Axis] {
    try expect(activations: 1...1, parameters: parameterCount)
    return activations[0]
  }

  /// - Throws: ``BadInput`` unless as many activations and parameters are read as a kind can.
  func expect(
    activations activationCount: ClosedRange<Int>, parameters parameterCount: ClosedRange<Int> = 0...0
  ) throws(BadInput) {
    for (what, count, wanted) in [
      ("activations", activations.count, activationCount), ("parameters", parameters.count, parameterCount),
    ]
    where !wanted.contains(count) {
      throw .graph("reads \(count) \(what) where \(Self.words(wanted)) are wanted")
    }
  }

  private static func words(_ range: ClosedRange<Int>) -> String {
    switch (range.lowerBound, range.upperBound) {
    case let (low, high) where low == high: "\(low)"
    case (let low, .max): "\(low) or more"
    case let (low, high): "\(low) to \(high)"
    }
  }

  /// - Throws: ``BadInput`` unless the parameter at `index` has, as it is viewed, the shape `wanted`.
  func expect(parameter index: Int, shape wanted: [Int]) throws(BadInput) {
    let view = parameters[index]
    guard view.shape == wanted else {
      throw .graph("reads \(view.parameter) as \(view.shape) where \(wanted) is wanted")
    }
  }

  /// The extent of the last axis, whose elements must be units.
  ///
  /// - Throws: ``BadInput`` for other axes.
  static func units(of axes: [Axis]) throws(BadInput) -> Int {
    guard case .unit(let count) = axes.last else {
      throw .graph("reads \(axes.inWords), whose last axis is no vector")
    }
    return count
  }

  /// How many numbers of an activation belong to a token, side by side or split into heads.
  ///
  /// - Throws: ``BadInput`` for other axes.
  static func tokenWidth(of axes: [Axis]) throws(BadInput) -> Int {
    if axes.count == 2, axes[0].isOfTokens { return axes[1].extent(tokenCount: 1) }
    let heads = try heads(of: axes)
    return heads.count * heads.width
  }

  /// The head count and width of an activation split into heads.
  ///
  /// - Throws: ``BadInput`` for other axes.
  static func heads(of axes: [Axis]) throws(BadInput) -> (count: Int, width: Int) {
    guard axes.count == 3, case .head(let count) = axes[0], axes[1] == .token, case .unit(let width) = axes[2]
    else { throw .graph("reads \(axes.inWords) where [head, token, unit] is wanted") }
    return (count, width)
  }
}

extension BadInput {
  /// Something wrong with a graph.
  static func graph(_ problem: String) -> BadInput {
    BadInput(problem: problem, remedy: "correct the graph")
  }

  /// The same problem, said of `place` where no place was named yet, or inside it.
  func at(_ place: String) -> BadInput {
    var copy = self
    copy.place = [place, self.place].compactMap { $0 }.joined(separator: ": ")
    return copy
  }
}
