import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// An operation with its parameters at hand, to be computed on many activations: the reference's values to the bit,
/// products by the judge's own loop, rows of a table where they are stored.
package struct PreparedOperation: Sendable {
  let operation: Operation
  /// What it reads, each as it is stored.
  let operands: [ParameterOperand]
  /// The same widened; empty where the operation needs no widened copy.
  private let parameters: [ParameterValues<Double>]
  private var product: PreparedProduct?

  /// Prepares an operation of a model.
  package init(_ operation: Operation, of weights: Weights) {
    self.init(operation, weights.operands(of: operation))
  }

  init(_ operation: Operation, _ operands: [ParameterOperand]) {
    self.operation = operation
    self.operands = operands
    product = (operation.kind.payload as? Linear).map { PreparedProduct($0, operands) }
    let isWidened = product == nil && !(operation.kind.payload is Embedding)
    parameters = isWidened ? operands.map(\.values) : []
  }

  /// The same, for many activations of few tokens.
  package var repeated: PreparedOperation {
    var repeated = self
    repeated.product = product?.keepingStrips()
    return repeated
  }

  /// The same, of the outputs of a product only every `step`-th eight.
  package func everyEight(_ step: Int) -> PreparedOperation {
    var narrow = self
    narrow.product?.step = step
    return narrow
  }

  /// The outputs of a row of `count` that ``everyEight(_:)`` keeps.
  package static func outputs(of count: Int, everyEight step: Int) -> [Int] {
    stride(from: 0, to: count, by: 8 * step).flatMap { $0..<min($0 + 8, count) }
  }

  /// What the definition makes of what it reads.
  package func value(of activations: [Tensor<Double>], in inputs: Inputs) -> Tensor<Double> {
    if let product { return product.values(ofEach: [activations[0]])[0] }
    if let table = operation.kind.payload as? Embedding {
      let rows = operands[0].stored.rows(inputs.ids(table.ids).map { $0 + table.offset })
      return rows.float32().converted(to: Double.self)
    }
    return operation.kind.value(Operands(activations, parameters: parameters), in: inputs)
  }

  /// The same of several passes, on all cores; of a product the parameters are widened once for all of them.
  func values(ofEach activations: [[Tensor<Double>]], in inputs: Inputs) -> [Tensor<Double>] {
    if let product { return product.values(ofEach: activations.map { $0[0] }) }
    return activations.indices.concurrentMap { value(of: activations[$0], in: inputs) }
  }
}

extension Weights {
  /// What an operation reads, in float32; a table as it is stored, because only some of its rows are read.
  func operands(of operation: Operation) -> [ParameterOperand] {
    operation.parameters.map { view in
      let isTable = operation.kind.payload is Embedding
      let table = isTable ? stored[view.parameter.name] : nil
      guard let table else {
        let (own, part) = storedFloat32(view, readBy: operation)
        return ParameterOperand(own, part)
      }
      return ParameterOperand(table, view)
    }
  }
}
