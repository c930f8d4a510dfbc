import TouchstoneGraph
import TouchstoneModel

/// The replays of one operation by its alternatives, kept for the outputs that are held against them one after the other.
final class KeptReplays {
  private var known: [Int: Replay?] = [:]

  /// The replay by the alternative at a place among all; nil where the capture does not allow it.
  func replay(_ place: Int, _ make: () throws -> Replay?) rethrows -> Replay? {
    if let known = known[place] { return known }
    let replay = try make()?.keepingEstimates
    known[place] = .some(replay)
    return replay
  }
}

/// A capture whose tensors are kept once they are read, for the many ways to recompute one operation.
final class KeptSource: ActivationSource {
  private let source: SharedSource
  private var kept: [Activation: Tensor<Double>] = [:]

  init(_ source: SharedSource) {
    self.source = source
  }

  var graph: Graph { source.graph }
  var inputs: Inputs { source.inputs }
  var precision: Precision { source.precision }
  var productInputs: ProductInputs { source.productInputs }
  var temperature: Double { source.temperature }
  func storedType(of activation: Activation) -> ScalarType? { source.storedType(of: activation) }
  func storedShape(of activation: Activation) -> [Int]? { source.storedShape(of: activation) }
  func isDerived(_ activation: Activation) -> Bool { source.isDerived(activation) }

  func tensor(_ activation: Activation) throws -> Tensor<Double>? {
    if let known = kept[activation] { return known }
    let tensor = try source.tensor(activation)
    kept[activation] = tensor
    return tensor
  }
}
