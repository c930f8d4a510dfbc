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

  /// The weights of a model of the GPT-2 form, for a seed.
  ///
  /// - Throws: ``BadInput`` never, unless the shapes of a configuration contradict each other.
  public func weights(_ configuration: Configuration, seed: UInt64) throws -> Weights {
    try weights(of: configuration.graph, names: Family.gpt2.tensors, seed: seed)
  }

  /// The weights of a model of a family, for a seed.
  ///
  /// - Throws: ``BadInput`` where the names are another family's.
  public func weights(of graph: Graph, names: TensorNames, seed: UInt64) throws -> Weights {
    var random = NormalGenerator(seed: seed)
    var tensors: [String: StoredTensor] = [:]
    let unembedding = graph.unembedding?.parameters.first?.parameter
    let layouts = Dictionary(
      graph.operations.flatMap(\.parameters).map { ($0.parameter, $0.layout) },
      uniquingKeysWith: { one, _ in one })
    for (parameter, purpose) in graph.purposes {
      let role = parameter == unembedding ? .table : Role(purpose)
      let isInputsFirst = layouts[parameter] == .inputsFirst
      let values = (0..<parameter.shape.reduce(1, *)).map { index in
        let (row, column) = index.quotientAndRemainder(dividingBy: parameter.shape.last ?? 1)
        return Float(
          value(
            of: role, row: row, column: column, output: isInputsFirst ? column : row,
            inputs: (isInputsFirst ? parameter.shape.first : parameter.shape.last) ?? 1, random.next()))
      }
      tensors[parameter.name] = StoredTensor(Tensor(values, shape: parameter.shape))
    }
    return try Weights(graph: graph, names: names, tensors: tensors)
  }

  /// One number, from where it stands and a normal number; `inputs` are those of an output of a matrix.
  private func value(
    of role: Role, row: Int, column: Int, output: Int, inputs: Int, _ normal: Double
  ) -> Double {
    switch (self, role) {
    case (.repetitive, .gain(let neutral)): neutral + 0.1
    case (.repetitive, .bias): 0.3
    case (.repetitive, .matrix): [0.7, 0.7, -0.1][output % 3] / Double(inputs).squareRoot()
    case (.repetitive, .table): row % 2 == 0 ? 0.3 : [0.1, 0.1, 0.7][column % 3]
    case (.initialised, .gain(let neutral)): neutral
    case (.initialised, .bias): 0
    case (.initialised, .matrix), (.initialised, .table): 0.02 * normal
    case (.probing, .gain(let neutral)): neutral + 0.3 * normal
    case (.probing, .bias): 0.1 * normal
    case (.probing, .matrix): 1.6 * normal / Double(inputs).squareRoot()
    case (.probing, .table): 0.3 * normal
    case (.trainedLike, .gain(let neutral)): neutral - 1 + (0.6 + 0.2 * normal)
    case (.trainedLike, .bias): 0.05 * normal
    case (.trainedLike, .matrix): 1.2 * normal / Double(inputs).squareRoot()
    // Every 37th channel is an outlier, and the mean is off zero.
    case (.trainedLike, .table): column % 37 == 5 ? 20 + 4 * normal : 0.1 + 0.25 * normal
    }
  }
}

/// What a parameter does, by which its numbers are spread.
private enum Role {
  case gain(neutral: Double)
  case bias
  case matrix
  case table

  init(_ purpose: Parameter.Purpose) {
    switch purpose {
    case .table: self = .table
    case .gain(let neutral): self = .gain(neutral: neutral)
    case .shift, .bias, .sink: self = .bias
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
