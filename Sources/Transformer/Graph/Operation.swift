import TouchstoneModel

/// One step of a model: which activations and parameters it reads, and which activation it makes.
public struct Operation: Hashable, Sendable {
  /// What is computed.
  ///
  /// Closed, so that each concern — axes, arithmetic, bounds — is one exhaustive switch; each payload is declared in its
  /// operation's folder.
  public enum Kind: Hashable, Sendable {
    case embedding(Embedding)
    case sum(Sum)
    case product(Product)
    case identity(Identity)
    case scale(Scale)
    case softCap(SoftCap)
    case layerNorm(LayerNorm)
    case rmsNorm(RMSNorm)
    case linear(Linear)
    case rotate(Rotate)
    case alibi(Alibi)
    case relativeBias(RelativeBias)
    case sinusoid(Sinusoid)
    case logMel(LogMel)
    case convolution(Convolution)
    case transpose(Transpose)
    case given(Given)
    case patches(Patches)
    case classRow(ClassRow)
    case modulation(Modulation)
    case scores(AttentionScores)
    case probabilities(AttentionProbabilities)
    case context(AttentionContext)
    case activationFunction(ActivationFunction)
    case softmax(Softmax)
    case routeIDs(RouteIDs)
    case routeWeights(RouteWeights)
    case chosenRows(ChosenRows)
    case mixture(Mixture)
    case pickedRow(PickedRow)
    case joinedColumns(JoinedColumns)
    case crossEntropy(CrossEntropy)
    case lossMean(LossMean)
    case crossEntropyGradient(CrossEntropyGradient)
    case linearGradient(LinearGradient)
    case convolutionGradient(ConvolutionGradient)
    case parameterGradient(ParameterGradient)
    case normGradient(NormGradient)
    case gainGradient(GainGradient)
    case activationGradient(ActivationGradient)
    case softCapGradient(SoftCapGradient)
    case attentionGradient(AttentionGradient)
    case softmaxGradient(SoftmaxGradient)
    case clipGradient(ClipGradient)
    case sinkGradient(SinkGradient)
    case routeGradient(RouteGradient)
    case mixtureGradient(MixtureGradient)
    case returnedRows(ReturnedRows)
    case takenColumns(TakenColumns)
  }

  /// What it computes.
  public let kind: Kind
  /// The activation it makes.
  public let output: Activation
  /// The activations it reads, in the order of the formula.
  public let inputs: [Activation]
  /// The parameters it reads: weight before bias.
  public let parameters: [ParameterView]

  /// Declares one step.
  public init(
    _ kind: Kind, _ output: Activation, from inputs: [Activation] = [], with parameters: [ParameterView] = []
  ) {
    self.kind = kind
    self.output = output
    self.inputs = inputs
    self.parameters = parameters
  }
}

extension Operation.Kind {
  /// The kinds by the names that a stored graph gives them.
  public enum Name: String, Hashable, Sendable, CaseIterable {
    case embedding, sum, product, identity, scale, softCap, layerNorm, rmsNorm, linear, rotate
    case alibi, relativeBias, sinusoid, scores, probabilities, context, activationFunction, softmax
    case routeWeights, chosenRows, mixture, pickedRow, joinedColumns
    case logMel, convolution, transpose, given, patches, classRow, modulation
    case routeIDs = "routeIds"
    case crossEntropy, lossMean, crossEntropyGradient, linearGradient, parameterGradient, normGradient
    case gainGradient, activationGradient, softCapGradient, attentionGradient, softmaxGradient
    case clipGradient, sinkGradient, routeGradient, mixtureGradient, returnedRows, takenColumns
    case convolutionGradient
  }

