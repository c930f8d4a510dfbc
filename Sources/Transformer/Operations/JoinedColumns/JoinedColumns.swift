import TouchstoneModel

/// The columns of two activations side by side: of each head its own, then those that it has of the second, which all share
/// where there is one head of them.
///
/// Two activations [n, T, a] and [n or 1, T, b]; makes [n, T, a + b].
public struct JoinedColumns: OperationKind {
  /// Joins.
  public init() {}

  package static let name = Operation.Kind.Name.joinedColumns
  package var kind: Operation.Kind { .joinedColumns(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 2...2)
    let own = try OperandAxes.heads(of: operands.activations[0])
    let shared = try OperandAxes.heads(of: operands.activations[1])
    guard [1, own.count].contains(shared.count) else {
      throw .graph("joins \(shared.count) heads to \(own.count)")
    }
    return [.head(own.count), .token, .unit(own.width + shared.width)]
  }

  /// Each has its own columns of the gradient, what all heads share their sum over the heads.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    let shapes = operation.inputs.map(pullbacks.headShape)
    var first = 0
    for (place, shape) in shapes.enumerated() {
      pullbacks.give(
        input: place, of: operation,
        TakenColumns(first..<first + shape.width, ofAllHeads: shape.heads < shapes[0].heads), from: [gradient]
      )
      first += shape.width
    }
  }

  package var fields: [(name: String, value: JSONText)] { [] }
  package init(fields: inout JSONFields) throws(BadInput) { self.init() }
}

extension JoinedColumns {
  /// The joined rows, of any numbers that stand as those of the two tensors do.
  ///
  /// - Parameter shapes: of the two.
  package func joined<Number>(_ left: [Number], _ right: [Number], shapes: ([Int], [Int])) -> [Number] {
    let (heads, tokens, width) = (shapes.0[0], shapes.0[1], shapes.0[2])
    let (sharedHeads, sharedWidth) = (shapes.1[0], shapes.1[2])
    var numbers: [Number] = []
    numbers.reserveCapacity(heads * tokens * (width + sharedWidth))
    for head in 0..<heads {
      for token in 0..<tokens {
        let own = (head * tokens + token) * width
        let other = ((sharedHeads == 1 ? 0 : head) * tokens + token) * sharedWidth
        numbers += left[own..<own + width]
        numbers += right[other..<other + sharedWidth]
      }
    }
    return numbers
  }

  /// The joined tensor.
  package func joined<Number>(_ left: Tensor<Number>, _ right: Tensor<Number>) -> Tensor<Number> {
    Tensor(
      joined(left.values, right.values, shapes: (left.shape, right.shape)),
      shape: [left.shape[0], left.shape[1], left.shape[2] + right.shape[2]])
  }
}
