import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneVerdict

/// What an operation is and of which shapes: numbers that were read off one can be held against another of the same form.
struct OperationForm: Hashable, Sendable {
  let kind: Operation.Kind.Name
  let shapes: [[Int]]
}

/// The operations behind one finding, replayed on the capture's own activations with a fault among them.
struct HypothesisReplay: Sendable {
  /// The operation whose output was judged.
  let operation: Operation
  /// The model.
  let graph: Graph
  let chain: [Operation]
  private let capture: SharedSource
  private let weights: Weights?
  private var hidden: [Activation: Tensor<Double>]?

  /// Products with more terms than this are too many for faults that round every one of them.
  private static let greatestTermCount = 1 << 27

  /// Gathers the operation and those hidden before it; nil for what is no operation of the model.
  init?(_ finding: Finding, capture: any ActivationSource, weights: Weights?) {
    let graph = capture.graph.with(temperature: capture.temperature)
    guard
      let operation = graph.cache(writing: finding.activation) ?? graph.operation(making: finding.activation),
      operation.output == finding.activation
    else { return nil }
    self.operation = operation
    self.graph = graph
    self.chain = graph.operations.filter { finding.hidden.contains($0.output) } + [operation]
    self.capture = SharedSource(capture)
    self.weights = weights
  }

  /// Whether the output is one of probabilities.
  var isSoftmax: Bool { operation.kind.traits.contains(.softmax) }

  /// The number or function of the model that one operation of the chain is made with, in words; nil for none.
  func due(at place: Activation) -> String? {
    chain.first { $0.output == place }?.ownNumber
  }

  /// What the judged operation is, and of which shapes.
  var form: OperationForm {
    let activations = ([operation.output] + operation.inputs).map {
      // Of an expert's rows the capture alone says how many there are.
      capture.storedShape(of: $0) ?? graph.shape(of: $0, in: capture.inputs) ?? []
    }
    return OperationForm(
      kind: type(of: operation.kind.payload).name,
      shapes: activations + operation.parameters.map(\.parameter.shape))
  }

  /// What the coordinates of the output count.
  var axes: [Axis] { graph.axes(of: operation.output) ?? [] }

  /// How many columns of the output are one head; nil where they are not those of heads.
  var headWidth: Int? {
    guard operation.kind.payload is AttentionContext, let value = operation.inputs.last else { return nil }
    return graph.shape(of: value, tokenCount: 1)?.last
  }

  /// Which elements of the output are judged.
  var judgedElements: (Int) -> Bool {
    operation.judgedElements(capture.inputs, graph: graph)
  }

  /// The operations of the chain that a fault can spoil.
  func places(of fault: Fault) -> [Activation] {
    chain.filter {
      fault.canSpoil($0, in: graph) && (!fault.isTermByTerm || termCount($0) <= Self.greatestTermCount)
    }
    .map(\.output)
  }

  /// How many products an operation sums.
  private func termCount(_ operation: Operation) -> Int {
    operation.parameters.first?.parameter.shape.reduce(capture.inputs.count, *) ?? capture.inputs.count
  }

  /// The judged operation with what the capture has of its operands, those that are hidden before it by the definition;
  /// nil where the capture lacks one.
  func site() throws -> FaultSite? {
    guard let hidden = try hidden ?? replayedHidden() else { return nil }
    return try read(operation, hidden).map { faultSite($0, hidden) }
  }

  /// The same replay, which computes only once what is hidden.
  func holdingHidden() throws -> HypothesisReplay {
    var held = self
    held.hidden = try replayedHidden()
    return held
  }

  /// What is hidden before the operation, by the definition; nil where the capture lacks something it is made of.
  private func replayedHidden() throws -> [Activation: Tensor<Double>]? {
    var replayed: [Activation: Tensor<Double>] = [:]
    for hidden in chain.dropLast() {
      guard let read = try read(hidden, replayed) else { return nil }
      replayed[hidden.output] = read.value()
    }
    return replayed
  }

  /// An operation of the chain with what it reads: what was replayed before it, else what the capture has.
  private func read(_ operation: Operation, _ known: [Activation: Tensor<Double>]) throws -> Site? {
    let format = capture.productInputs.format(of: operation)
    return try Site(operation, of: graph, inputs: capture.inputs, weights: weights) { input in
      let tensor = try known[input] ?? capture.tensor(input, readBy: operation)
      return format.flatMap { format in tensor.map(format.read) } ?? tensor
    }
  }

  private func faultSite(_ read: Site, _ known: [Activation: Tensor<Double>]) -> FaultSite {
    FaultSite(
      site: read, graph: graph,
      activation: { try? known[$0] ?? capture.tensor($0, readBy: nil) },
      parameter: { weights?.known($0) })
  }

  /// The value of the judged activation with a fault planted, before the fault's own rounding where that is the last; nil
  /// where the fault cannot arise.
  func value(planting fault: Fault, at place: Activation) throws -> Tensor<Double>? {
    if place == operation.output { return try site().flatMap(fault.output) }
    var replayed: [Activation: Tensor<Double>] = [:]
    for operation in chain {
      let known = replayed
      let read = try read(operation, known)
      guard let read else { return nil }
      guard operation.output == place else {
        replayed[operation.output] = read.value()
        continue
      }
      guard let value = fault.spoilt(faultSite(read, known)) else { return nil }
      replayed[operation.output] = value
    }
    return replayed[operation.output]
  }
}

extension Graph {
  /// The handing on of keys or values to a cache that is recorded apart; nil for what is none.
  fileprivate func cache(writing activation: Activation) -> Operation? {
    for reader in operations {
      for input in reader.inputs where input.cacheRead(by: reader) == activation {
        return Operation(.identity(Identity()), activation, from: [input])
      }
    }
    return nil
  }
}

extension SharedSource {
  /// The tensor that `reader` reads: from the cache, where the capture holds it apart.
  fileprivate func tensor(_ activation: Activation, readBy reader: Operation?) throws -> Tensor<Double>? {
    if let cache = reader.flatMap(activation.cacheRead(by:)), hasRightShape(cache) {
      return try tensor(cache)
    }
    return hasRightShape(activation) ? try tensor(activation) : nil
  }
}
