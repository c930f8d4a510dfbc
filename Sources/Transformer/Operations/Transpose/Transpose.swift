import TouchstoneModel

/// Columns for rows: what was made of a sound, [D, S], becomes a row for each token of the source, [S, D]; or such rows become
/// columns again.
public struct Transpose: OperationKind {
  /// S, where rows become columns again; nil where columns become rows.
  public let frames: Int?

  /// The transposition, of rows of so many tokens if a number is given.
  public init(backTo frames: Int? = nil) {
    self.frames = frames
  }

  package static let name = Operation.Kind.Name.transpose
  package var kind: Operation.Kind { .transpose(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    if let frames {
      guard axes.count == 2, axes[0] == .token, case .unit = axes[1],
        (1...Parameter.greatestExtent).contains(frames)
      else { throw .graph("turns \(axes.inWords) back to \(frames) frames where [token, unit] is wanted") }
      return [axes[1], .frame(frames)]
    }
    guard axes.count == 2, case .unit = axes[0], case .frame = axes[1] else {
      throw .graph("turns \(axes.inWords) where [unit, frame] is wanted")
    }
    return [.token, axes[0]]
  }

  /// The gradient is turned back.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.give(
      input: 0, of: operation, Transpose(backTo: pullbacks.width(of: operation.inputs[0])), from: [gradient])
  }

  package var fields: [(name: String, value: JSONText)] { frames.map { [("frames", .integer($0))] } ?? [] }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(backTo: try fields.integer("frames"))
  }
}
