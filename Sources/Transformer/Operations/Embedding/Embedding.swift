import TouchstoneModel

/// The row of a table for each id: y[t] = W[id[t] + offset].
///
/// No input but the sequence; one parameter, the table [rows, D] or [1, rows, D]. Makes [T, D].
public struct Embedding: OperationKind {
  /// Which ids are looked up.
  public let ids: Input
  /// The row of the id 0: 2 for the positions of OPT and BART.
  public let offset: Int
  /// Whether positions that nobody gives count the visible tokens: those of OPT, where what is masked stands at −1.
  public let countsVisible: Bool

  /// The id of padding, from behind which positions are counted over the other tokens; nil where nobody counts so.
  ///
  /// Those of RoBERTa are: padding itself stands at the position of its id.
  public let padding: Int?

  /// Looks `ids` up, `offset` rows further down.
  public init(_ ids: Input, offset: Int = 0, countsVisible: Bool = false, padding: Int? = nil) {
    self.ids = ids
    self.padding = padding
    self.offset = offset
    self.countsVisible = countsVisible
  }

  package static let name = Operation.Kind.Name.embedding
  package var kind: Operation.Kind { .embedding(self) }
  package var sequenceInputs: [Input] { [ids.own] }
  package var isOfSource: Bool? { ids.isOfSource }
  package var parameterPurposes: [Parameter.Purpose] { [.table(ids)] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 0...0, parameters: 1...1)
    let table = operands.parameters[0]
    // ViT stores its positions behind an axis of 1.
    let isStacked = table.parameter.shape.count == 3 && table.parameter.shape[0] == 1
    let whole = ParameterView.Selection(expert: isStacked ? 0 : nil)
    guard let width = table.inputCount, table == ParameterView(table.parameter, .outputsFirst, whole) else {
      throw .graph("looks rows up in \(table.parameter), which is viewed as no whole table")
    }
    guard ids.isOfTokens, ids.own != .attentionMask, ids != .targets, (0..<table.outputCount).contains(offset)
    else {
      throw .graph("looks up \(ids.rawValue) from row \(offset) on of \(table.parameter)")
    }
    guard !countsVisible || (ids == .positionIDs && offset > 0) else {
      throw .graph("counts visible tokens, for which \(ids.rawValue) from row \(offset) on have no row")
    }
    if let padding {
      guard ids == .positionIDs, offset == 0, !countsVisible, (0..<table.outputCount).contains(padding) else {
        throw .graph("counts positions from behind \(padding) in \(table.parameter)")
      }
    }
    return [.token, .unit(width)]
  }

  /// Each row of the table has what the tokens that looked it up have; that of padding, of tokens and of positions counted from
  /// behind it, may have nothing.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    let unlearned = pullbacks.paddingIndex.flatMap { ids.own == .tokenIDs ? $0 : padding }
    pullbacks.give(operation.parameters[0], .rows(self, unlearned: unlearned), from: [gradient])
  }

  package var fields: [(name: String, value: JSONText)] {
    [("ids", .string(ids.rawValue)), ("offset", .integer(offset))]
      + (countsVisible ? [("counts_visible", .bool(true))] : [])
      + (padding.map { [("padding", .integer($0))] } ?? [])
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      try fields.choice("ids"), offset: try fields.required("offset", try fields.integer("offset")),
      countsVisible: try fields.bool("counts_visible") ?? false, padding: try fields.integer("padding"))
  }
}
