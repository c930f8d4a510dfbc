import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// A kind of operation that can be judged: what it gives by the definition, and how far honest arithmetic may stray.
protocol Bounded: Evaluated {
  /// The clauses of the specification that say what it computes, and last how far it may be off.
  func clauses(of operation: Operation, in graph: Graph) -> [String]

  /// How its output comes about, as far as it matters to what its values can say.
  var making: Making { get }

  /// Whether it multiplies what it reads with each other or with parameters, and sums that.
  var isProduct: Bool { get }

  /// Whether each row of the output is made from the same row of what is read.
  var isByRow: Bool { get }

  /// Whether each element of the output is made from the elements in the same place of what is read.
  var isElementwise: Bool { get }

  /// Of how many parts its output is made that implementations may add one by one onto what it is added to; 0 where it is one
  /// value before it is added.
  func addedParts(of operation: Operation) -> Int

  /// Which keys a token's row is an average over; nil where it is none.
  var attention: Visibility? { get }

  /// What it gives by the definition, and how far an implementation's output may lie from it before it is stored.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate

  /// σ of the errors that elements of a row share, each as a pattern over all elements.
  func sharedNoise(_ value: Tensor<Double>, _ site: JudgedSite, _ rounding: Rounding) -> [[Float]]

  /// Which elements of an output of that shape are judged.
  ///
  /// The definition says which keys a query sees. Scores it does not see may hold anything; a query that sees
  /// none has no attention to judge.
  func judgedElements(_ inputs: Inputs, shape: [Int]) -> (Int) -> Bool

  /// The ways in which it is computed in float32 of parameters in the type and rounded where it is stored, the usual one first.
  ///
  /// Empty where the plain bounds grant no rounding of any step.
  var waysToRoundOnce: [Alternative] { get }

  /// What right programs give that round some of its steps to a type, before the result is stored.
  ///
  /// They say how many elements such a step moves; empty where nothing better is known than that one in a few is.
  func stepped(_ site: JudgedSite, to type: ScalarType) -> [Tensor<Double>]

  /// The ways in which right programs compute it in a narrow type, besides the plain one, the tightest first.
  func alternatives(to operation: Operation, in model: Alternatives) -> [Alternative]

  /// The ways in which it may have read what it reads, where its output is itself read before it is rounded.
  func alternativesInReading(_ operation: Operation, in model: Alternatives) -> [Alternative]

  /// What it gives by an alternative; nil where that asks for nothing of this kind.
  ///
  /// - Parameter recorded: what is recorded of its first input; nil where nothing is.
  func estimate(
    _ site: JudgedSite, by alternative: Alternative, recorded: Tensor<Double>?, _ rounding: Rounding
  ) -> Estimate?

  /// What can be said of an output that is not what it should be without looking for a cause.
  func evidence(_ replay: Replay) -> Evidence?
}

/// How an output comes about.
enum Making {
  /// What was read is handed on, bit for bit.
  case handedOn
  /// Rows of a table are looked up.
  case lookedUp
  /// Whole numbers are chosen, which nothing rounds.
  case decided
  /// A few numbers are added or multiplied, which may give numbers of a narrow type by chance.
  case combined
  /// Anything else.
  case computed
}

extension Making {
  /// Whether storing it rounds nothing that was not rounded before.
  var isExact: Bool { self == .handedOn || self == .decided }
}

extension Bounded {
  var making: Making { .computed }
  var isProduct: Bool { false }
  var isByRow: Bool { false }
  var isElementwise: Bool { false }
  var attention: Visibility? { nil }

  func addedParts(of _: Operation) -> Int { 0 }

  func sharedNoise(_: Tensor<Double>, _: JudgedSite, _: Rounding) -> [[Float]] { [] }

  func judgedElements(_: Inputs, shape _: [Int]) -> (Int) -> Bool { { _ in true } }

  var waysToRoundOnce: [Alternative] { [] }

  func stepped(_: JudgedSite, to _: ScalarType) -> [Tensor<Double>] { [] }

  func alternatives(to _: Operation, in _: Alternatives) -> [Alternative] { [] }