  /// What a kind says of itself.
  package var payload: any OperationKind {
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

  /// Reads the fields of a kind from a stored graph.
  ///
  /// - Throws: ``BadInput`` naming a field that is missing or cannot be.
  init(_ name: Name, fields: inout JSONFields) throws(BadInput) {
    switch name {
    case .embedding: self = .embedding(try Embedding(fields: &fields))
    case .sum: self = .sum(try Sum(fields: &fields))
    case .product: self = .product(try Product(fields: &fields))
    case .identity: self = .identity(try Identity(fields: &fields))
    case .scale: self = .scale(try Scale(fields: &fields))
    case .softCap: self = .softCap(try SoftCap(fields: &fields))
    case .layerNorm: self = .layerNorm(try LayerNorm(fields: &fields))
    case .rmsNorm: self = .rmsNorm(try RMSNorm(fields: &fields))
    case .linear: self = .linear(try Linear(fields: &fields))
    case .rotate: self = .rotate(try Rotate(fields: &fields))
    case .alibi: self = .alibi(try Alibi(fields: &fields))
    case .relativeBias: self = .relativeBias(try RelativeBias(fields: &fields))
    case .sinusoid: self = .sinusoid(try Sinusoid(fields: &fields))
    case .logMel: self = .logMel(try LogMel(fields: &fields))
    case .convolution: self = .convolution(try Convolution(fields: &fields))
    case .transpose: self = .transpose(try Transpose(fields: &fields))
    case .given: self = .given(try Given(fields: &fields))
    case .patches: self = .patches(try Patches(fields: &fields))
    case .classRow: self = .classRow(try ClassRow(fields: &fields))
    case .modulation: self = .modulation(try Modulation(fields: &fields))
    case .scores: self = .scores(try AttentionScores(fields: &fields))
    case .probabilities: self = .probabilities(try AttentionProbabilities(fields: &fields))
    case .context: self = .context(try AttentionContext(fields: &fields))
    case .activationFunction: self = .activationFunction(try ActivationFunction(fields: &fields))
    case .softmax: self = .softmax(try Softmax(fields: &fields))
    case .routeIDs: self = .routeIDs(try RouteIDs(fields: &fields))
    case .routeWeights: self = .routeWeights(try RouteWeights(fields: &fields))
    case .chosenRows: self = .chosenRows(try ChosenRows(fields: &fields))
    case .mixture: self = .mixture(try Mixture(fields: &fields))
    case .pickedRow: self = .pickedRow(try PickedRow(fields: &fields))
    case .joinedColumns: self = .joinedColumns(try JoinedColumns(fields: &fields))
    case .crossEntropy: self = .crossEntropy(try CrossEntropy(fields: &fields))
    case .lossMean: self = .lossMean(try LossMean(fields: &fields))
    case .crossEntropyGradient: self = .crossEntropyGradient(try CrossEntropyGradient(fields: &fields))
    case .convolutionGradient: self = .convolutionGradient(try ConvolutionGradient(fields: &fields))
    case .linearGradient: self = .linearGradient(try LinearGradient(fields: &fields))
    case .parameterGradient: self = .parameterGradient(try ParameterGradient(fields: &fields))
    case .normGradient: self = .normGradient(try NormGradient(fields: &fields))
    case .gainGradient: self = .gainGradient(try GainGradient(fields: &fields))
    case .activationGradient: self = .activationGradient(try ActivationGradient(fields: &fields))
    case .softCapGradient: self = .softCapGradient(try SoftCapGradient(fields: &fields))
    case .attentionGradient: self = .attentionGradient(try AttentionGradient(fields: &fields))
    case .softmaxGradient: self = .softmaxGradient(try SoftmaxGradient(fields: &fields))
    case .clipGradient: self = .clipGradient(try ClipGradient(fields: &fields))
    case .sinkGradient: self = .sinkGradient(try SinkGradient(fields: &fields))
    case .routeGradient: self = .routeGradient(try RouteGradient(fields: &fields))
    case .mixtureGradient: self = .mixtureGradient(try MixtureGradient(fields: &fields))
    case .returnedRows: self = .returnedRows(try ReturnedRows(fields: &fields))
    case .takenColumns: self = .takenColumns(try TakenColumns(fields: &fields))
    }
  }
}
