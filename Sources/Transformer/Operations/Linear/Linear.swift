import TouchstoneModel

/// A matrix times each vector: y[t, j] = clip(b[j] + Σᵢ x[t, i]·W(j, i), ±limit), W as its view says.
///
/// One activation [T, in], of some tokens, or of rows that are none; a matrix of `in` inputs, and a bias or none. Makes [T, out], or [n, T, d]
/// where the outputs are split into n heads: head h takes the outputs h·d ..< (h + 1)·d.
public struct Linear: OperationKind {
  /// n: how many heads the outputs are split into; nil for none.
  public let heads: Int?
  /// The greatest magnitude of an output, beyond which it is clipped; nil for none.
  public let limit: Double?

  /// A product, split into `heads`.
  public init(heads: Int? = nil, limit: Double? = nil) {
    self.heads = heads
    self.limit = limit
  }

  package static let name = Operation.Kind.Name.linear
  package var kind: Operation.Kind { .linear(self) }
  package var parameterPurposes: [Parameter.Purpose] { [.matrix, .bias] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single(parameters: 1...2)
    let width = try OperandAxes.units(of: axes)
    let isOfTokens =
      switch axes[0] {
      case .rows, .row: heads == nil
      default: axes[0] == .token
      }
    guard axes.count == 2, isOfTokens else {
      throw .graph("reads \(axes.inWords) where [token, unit] is wanted")
    }
    let outputs = operands.parameters[0].outputCount
    try operands.expect(parameter: 0, shape: [outputs, width])
    if operands.parameters.count == 2 { try operands.expect(parameter: 1, shape: [outputs]) }
    guard limit ?? 0 >= 0 else { throw .graph("clips to the negative limit \(limit ?? 0)") }
    guard let heads else { return [axes[0], .unit(outputs)] }
    guard heads >= 1, outputs.isMultiple(of: heads) else {
      throw .graph("splits \(outputs) outputs into \(heads) heads")
    }
    return [.head(heads), .token, .unit(outputs / heads)]
  }

  /// The input has the gradient times the matrix, the matrix the products of gradient and input, the bias their sum; of
  /// outputs that are clipped the gradient is 0.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    var gradient = gradient
    if let limit {
      gradient = pullbacks.made(
        ClipGradient(limit: limit, ofClipped: true), named: operation.output.name + "_product",
        beside: operation.output, from: [gradient, operation.output])
    }
    pullbacks.give(
      input: 0, of: operation, LinearGradient(), from: [gradient], with: [operation.parameters[0]])
    pullbacks.give(operation.parameters[0], .matrix, from: [operation.inputs[0], gradient])
    guard operation.parameters.count > 1 else { return }
    pullbacks.give(operation.parameters[1], .vector, from: [gradient])
  }

  package var fields: [(name: String, value: JSONText)] {
    [("heads", .optional(heads))] + (limit.map { [("limit", .number($0))] } ?? [])
  }

  /// A value as it is once it is clipped.
  @inlinable package func clipped<Number: BinaryFloatingPoint>(_ value: Number) -> Number {
    guard let limit, abs(value) > Number(limit) else { return value }
    return value < 0 ? -Number(limit) : Number(limit)
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(heads: try fields.integer("heads"), limit: try fields.number("limit"))
  }
}
