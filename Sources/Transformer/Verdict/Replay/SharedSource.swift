import Foundation
import TouchstoneGraph
import TouchstoneModel

/// Recorded activations that several threads read, one at a time.
///
/// The tensors read last are kept, because an activation is read by the operation that makes it and by those that
/// read it: no more of a deep model is held than of a shallow one.
package final class SharedSource: ActivationSource, @unchecked Sendable {
  /// The model, at the temperature of the source.
  package let graph: Graph
  package let inputs: Inputs
  package let precision: Precision
  package let namesPrecision: Bool
  package let productInputs: ProductInputs
  package let temperature: Double
  package let unknownPaths: [String]
  package let givesPositions: Bool
  private let source: any ActivationSource
  private let lock = NSLock()
  private var recent: [(activation: Activation, tensor: Tensor<Double>?)] = []

  /// About the activations of one block.
  private static let greatestCount = 16

  /// Shares a source, which nobody else may read meanwhile.
  ///
  /// - Parameter precision: what it is judged as; nil for what it says of itself.
  package init(_ source: any ActivationSource, judgedAs precision: Precision? = nil) {
    self.source = source
    self.precision = precision ?? source.precision
    namesPrecision = precision != nil || source.namesPrecision
    productInputs = source.productInputs
    graph = source.graph.with(temperature: source.temperature)
    inputs = source.inputs
    temperature = source.temperature
    unknownPaths = source.unknownPaths
    givesPositions = source.givesPositions
  }

  package func storedType(of activation: Activation) -> ScalarType? {
    lock.withLock { source.storedType(of: activation) }
  }

  package func storedShape(of activation: Activation) -> [Int]? {
    lock.withLock { source.storedShape(of: activation) } ?? emptyShape(of: activation)
  }

  /// The shape of what has no rows: of an expert that no token chose nothing is recorded, which is all there is.
  private func emptyShape(of activation: Activation) -> [Int]? {
    guard graph.selection(of: activation) != nil, let shape = (try? rightShape(of: activation)) ?? nil,
      shape[0] == 0
    else { return nil }
    return shape
  }

  /// Whether nothing is made and nothing is recorded: of an expert that no token chose.
  func hasNothing(of operation: TouchstoneGraph.Operation) -> Bool {
    emptyShape(of: operation.output).map { storedShape(of: operation.output) == $0 } ?? false
  }

  package func elementCount(atUnknown path: String) -> Int? {
    lock.withLock { source.elementCount(atUnknown: path) }
  }

  package func isDerived(_ activation: Activation) -> Bool {
    lock.withLock { source.isDerived(activation) }
  }

  package func noiseFloor(of activation: Activation) throws -> Tensor<Double>? {
    try lock.withLock { try source.noiseFloor(of: activation) }
  }

  package func tensor(_ activation: Activation) throws -> Tensor<Double>? {
    let recorded: Tensor<Double>? = try lock.withLock {
      if let known = recent.first(where: { $0.activation == activation }) { return known.tensor }
      let tensor = try source.tensor(activation)
      if recent.count == Self.greatestCount { recent.removeFirst() }
      recent.append((activation, tensor))
      return tensor
    }
    return recorded ?? emptyShape(of: activation).map { Tensor([], shape: $0) }
  }
}
