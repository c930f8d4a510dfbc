import Foundation
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference

/// Models with reproducible random weights, for planting faults in and running honest arithmetic on.
public enum SyntheticModel: String, Sendable, CaseIterable {
  /// As GPT-2 is initialised: no biases, gains of one, matrices of standard deviation 0.02.
  case initialised
  /// Everything different from everything: biases, uneven gains, scores around 10, GELU over its whole range.
  case probing
  /// As training leaves models: a few channels far larger than the others, a shifted mean.
  case trainedLike
  /// Constant rows and columns, and few different values: what defeats the independence of roundings.
  case repetitive

  /// The weights for a configuration and a seed.
  ///
  /// - Throws: ``BadInput`` never, unless the shapes of a configuration contradict each other.
  public func weights(_ configuration: Configuration, seed: UInt64) throws -> Weights {
    var random = NormalGenerator(seed: seed)
    var tensors: [String: StoredTensor] = [:]
    let graph = configuration.graph
    let unembedding = graph.results.logits.flatMap(graph.operation(making:))?.parameters.first?.parameter
    for (parameter, purpose) in graph.purposes {
      let role = parameter == unembedding ? .table : Role(purpose)
      let values = (0..<parameter.shape.reduce(1, *)).map { index in
        Float(value(of: role, at: index, shape: parameter.shape, &random))
      }
      tensors[parameter.name] = StoredTensor(Tensor(values, shape: parameter.shape))
    }
    return try Weights(configuration: configuration, tensors: tensors)
  }

  private func value(
    of role: Role, at index: Int, shape: [Int], _ random: inout NormalGenerator
  ) -> Double {
    let normal = random.next()
    switch (self, role) {
    case (.repetitive, .gain): return 1.1
    case (.repetitive, .bias): return 0.3
    case (.repetitive, .matrix):
      return [0.7, 0.7, -0.1][index % shape[1] % 3] / Double(shape[0]).squareRoot()
    case (.repetitive, .table):
      return index / shape[1] % 2 == 0 ? 0.3 : [0.1, 0.1, 0.7][index % shape[1] % 3]
    case (.initialised, .gain): return 1
    case (.initialised, .bias): return 0
    case (.initialised, .matrix), (.initialised, .table): return 0.02 * normal
    case (.probing, .gain): return 1 + 0.3 * normal
    case (.probing, .bias): return 0.1 * normal
    case (.probing, .matrix): return 1.6 * normal / Double(shape[0]).squareRoot()
    case (.probing, .table): return 0.3 * normal
    case (.trainedLike, .gain): return 0.6 + 0.2 * normal
    case (.trainedLike, .bias): return 0.05 * normal
    case (.trainedLike, .matrix): return 1.2 * normal / Double(shape[0]).squareRoot()
    case (.trainedLike, .table):
      // Every 37th channel is an outlier, and the mean is off zero.
      let column = index % shape[1]
      return column % 37 == 5 ? 20 + 4 * normal : 0.1 + 0.25 * normal
    }
  }
}

/// What a parameter does, by which its numbers are spread.
private enum Role {
  case gain
  case bias
  case matrix
  case table

  init(_ purpose: Parameter.Purpose) {
    switch purpose {
    case .table: self = .table
    case .gain: self = .gain
    case .shift, .bias: self = .bias
    case .matrix: self = .matrix
    }
  }
}

/// Standard normal numbers by the Box–Muller transform.
struct NormalGenerator {
  private var uniform: SplitMix64
  private var spare: Double?

  init(seed: UInt64) {
    uniform = SplitMix64(seed: seed)
  }

  mutating func next() -> Double {
    if let spare {
      self.spare = nil
      return spare
    }
    let radius = (-2 * log(1 - uniform.nextUniform())).squareRoot()
    let angle = 2 * Double.pi * uniform.nextUniform()
    spare = radius * sin(angle)
    return radius * cos(angle)
  }
}
