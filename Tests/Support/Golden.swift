import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// A golden with the noise floor that `record` would write into it.
package struct Golden: ActivationSource {
  package var recorded: RecordedActivations
  package let floor: [Activation: Tensor<Double>]

  package init(_ weights: Weights, _ inputs: Inputs) throws {
    recorded = try RecordedActivations(of: ReferenceTransformer(weights), inputs: inputs)
    floor = NoiseFloor.measured(weights, inputs: inputs)
  }

  package var graph: Graph { recorded.graph }
  package var inputs: Inputs { recorded.inputs }
  package var precision: Precision { recorded.precision }
  package func storedType(of activation: Activation) -> ScalarType? { recorded.storedType(of: activation) }
  package func storedShape(of activation: Activation) -> [Int]? { recorded.storedShape(of: activation) }
  package func tensor(_ activation: Activation) -> Tensor<Double>? { recorded.tensor(activation) }
  package func noiseFloor(of activation: Activation) -> Tensor<Double>? { floor[activation] }
}