  func alternativesInReading(_: Operation, in _: Alternatives) -> [Alternative] { [] }

  func estimate(
    _ site: JudgedSite, by alternative: Alternative, recorded _: Tensor<Double>?, _ rounding: Rounding
  ) -> Estimate? {
    guard alternative.findsTanhByHardware else { return nil }
    return rounding.unstored.withHardwareTanh.estimate(
      site.operation, site.activations, site.parameters, inputs: site.inputs)
  }

  func evidence(_: Replay) -> Evidence? { nil }
}

extension Operation.Kind {
  /// The kind as what is judged; the only place of the verdict that lists the kinds.
  var bounded: any Bounded {
    switch self {
    case .embedding(let kind): kind
    case .sum(let kind): kind
    case .product(let kind): kind
    case .identity(let kind): kind
    case .scale(let kind): kind
    case .softCap(let kind): kind
    case .layerNorm(let kind): kind
    case .rmsNorm(let kind): kind
    case .linear(let kind): kind
    case .rotate(let kind): kind
    case .alibi(let kind): kind
    case .relativeBias(let kind): kind
    case .sinusoid(let kind): kind
    case .logMel(let kind): kind
    case .convolution(let kind): kind
    case .transpose(let kind): kind
    case .given(let kind): kind
    case .patches(let kind): kind
    case .classRow(let kind): kind
    case .modulation(let kind): kind
    case .scores(let kind): kind
    case .probabilities(let kind): kind
    case .context(let kind): kind
    case .activationFunction(let kind): kind
    case .softmax(let kind): kind
    case .routeIDs(let kind): kind
    case .routeWeights(let kind): kind
    case .chosenRows(let kind): kind
    case .mixture(let kind): kind
    case .pickedRow(let kind): kind
    case .joinedColumns(let kind): kind
    case .crossEntropy(let kind): kind
    case .lossMean(let kind): kind
    case .crossEntropyGradient(let kind): kind
    case .linearGradient(let kind): kind
    case .convolutionGradient(let kind): kind
    case .parameterGradient(let kind): kind
    case .normGradient(let kind): kind
    case .gainGradient(let kind): kind
    case .activationGradient(let kind): kind
    case .softCapGradient(let kind): kind
    case .attentionGradient(let kind): kind
    case .softmaxGradient(let kind): kind
    case .clipGradient(let kind): kind
    case .sinkGradient(let kind): kind
    case .routeGradient(let kind): kind
    case .mixtureGradient(let kind): kind
    case .returnedRows(let kind): kind
    case .takenColumns(let kind): kind
    }
  }
}

extension Graph {
  /// The clauses of the specification by which an activation is judged, that of its bound last; none for a name that the
  /// model has not.
  package func clauses(of activation: Activation) -> [String] {
    // What a cache holds is what was put into it.
    if cached[activation] != nil { return ["ATT-26"] }
    return operation(making: activation).map { $0.kind.bounded.clauses(of: $0, in: self) } ?? []
  }
}

extension Operation {
  /// How its output comes about.
  var making: Making { kind.bounded.making }

  /// Whether it is a sum.
  var isSum: Bool { kind.bounded is Sum }

  /// Whether it is a product with parameters.
  var isParametricProduct: Bool { kind.bounded is Linear }

  /// Whether it is a product with parameters whose outputs stand side by side, as what is added to the stream does.
  var isProjection: Bool { (kind.bounded as? Linear).map { $0.heads == nil && $0.limit == nil } ?? false }

  /// Of how many parts its output is made that may be added one by one onto something.
  var addedParts: Int { kind.bounded.addedParts(of: self) }

  /// Which elements of the output are judged; what is made of scores element by element where the scores are.
  package func judgedElements(_ inputs: Inputs, graph: Graph) -> (Int) -> Bool {
    let judged = kind.bounded.isElementwise ? graph.pairs(readBy: self).first ?? self : self
    let own = graph.isOfSource(judged.output) ? inputs.source ?? inputs : inputs
    return judged.kind.bounded.judgedElements(own, shape: graph.shape(of: judged.output, in: own) ?? [])
  }
}
