import TouchstoneGraph
import TouchstoneModel

/// Something that holds of every right implementation on every model, told without knowing the right numbers.
package struct ModelProperty: Sendable {
  /// What holds, in words.
  package let name: String
  /// The clauses of `Docs/Specification` that it tests.
  package let clauses: [String]
  /// What is wrong with an implementation on a case; nil when the property holds.
  package let violation: @Sendable (ModelCase, Engine) throws -> String?

  /// States what holds.
  package init(
    _ name: String, clauses: [String], violation: @escaping @Sendable (ModelCase, Engine) throws -> String?
  ) {
    self.name = name
    self.clauses = clauses
    self.violation = violation
  }

  /// Every property, in the order of the chapters.
  package static let all =
    embedding + layerNorm + attention + feedForward + residualStream + readout + numerics
}

/// An implementation under test, made anew for each model.
package struct Engine: Sendable {
  /// What to call it.
  package let name: String
  /// The name of the test in which it is put to the test.
  package var test: String
  /// Whether it promises more than the specification asks: one order of every sum, wherever its result stands and
  /// however many rows there are, and a variance in two passes.
  package let isStrict: Bool
  /// The command that puts the golden at a path through it, as a person types it.
  package let verifyCommand: @Sendable (_ golden: String) -> String
  private let make: @Sendable (Weights) throws -> any Transformer

  /// Names an implementation, and says how to make it and how to run it on a golden by hand.
  package init(
    _ name: String, test: String = "SpecificationTests", isStrict: Bool = true,
    verifyCommand: @escaping @Sendable (_ golden: String) -> String,
    make: @escaping @Sendable (Weights) throws -> any Transformer
  ) {
    self.name = name
    self.test = test
    self.isStrict = isStrict
    self.verifyCommand = verifyCommand
    self.make = make
  }

  /// The implementation of a model.
  ///
  /// - Throws: what making it throws.
  package func implementation(of weights: Weights) throws -> any Transformer {
    try make(weights)
  }

  /// The implementation of a model.
  ///
  /// - Throws: what making it throws.
  package func implementation(of model: Model) throws -> any Transformer {
    try make(model.weights())
  }

  /// What it hands out on a sequence.
  ///
  /// - Throws: what it throws.
  package func run(_ model: Model, _ inputs: Inputs) throws -> Run {
    Run(activations: try RecordedActivations(of: implementation(of: model), inputs: inputs))
  }
}

/// The activations of one run.
package struct Run: Sendable {
  /// As they were recorded.
  package var activations: RecordedActivations

  /// The model.
  var graph: Graph { activations.graph }
  /// The sequence.
  var inputs: Inputs { activations.inputs }
  /// The unit roundoff of the arithmetic.
  var roundoff: Double { activations.precision.type == .float64 ? 0x1p-53 : 0x1p-24 }

  /// A point outside the blocks.
  ///
  /// - Throws: `NotObserved` where it was not handed out.
  func callAsFunction(_ point: Activation.Point) throws(NotObserved) -> Tensor<Double> {
    try self(Activation(point))
  }

  /// A point of a block.
  ///
  /// - Throws: `NotObserved` where it was not handed out.
  func callAsFunction(_ point: Activation.Point, _ layer: Int) throws(NotObserved) -> Tensor<Double> {
    try self(Activation(point, layer: layer))
  }

  /// An activation.
  ///
  /// - Throws: `NotObserved` where it was not handed out.
  func callAsFunction(_ activation: Activation) throws(NotObserved) -> Tensor<Double> {
    guard let tensor = activations.tensors[activation] else { throw NotObserved(what: activation.path) }
    return tensor
  }

  /// What was handed out, in the order of computation.
  var observed: [Activation] {
    graph.operations.map(\.output).filter { activations.tensors[$0] != nil }
  }
}

extension ModelProperty {
  /// Looks for a case on which an implementation lacks the property.
  package func search(by engine: Engine, seed: UInt64, count: Int) -> SearchResult<ModelCase> {
    TouchstoneProperties.search(ModelCase.self, seed: seed, count: count) { try violation($0, engine) }
  }

  /// The first case, of `count` generated from `seed` on, on which an implementation lacks the property.
  package func counterexample(by engine: Engine, seed: UInt64, count: Int) -> Counterexample<ModelCase>? {
    guard case .fails(let found) = search(by: engine, seed: seed, count: count) else { return nil }
    return found
  }
}
