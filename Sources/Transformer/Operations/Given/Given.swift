import TouchstoneModel

/// An array that the model is given, as the operations behind it read it.
///
/// No operands. Makes the pixels of a picture [channels, height, width], vectors [T, D], or a condition [1, D]; it is named as it stands
/// among the inputs of a file, `inputs/pixel_values`.
public struct Given: OperationKind {
  /// Which array.
  public let input: Input
  /// Its extents, without that of the tokens, or of the one row of a condition.
  public let extents: [Int]

  /// An array of these extents: of pixels channels, height and width, else D.
  public init(_ input: Input, _ extents: Int...) { self.init(input, extents: extents) }

  private init(_ input: Input, extents: [Int]) {
    self.input = input
    self.extents = extents
  }

  package static let name = Operation.Kind.Name.given
  package var kind: Operation.Kind { .given(self) }
  package var sequenceInputs: [Input] { [input] }
  package var isOfSource: Bool? { false }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 0...0)
    guard input.isArray, extents.count == (input == .pixelValues ? 3 : 1),
      extents.allSatisfy((1...Parameter.greatestExtent).contains),
      extents.reduce(1.0, { $0 * Double($1) }) <= Double(Inputs.greatestCount)
    else { throw .graph("is given as \(input.rawValue) with the extents \(extents)") }
    return switch input {
    case .pixelValues: [.unit(extents[0]), .row(extents[1]), .unit(extents[2])]
    case .hidden: [.token, .unit(extents[0])]
    default: [.row(1), .unit(extents[0])]
    }
  }

  package var fields: [(name: String, value: JSONText)] {
    [("input", .string(input.rawValue)), ("extents", .array(extents.map { .integer($0) }))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      try fields.choice("input"),
      extents: try fields.required("extents", try fields.integers("extents")))
  }
}
