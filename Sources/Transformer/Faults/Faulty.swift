import TouchstoneGraph

/// A kind of operation as faults see it.
protocol Faulty: OperationKind {
  /// What its arithmetic is made of, for the faults that many kinds have.
  static var traits: FaultTraits { get }
  /// The faults that no other kind has.
  static var faults: [Fault] { get }
  /// What is read off a capture of it where no fault explains it: none unless it says so.
  static var readings: [Reading] { get }
}

extension Faulty {
  static var readings: [Reading] { [] }
}

/// What the arithmetic of a kind of operation is made of.
struct FaultTraits: OptionSet, Sendable {
  let rawValue: Int

  /// It hands numbers on and makes none.
  static let copy = FaultTraits(rawValue: 1)
  /// Every output is a sum of products, along the last axis of what is read first.
  static let contraction = FaultTraits(rawValue: 2)
  /// Every row becomes probabilities.
  static let softmax = FaultTraits(rawValue: 4)
}

extension Operation.Kind.Name {
  /// The kind as faults see it; the only place of the faults that lists the kinds.
  var faulty: any Faulty.Type {
    switch self {
    case .embedding: Embedding.self
    case .sum: Sum.self
    case .product: Product.self
    case .identity: Identity.self
    case .scale: Scale.self
    case .softCap: SoftCap.self
    case .layerNorm: LayerNorm.self
    case .rmsNorm: RMSNorm.self
    case .linear: Linear.self
    case .rotate: Rotate.self
    case .alibi: Alibi.self
    case .relativeBias: RelativeBias.self
    case .sinusoid: Sinusoid.self
    case .logMel: LogMel.self
    case .convolution: Convolution.self
    case .transpose: Transpose.self
    case .given: Given.self
    case .patches: Patches.self
    case .classRow: ClassRow.self
    case .modulation: Modulation.self
    case .scores: AttentionScores.self
    case .probabilities: AttentionProbabilities.self
    case .context: AttentionContext.self
    case .activationFunction: ActivationFunction.self
    case .softmax: Softmax.self
    case .routeIDs: RouteIDs.self
    case .routeWeights: RouteWeights.self
    case .chosenRows: ChosenRows.self
    case .mixture: Mixture.self
    case .pickedRow: PickedRow.self
    case .joinedColumns: JoinedColumns.self
    case .crossEntropy: CrossEntropy.self
    case .lossMean: LossMean.self
    case .crossEntropyGradient: CrossEntropyGradient.self
    case .linearGradient: LinearGradient.self
    case .convolutionGradient: ConvolutionGradient.self
    case .parameterGradient: ParameterGradient.self
    case .normGradient: NormGradient.self
    case .gainGradient: GainGradient.self
    case .activationGradient: ActivationGradient.self
    case .softCapGradient: SoftCapGradient.self
    case .attentionGradient: AttentionGradient.self
    case .softmaxGradient: SoftmaxGradient.self
    case .clipGradient: ClipGradient.self
    case .sinkGradient: SinkGradient.self
    case .routeGradient: RouteGradient.self
    case .mixtureGradient: MixtureGradient.self
    case .returnedRows: ReturnedRows.self
    case .takenColumns: TakenColumns.self
    }
  }
}

extension Operation.Kind {
  /// What its arithmetic is made of.
  var traits: FaultTraits { type(of: payload).name.faulty.traits }
}
