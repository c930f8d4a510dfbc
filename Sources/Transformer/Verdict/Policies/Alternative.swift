import TouchstoneGraph
import TouchstoneModel

/// One policy, with everything that it takes to recompute a given operation by it.
struct Alternative: Sendable, Equatable {
  /// Which passes of a LayerNorm read its input before it was rounded.
  struct Passes: OptionSet, Sendable {
    let rawValue: Int
    static let mean = Passes(rawValue: 1)
    static let variance = Passes(rawValue: 2)
    static let elements = Passes(rawValue: 4)
    static let all: Passes = [.mean, .variance, .elements]
    /// Every way in which some do and some do not.
    static let mixed = (1..<all.rawValue).map(Passes.init)
  }

  /// Which steps of a LayerNorm are stored besides its result.
  struct Steps: OptionSet, Sendable {
    let rawValue: Int
    static let normalised = Steps(rawValue: 1)
    static let scaled = Steps(rawValue: 2)
  }

  /// How queries and keys are scaled.
  enum Scaling: Sendable, Equatable {
    /// The sum is multiplied, after it was stored where `storesSum` is true.
    case sum(Double, storesSum: Bool)
    /// The sum is stored, multiplied by one factor, stored again, and multiplied by the other.
    case sumInTwo(Double, Double)
    /// Queries are multiplied and stored before they are summed.
    case queries(Double)
    /// Queries and keys are, by the same factor.
    case both(Double)
  }

  /// Which parameters are read rounded to the type.
  enum Parameters: Sendable, Equatable {
    /// What the plain bounds grant: any that are wider may be, or not.
    case granted
    /// All of them, as a program is given them that computes in the type.
    case rounded
    /// The first alone, which multiplies.
    case firstRounded
    /// None.
    case given
  }

  /// What it is called.
  let policy: Policy
  /// Whether nothing is rounded to the type before the result is stored, but for what is said here.
  var roundsOnce = false
  /// What is recomputed, though it is recorded, because the operation read it before it was rounded.
  var unrounded: Set<Activation> = []
  /// What is read as recorded, though it is a rounded copy of what the operation read.
  var copies: Set<Activation> = []
  /// Which parameters are read rounded to the type.
  var parameters = Parameters.granted
  /// The passes of LayerNorm that read what is unrounded.
  var passes = Passes.all
  /// The steps of LayerNorm that are stored.
  var steps: Steps = []
  /// Whether a product, or scores that are scaled, are stored before a bias is added.
  var storesProduct = false
  /// Whether tanh is found by hardware that has 11 bits of it.
  var findsTanhByHardware = false
  /// Whether scores are stored once more when their greatest has been subtracted.
  var storesShift = false
  /// Whether a constant factor, or a gain with what is added to it, is held in the type.
  var holdsFactor = false
  /// How scores are made; nil for as they are defined.
  var scaling: Scaling?

  /// What of it holds for operations that are recomputed on the way to the one that is judged.
  var ofHidden: Alternative { Alternative(policy: policy, scaling: scaling) }
}

/// The alternatives of each operation of a model.
struct Alternatives: Sendable {
  private let operations: [Operation]
  private let makers: [Activation: Operation]
  private let graph: Graph
  private let type: ScalarType

  /// Those of a model that computes in `type`; none where that is no narrow type.
  init(_ graph: Graph, type: ScalarType) {
    operations = type.isNarrow ? graph.operations : []
    makers = Dictionary(operations.map { ($0.output, $0) }) { first, _ in first }
    self.graph = graph
    self.type = type
  }

  /// The ways in which right programs compute an operation, besides the plain one, the tightest first.
  func of(_ operation: Operation) -> [Alternative] {
    operations.isEmpty ? [] : operation.kind.bounded.alternatives(to: operation, in: self)
  }

  // MARK: The residual stream

  /// A run of the residual stream that was never rounded.
  private struct Run {
    /// What has to be recomputed.
    var unrounded: Set<Activation> = []
    /// The projections that were added in it.
    var projections: Set<Activation> = []
  }

  /// The stream before an operation, back to each earlier sum in turn.
  private func stream(before operation: Operation) -> [Run] {
    var found: [Run] = []
    var run = Run(projections: projections(of: operation))
    var next = operation.inputs.first
    while let activation = next, let maker = makers[activation] {
      guard maker.making == .handedOn || maker.isSum else { break }
      run.unrounded.insert(activation)
      if maker.isSum {
        run.projections.formUnion(projections(of: maker))
        found.append(run)
      }
      next = maker.inputs.first
    }
    return found
  }

  /// The stream before an operation, never rounded since each earlier sum.
  func ofStream(before operation: Operation) -> [Alternative] {
    stream(before: operation).map { Alternative(policy: .unroundedStream, unrounded: $0.unrounded) }
  }

  /// The projections that a sum adds into the stream.
  private func projections(of operation: Operation) -> Set<Activation> {
    guard operation.isSum else { return [] }
    return Set(operation.inputs.dropFirst().filter { makers[$0]?.isProjection == true })
  }

  /// A sum of the stream and what is added to it.
  func ofSum(_ operation: Operation) -> [Alternative] {
    let stream = stream(before: operation)
    let own = projections(of: operation)
    return ofStream(before: operation)
      + unroundedProjections([Run(projections: own)] + stream)
      + stream.filter { !$0.projections.isEmpty }.map {
        Alternative(policy: .unroundedProjections, unrounded: $0.unrounded, copies: $0.projections)
      }
  }

  /// The stream with the projections that were added to it in between, all computed anew.
  ///
  /// Each costs a product more.
  private func unroundedProjections(
    _ stream: [Run]
  ) -> [Alternative] {
    Self.nearestAndFurthest(
      stream.filter { !$0.projections.isEmpty }.map {
        Alternative(
          policy: .unroundedProjections, unrounded: $0.unrounded.union($0.projections), parameters: .rounded
        )
      })
  }

