import TouchstoneModel

/// Patches as tokens, behind a learned row that will stand for the whole picture: y[0] = c, y[i + 1] = x[i].
///
/// One activation [patches, D]; a parameter of D numbers, [D] or [1, 1, D]. Makes [T, D] of T = patches + 1 tokens. Devlin et al. 2019, §3
/// (`[CLS]`); Dosovitskiy et al. 2021, equation 1.
public struct ClassRow: OperationKind {
  /// Puts a row in front.
  public init() {}

  package static let name = Operation.Kind.Name.classRow
  package var kind: Operation.Kind { .classRow(self) }
  package var parameterPurposes: [Parameter.Purpose] { [.bias] }
  package var isOfSource: Bool? { false }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single(parameters: 1...1)
    guard axes.count == 2, case .row = axes[0], case .unit(let width) = axes[1] else {
      throw .graph("puts a row before \(axes.inWords) where [row, unit] is wanted")
    }
    let view = operands.parameters[0]
    guard view == ParameterView(view.parameter), [[width], [1, 1, width]].contains(view.parameter.shape)
    else {
      throw .graph("reads \(view.parameter) as \(view.parameter.shape) where \([width]) is wanted")
    }
    return [.token, .unit(width)]
  }

  package var fields: [(name: String, value: JSONText)] { [] }
  package init(fields: inout JSONFields) throws(BadInput) { self.init() }
}
