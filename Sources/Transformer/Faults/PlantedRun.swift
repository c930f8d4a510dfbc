import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

extension RecordedActivations {
  /// Runs the reference with every value rounded as it is stored, some operations replaced by faulty ones.
  ///
  /// In a 16-bit precision parameters are rounded too before they are read; sums are not.
  ///
  /// - Parameters:
  ///   - faults: the bugs to plant, each by the activation whose making it spoils.
  ///   - temperature: what divides the logits.
  ///   - precision: the type in which values are stored; float32 unless given.
  public init(
    weights: Weights, inputs: Inputs, temperature: Double = 1, precision: Precision = .float32,
    planting faults: [Activation: Fault] = [:]
  ) {
    let format = NumberFormat(precision.type)
    let graph = weights.graph
    var tensors: [Activation: Tensor<Double>] = [:]
    Executor(weights.with(temperature: temperature), inputs).run { exact in
      let site = exact.rounded(to: format)
      let known = tensors
      let spoilt = faults[site.operation.output]?.spoilt(
        FaultSite(
          site: site, graph: graph, activation: { known[$0] },
          parameter: { weights.known($0, in: format) }, parameterFormat: format))
      return format.rounded(spoilt ?? site.value())
    } observing: { activation, value in
      tensors[activation] = value
    }
    self.init(
      graph: graph, inputs: inputs, precision: precision, temperature: temperature, tensors: tensors)
  }
}

/// Runs of one model with faults in them, each computed from the right run: only what follows a fault is computed again.
struct PlantedRuns: Sendable {
  /// The run without a fault, every value rounded to float32.
  let right: RecordedActivations
  private let free: FreeRun

  init(weights: Weights, inputs: Inputs) {
    right = RecordedActivations(weights: weights, inputs: inputs)
    free = FreeRun(golden: SharedSource(right), weights: weights)
  }

  /// The run with each fault at its place, every value rounded to float32.
  func run(planting faults: [Activation: Fault]) throws -> RecordedActivations {
    let format = NumberFormat.float32
    var run = right
    _ = try free.forward(planting: faults, handOn: format.rounded) { run.tensors[$0] = $1 }
    return run
  }
}