  /// A normalisation of the stream.
  ///
  /// - Parameter passes: what of it reads the stream by itself.
  func ofNorm(_ operation: Operation, passes: Alternative.Passes = .all) -> [Alternative] {
    let stream = stream(before: operation)
    let steps: [Alternative.Steps] = [[.normalised, .scaled], [.normalised], [.scaled]]
    return ofStream(before: operation)
      + steps.map { Alternative(policy: .roundedSteps, steps: $0) }
      + stream.flatMap { stream in
        Alternative.Passes.mixed.filter { passes.isStrictSuperset(of: $0) }.map {
          Alternative(policy: .mixedStream, unrounded: stream.unrounded, passes: $0)
        }
      }
      + unroundedProjections(stream)
  }

  // MARK: Attention

  /// What a scale becomes that is held in the type, as a factor or as what is divided by.
  private func held(_ scale: Double) -> [Double] {
    let factors = [type.rounded(scale), 1 / type.rounded(1 / scale)]
    return factors.reduce(into: []) { found, factor in
      if factor != scale, factor.isFinite, !found.contains(factor) { found.append(factor) }
    }
  }

  /// The ways to scale that round the scale, or what is scaled before it is summed.
  func heldScalings(_ scale: Double) -> [Alternative.Scaling] {
    guard scale > 0, scale != 1 else { return [] }
    let root = scale.squareRoot()
    return held(scale).flatMap { [.sum($0, storesSum: false), .sum($0, storesSum: true)] }
      + ([scale] + held(scale)).map { .queries($0) } + ([root] + held(root)).map { .both($0) }
  }

  /// The ways to scale by 1/√d first and by the rest afterwards, where a layer's number divides scores besides.
  func scalingsInTwo(_ scale: Double, of operation: Operation) -> [Alternative.Scaling] {
    guard let query = operation.inputs.first, let width = graph.shape(of: query, tokenCount: 1)?.last else {
      return []
    }
    let root = 1 / Double(width).squareRoot()
    let divisor = root / scale
    guard divisor >= 1.5, abs(divisor - divisor.rounded()) <= 1e-6 * divisor else { return [] }
    return ([root] + held(root)).map { .sumInTwo($0, scale / root) }
  }

  /// Scores that are never rounded once they are scaled, in every way to scale them.
  func ofScores(readBy operation: Operation, unrounding others: Set<Activation>) -> [Alternative] {
    let pairs = graph.pairs(readBy: operation)
    guard case .scores(let scores)? = pairs.first?.kind else { return [] }
    let scale = scores.scale
    let unrounded = others.union(pairs.map(\.output))
    let plain: [Alternative.Scaling] = [.sum(scale, storesSum: false), .sum(scale, storesSum: true)]
    return plain.map { Alternative(policy: .unroundedInputs, unrounded: unrounded, scaling: $0) }
      + heldScalings(scale).map {
        Alternative(policy: .unroundedInputsScaleInType, unrounded: unrounded, scaling: $0)
      }
  }

  /// An average weighted by probabilities.
  func ofContext(_ operation: Operation) -> [Alternative] {
    guard let probabilities = operation.inputs.first, let softmax = makers[probabilities] else { return [] }
    return [Alternative(policy: .unroundedInputs, unrounded: [probabilities])]
      + ofScores(readBy: softmax, unrounding: [probabilities])
  }

  // MARK: Products

  /// What reads a product that was never rounded, as that read what is recorded, or what was made before in the same way.
  func ofUnroundedInput(_ operation: Operation) -> [Alternative] {
    guard let input = operation.inputs.first, let maker = makers[input], maker.isParametricProduct else {
      return []
    }
    let before = maker.inputs.first.flatMap { source in
      makers[source].map { earlier in
        (
          source,
          [Alternative(policy: .unroundedInputs)]
            + earlier.kind.bounded.alternativesInReading(earlier, in: self)
        )
      }
    }
    let deeper = before.map { source, alternatives in
      Self.nearestAndFurthest(alternatives).map { $0.unrounded.union([source]) }
    }
    return ([[]] + (deeper ?? [])).map {
      Alternative(
        policy: .unroundedInputs, roundsOnce: true, unrounded: $0.union([input]), parameters: .rounded)
    }
  }

  /// A product reads what LayerNorm, attention or the nonlinearity made before it was rounded, and these read what is
  /// recorded, or in the same way what was made before.
  func ofProduct(_ operation: Operation) -> [Alternative] {
    guard let input = operation.inputs.first, let maker = makers[input] else { return [] }
    let plain = Alternative(policy: .unroundedInputs)
    // Through one more product a factor is known no better than a rounding would leave it.
    let before = maker.kind.bounded.alternativesInReading(maker, in: self).filter { !$0.roundsOnce }
    var alternatives: [Alternative] = []
    if operation.parameters.count > 1 {
      alternatives.append(Alternative(policy: .storedProduct, parameters: .rounded, storesProduct: true))
    }
    // What is known of a factor no better than a rounding would let pass what a product does wrong.
    for earlier in [plain] + Self.nearestAndFurthest(before) {
      var alternative = earlier
      alternative.unrounded.insert(input)
      alternative.parameters = .rounded
      alternatives.append(alternative)
    }
    return alternatives
  }

  /// Each costs one more product: the nearest few and the furthest.
  private static func nearestAndFurthest(_ alternatives: [Alternative]) -> [Alternative] {
    alternatives.count <= 5
      ? alternatives : Array(alternatives.prefix(4)) + [alternatives[alternatives.count - 1]]
  }
}
