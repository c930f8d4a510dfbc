import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference

/// A small random model with a sequence for it.
///
/// Every value is a function of the seed and its place, so that a smaller model is a corner of the larger one.
package struct ModelCase: Generated {
  /// How many different values the parameters take.
  package enum Values: Int, Sendable, Comparable {
    /// −1, 0 and 1.
    case signs
    /// Multiples of ¼ from −1 to 1.
    case quarters
    /// Any float32 from −1 to 1.
    case any

    /// Fewer values are less.
    package static func < (left: Values, right: Values) -> Bool { left.rawValue < right.rawValue }
  }

  /// The token ids: [T]; taken modulo V.
  package var tokens: [Int]
  /// Which keys nobody may attend to.
  package var masked: Set<Int> = []
  /// H.
  package var headCount: Int
  /// d.
  package var headWidth: Int
  /// F.
  package var feedForwardWidth: Int
  /// V.
  package var vocabularySize: Int
  /// L.
  package var layerCount: Int
  /// How much longer the context is than the sequence.
  package var spareContext: Int
  /// The nonlinearity.
  package var function: ActivationFunction.Function
  /// ε.
  package var epsilon: Double
  /// Whether the unembedding is the embedding.
  package var tiesEmbeddings: Bool
  /// Whether scores are divided by the number of the layer.
  package var scalesScoresByLayer: Bool
  /// Determines the parameters.
  package var seed: UInt64
  /// How many different values they take.
  package var values: Values
  /// Roles without effect.
  package var neutral: Set<ParameterRole> = []

  /// A case chosen by hand.
  package init(
    tokens: [Int], headCount: Int = 1, headWidth: Int = 1, feedForwardWidth: Int = 1, vocabularySize: Int = 1,
    layerCount: Int = 1, spareContext: Int = 0, function: ActivationFunction.Function = .geluTanh,
    epsilon: Double = 1e-5,
    tiesEmbeddings: Bool = true, scalesScoresByLayer: Bool = false, seed: UInt64 = 0, values: Values = .any
  ) {
    self.tokens = tokens
    self.headCount = headCount
    self.headWidth = headWidth
    self.feedForwardWidth = feedForwardWidth
    self.vocabularySize = vocabularySize
    self.layerCount = layerCount
    self.spareContext = spareContext
    self.function = function
    self.epsilon = epsilon
    self.tiesEmbeddings = tiesEmbeddings
    self.scalesScoresByLayer = scalesScoresByLayer
    self.seed = seed
    self.values = values
  }

  /// A case determined by the generator: extents of 1, primes, and around the width of a vector register.
  package static func generate(_ generator: inout SplitMix64) -> ModelCase {
    let count = generator.element(of: [1, 2, 3, 4, 5, 7, 9, 12])
    let vocabulary = generator.element(of: [1, 2, 3, 5, 7, 11, 16, 17, 31])
    var made = ModelCase(
      tokens: (0..<count).map { _ in generator.integer(in: 0...vocabulary - 1) },
      headCount: generator.element(of: [1, 2, 3, 5]),
      headWidth: generator.element(of: [1, 2, 3, 4, 5, 7, 8, 16, 17]),
      feedForwardWidth: generator.element(of: [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33]),
      vocabularySize: vocabulary, layerCount: generator.element(of: [1, 1, 2, 3]),
      spareContext: generator.element(of: [0, 1, 3]),
      function: generator.element(of: functions),
      epsilon: generator.element(of: [1e-5, 1e-5, 1e-3, 1e-12]), tiesEmbeddings: generator.oneIn(2),
      scalesScoresByLayer: generator.oneIn(4), seed: generator.next(), values: .any)
    if generator.oneIn(2) {
      made.masked = Set((0..<count).filter { _ in generator.oneIn(3) })
    }
    return made
  }

  /// Those that GPT-2's configurations name.
  private static let functions: [ActivationFunction.Function] = [.geluTanh, .geluErf, .relu]

  /// Less of everything, one thing at a time.
  package var simpler: [ModelCase] {
    var cases: [ModelCase] = []
    func add(_ change: (inout ModelCase) -> Void) {
      var smaller = self
      change(&smaller)
      cases.append(smaller)
    }
    for count in tokens.count.smaller(downTo: 1) {
      add {
        $0.tokens = Array(tokens.prefix(count))
        $0.masked = masked.filter { $0 < count }
      }
    }
    for (field, least) in Self.extents {
      for extent in self[keyPath: field].smaller(downTo: least) {
        add { $0[keyPath: field] = extent }
      }
    }
    if !masked.isEmpty { add { $0.masked = [] } }
    for key in masked.sorted() where masked.count > 1 { add { $0.masked.remove(key) } }
    if scalesScoresByLayer { add { $0.scalesScoresByLayer = false } }
    if !tiesEmbeddings { add { $0.tiesEmbeddings = true } }
    if function != .relu { add { $0.function = .relu } }
    if epsilon != 1e-5 { add { $0.epsilon = 1e-5 } }
    for role in ParameterRole.allCases where !neutral.contains(role) { add { $0.neutral.insert(role) } }
    if let fewer = Values(rawValue: values.rawValue - 1) { add { $0.values = fewer } }
    for (index, token) in tokens.enumerated() where token % vocabularySize != 0 {
      add { $0.tokens[index] = 0 }
    }
    return cases
  }

  private static var extents: [(WritableKeyPath<ModelCase, Int>, Int)] {
    [
      (\.layerCount, 1), (\.headCount, 1), (\.headWidth, 1), (\.feedForwardWidth, 1), (\.vocabularySize, 1),
      (\.spareContext, 0),
    ]
  }

  /// Every number that determines the case, small ones spelled out.
  package var description: String {
    var parts = [
      "T=\(tokens.count) D=\(headCount * headWidth) H=\(headCount) F=\(feedForwardWidth) V=\(vocabularySize)",
      "L=\(layerCount) C=\(tokens.count + spareContext)", "tokens \(tokens.map { $0 % vocabularySize })",
    ]
    if !masked.isEmpty { parts.append("masked \(masked.sorted())") }
    parts.append(
      "\(Configuration.name(of: function)), ε=\(epsilon), \(tiesEmbeddings ? "tied" : "separate"), values \(values)"
    )
    if scalesScoresByLayer { parts.append("scores by layer") }
    let active = ParameterRole.allCases.filter { !neutral.contains($0) }
    if !neutral.isEmpty {
      parts.append("without effect all but [\(active.map(\.rawValue).joined(separator: ", "))]")
    }
    return parts.joined(separator: ", ")
  }
}

