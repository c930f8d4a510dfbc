import TouchstoneModel

/// The gradient by a parameter, from all that read it: one sum over all tokens and all readers.
///
/// - matrix: dW(j, i) = Σₜ dy[t, j]·x[t, i]; of x [T, in] and dy, [T, out] or [n, T, d]
/// - vector: db(j) = Σₜ dy[t, j]; of dy
/// - shift: db(c) = Σ of dy[…, c] over all rows; of dy, of the last axis of which each row has the same
/// - filters: dW(o, i, k) = Σₚ dy[o, p]·x[i, p·stride − padding + k]; of x [in, frames], or the input features, and dy [out, positions]
/// - channels: db(o) = Σₚ dy[o, p]; of dy [out, positions]
/// - rows: dW(r) = Σ of dy[t] over the tokens t that looked row r up, but for one id that learns nothing; of dy [T, D]
/// - buckets: dW(b, h) = Σ of dy[h, i, j] over the pairs that stand as far apart as bucket b says; of dy [H, T, T]
///
/// Readers may be of some tokens, or of the source's.
///
/// The activations of each reader in turn, and the parameter once for each, as that reader views it. Makes the parameter's
/// own shape, 0 where nothing is read.
public struct ParameterGradient: OperationKind {
  /// What a reader does with the parameter.
  public enum Use: Hashable, Sendable {
    /// It multiplies with it.
    case matrix
    /// It adds it to each token's numbers.
    case vector
    /// It adds it along the last axis, to each head of a token where there are heads, as a norm does.
    case shift
    /// It slides filters of it along frames.
    case filters(Convolution)
    /// It adds a number of it to each channel at every position.
    case channels
    /// It looks rows of it up; the row of the id `unlearned`, where there is one, gets nothing of that.
    case rows(Embedding, unlearned: Int? = nil)
    /// It adds numbers of it to scores, by how far apart query and key stand.
    case buckets(RelativeBias)

    /// How many activations its gradient reads.
    package var activationCount: Int {
      switch self {
      case .matrix: 2
      case .filters(let convolution): convolution.frames == nil ? 2 : 1
      case .vector, .shift, .channels, .rows, .buckets: 1
      }
    }
  }

  /// One reader of a parameter.
  struct Read {
    let use: Use
    let view: ParameterView
    let activations: [Activation]
  }

  /// What each reader does with it, in their order.
  public let uses: [Use]

  /// The gradient of a parameter that is used so.
  public init(_ uses: [Use]) {
    self.uses = uses
  }

  package static let name = Operation.Kind.Name.parameterGradient
  package var kind: Operation.Kind { .parameterGradient(self) }
  package var isOfSource: Bool? { false }
  package var crossedOperands: Set<Int>? { nil }
  package var sequenceInputs: [Input] {
    uses.flatMap { use -> [Input] in
      switch use {
      case .rows(let table, _): [table.ids]
      case .filters(let convolution): convolution.sequenceInputs
      case .matrix, .vector, .shift, .channels, .buckets: []
      }
    }
  }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    guard let parameter = operands.parameters.first?.parameter, operands.parameters.count == uses.count,
      operands.parameters.allSatisfy({ $0.parameter == parameter })
    else { throw .graph("is the gradient of no parameter, or of several") }
    let wanted = uses.reduce(0) { $0 + $1.activationCount }
    try operands.expect(activations: wanted...wanted, parameters: uses.count...uses.count)
    var rest = operands.activations[...]
    for (place, use) in uses.enumerated() {
      let read = Array(rest.prefix(use.activationCount))
      rest = rest.dropFirst(use.activationCount)
      let gradient = read[read.count - 1]
      let view = OperandAxes(activations: [], names: [], parameters: [operands.parameters[place]])
      var made = gradient
      switch use {
      case .matrix:
        let widths = (try OperandAxes.tokenWidth(of: gradient), try OperandAxes.tokenWidth(of: read[0]))
        try operands.expect(parameter: place, shape: [widths.0, widths.1])
        guard read[0].count == 2, read[0][0] == gradient[gradient.count - 2] else {
          throw .graph("reads \(read[0].inWords) beside \(gradient.inWords)")
        }
      case .vector:
        try operands.expect(parameter: place, shape: [try OperandAxes.tokenWidth(of: gradient)])
      case .shift: try operands.expect(parameter: place, shape: [try OperandAxes.units(of: gradient)])
      case .filters(let convolution):
        made = try convolution.made(of: read.dropLast().first, by: operands.parameters[place])
      case .channels:
        guard gradient.count == 2, case .unit(let count) = gradient[0], case .frame = gradient[1] else {
          throw .graph("reads \(gradient.inWords) where [unit, frame] is wanted")
        }
        try operands.expect(parameter: place, shape: [count])
      case .rows(let table, _): made = try table.axes(of: view)
      case .buckets(let bias): made = try bias.axes(of: view)
      }
      guard made == gradient else {
        throw .graph("reads \(gradient.inWords) where \(made.inWords) is wanted")
      }
    }
    return parameter.shape.map { .unit($0) }
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      (
        "uses",
        .array(
          uses.map { use in
            switch use {
            case .matrix: .object([("use", .string(Name.matrix.rawValue))])
            case .vector: .object([("use", .string(Name.vector.rawValue))])
            case .shift: .object([("use", .string(Name.shift.rawValue))])
            case .filters(let convolution):
              .object([("use", .string(Name.filters.rawValue))] + convolution.fields)
            case .channels: .object([("use", .string(Name.channels.rawValue))])
            case .rows(let table, let unlearned):
              .object(
                [("use", .string(Name.rows.rawValue))] + table.fields
                  + (unlearned.map { [("unlearned", .integer($0))] } ?? []))
            case .buckets(let bias): .object([("use", .string(Name.buckets.rawValue))] + bias.fields)
            }
          })
      )
    ]
  }

  private enum Name: String, CaseIterable {
    case matrix, vector, shift, filters, channels, rows, buckets
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    var uses: [Use] = []
    for value in try fields.required("uses", try fields.array("uses")) {
      var own = try JSONFields(value)
      let name: Name = try own.choice("use")
      switch name {
      case .matrix: uses.append(.matrix)
      case .vector: uses.append(.vector)
      case .shift: uses.append(.shift)
      case .filters: uses.append(.filters(try Convolution(fields: &own)))
      case .channels: uses.append(.channels)
      case .rows:
        uses.append(.rows(try Embedding(fields: &own), unlearned: try own.integer("unlearned")))
      case .buckets: uses.append(.buckets(try RelativeBias(fields: &own)))
      }
      try own.finish()
    }
    self.init(uses)
  }
}

extension ParameterGradient.Use {
  /// Whether what is summed over stands in the columns of the gradient: the positions of a convolution.
  package var isOfFrames: Bool {
    switch self {
    case .filters, .channels: true
    case .matrix, .vector, .shift, .rows, .buckets: false
    }
  }
}
