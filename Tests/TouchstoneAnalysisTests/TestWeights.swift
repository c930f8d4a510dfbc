import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference

/// Weights for tests, the same for the same seed.
enum TestWeights {
  /// Uniform in −1 ..< 1.
  static func random(_ configuration: Configuration, seed: UInt64) throws -> Weights {
    var generator = SplitMix64(seed: seed)
    var tensors: [String: StoredTensor] = [:]
    for parameter in configuration.parameters {
      let shape = parameter.shape
      let values = (0..<shape.reduce(1, *)).map { _ in Float(2 * generator.nextUniform() - 1) }
      tensors[parameter.name] = StoredTensor(Tensor(values, shape: shape))
    }
    return try Weights(configuration: configuration, tensors: tensors)
  }
}