extension ModelCase {
  /// The model.
  ///
  /// - Throws: `BadInput` never, unless the case was changed by hand to something impossible.
  package func model() throws(BadInput) -> Model {
    let configuration = try Configuration(
      vocabularySize: vocabularySize, contextLength: tokens.count + spareContext,
      width: headCount * headWidth,
      layerCount: layerCount, headCount: headCount, feedForwardWidth: feedForwardWidth,
      activationFunction: function, layerNormEpsilon: epsilon, tiesEmbeddings: tiesEmbeddings,
      scalesScoresByLayer: scalesScoresByLayer)
    let parameters = configuration.parameters.map { ($0, tensor($0)) }
    return Model(configuration: configuration, parameters: Dictionary(uniqueKeysWithValues: parameters))
  }

  /// The sequence.
  ///
  /// - Throws: `BadInput` as ``model()``.
  package func inputs(tokens: [Int]? = nil) throws(BadInput) -> Inputs {
    let ids = (tokens ?? self.tokens).map { $0 % vocabularySize }
    return try Inputs(
      tokenIDs: ids, attentionMask: masked.isEmpty ? nil : ids.indices.map { !masked.contains($0) },
      configuration: try model().configuration)
  }

  private func tensor(_ parameter: Parameter) -> Tensor<Float> {
    guard let role = parameter.role else { preconditionFailure("\(parameter) is not one of GPT-2's") }
    let shape = parameter.shape
    guard !neutral.contains(role) else { return Tensor(repeating: role.neutralValue, shape: shape) }
    let number = ParameterRole.allCases.firstIndex(of: role) ?? 0
    let place =
      seed &+ UInt64(number) &* 0x9E6C_63D0_876A_6E35 &+ UInt64(parameter.layer ?? 99)
      &* 0xD1B5_4A32_D192_ED03
    let columns = shape.last ?? 1
    // Query, key and value stand side by side: the column is counted within its third.
    let third =
      role == .attentionInputWeight || role == .attentionInputBias ? columns / 3 : columns
    var tensor = Tensor<Float>(repeating: 0, shape: shape)
    for index in tensor.values.indices {
      let (row, column) = (index / columns, index % columns)
      let part = (UInt64(column / third) << 40) + (UInt64(row) << 20) + UInt64(column % third)
      var generator = SplitMix64(seed: place &+ part &* 0xA24B_AED4_963E_E407)
      tensor.values[index] = scaled(
        generator.nextUniform() * 2 - 1, role: role, rowCount: tensor.rowCount)
    }
    return tensor
  }

  /// A number from −1 to 1 as a parameter that keeps activations of the order of 1.
  private func scaled(_ uniform: Double, role: ParameterRole, rowCount: Int) -> Float {
    let value =
      switch values {
      case .signs: (uniform * 1.5).rounded()
      case .quarters: (uniform * 4).rounded() / 4
      case .any: uniform
      }
    switch role {
    case .layerNorm1Weight, .layerNorm2Weight, .finalLayerNormWeight: return Float(1 + value / 2)
    case .attentionInputWeight, .attentionOutputWeight, .feedForwardInputWeight, .feedForwardOutputWeight:
      return Float(values == .any ? value * 2.5 / Double(rowCount).squareRoot() : value)
    default: return Float(value)
    }
  }
}
