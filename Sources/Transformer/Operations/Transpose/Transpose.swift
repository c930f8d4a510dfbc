import TouchstoneModel

/// Columns for rows: what was made of a sound, [D, S], becomes a row for each token of the source, [S, D].
public struct Transpose: OperationKind {
  /// The transposition.
  public init() {}

  package static let name = Operation.Kind.Name.transpose
  package var kind: Operation.Kind { .transpose(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    guard axes.count == 2, case .unit = axes[0], case .frame = axes[1] else {
      throw .graph("turns \(axes.inWords) where [unit, frame] is wanted")
    }
    return [.token, axes[0]]
  }

  package var fields: [(name: String, value: JSONText)] { [] }
  package init(fields: inout JSONFields) throws(BadInput) { self.init() }
}
