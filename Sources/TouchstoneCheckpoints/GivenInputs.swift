import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

extension Preset {
  /// What a model is given that no list of ids says.
  struct Given: Sendable {
    enum Kind {
      /// A sound for the encoder, and ids for the decoder, each in turn.
      case sound(FrontEnd, samples: Int, tokens: Int)
      /// A picture, or vectors and a condition.
      case arrays(tokens: Int)
    }

    let kind: Kind
    /// A number from its input, its row and column, and the random number due there, on [−2, 2) or, of a sound, [−½, ½).
    let element: @Sendable (_ input: Input, _ row: Int, _ column: Int, _ random: Float) -> Float

    init(_ kind: Kind, element: @escaping @Sendable (Input, Int, Int, Float) -> Float = { $3 }) {
      self.kind = kind
      self.element = element
    }
  }

  /// How the samples are cut that the model hears; nil for one that hears none.
  public var frontEnd: FrontEnd? {
    if case .sound(let frontEnd, _, _)? = given?.kind { frontEnd } else { nil }
  }
}

extension Synthesizer {
  /// What the model of a preset is given where ids do not say it: a sound, a picture, or vectors; nil for a preset that reads
  /// ids alone.
  ///
  /// Numbers are drawn as weights are (``Synthesizer``), of arrays that follow the parameters: samples, then what each band
  /// takes of each frequency; or the arrays in the order of ``Graph/arrays``.
  ///
  /// - Parameters:
  ///   - preset: Which model.
  ///   - seed: Selects one of 2⁶⁴ inputs.
  /// - Throws: ``BadInput`` where the preset contradicts itself.
  public static func inputs(of preset: Preset, seed: UInt64 = 0) throws(BadInput) -> Inputs? {
    guard let given = preset.given else { return nil }
    let graph = try preset.architecture.graph.listening(by: preset.frontEnd)
    let first = graph.parameters.count
    func numbers(_ input: Input, _ place: Int, _ count: Int, width: Int, scale: Float) -> [Float] {
      (0..<count).map { index in
        let random = value(
          at: index, ofTensor: first + place, seed: seed, WeightRule.Distribution(scale: scale))
        return given.element(input, index / width, index % width, random)
      }
    }
    switch given.kind {
    case .sound(let frontEnd, let count, let tokens):
      let (mels, frequencies) = (graph.hearing?.mels ?? 0, frontEnd.windowLength / 2 + 1)
      let samples = numbers(.audio, 0, count, width: 1, scale: 1)
      let filters = (0..<frequencies * mels).map { index in
        let random = value(at: index, ofTensor: first + 1, seed: seed, WeightRule.Distribution(scale: 1))
        return Double(abs(random))
      }
      let sound = Sound(
        samples: samples, filters: Tensor(filters, shape: [frequencies, mels]), frontEnd: frontEnd)
      let vocabulary = graph.idCount(of: .tokenIDs) ?? 1
      return try Inputs(
        tokenIDs: (0..<tokens).map { $0 * 5 % vocabulary }, source: Inputs.source(sound, graph: graph),
        graph: graph)
    case .arrays(let tokens):
      var arrays: [Input: Tensor<Float>] = [:]
      for (place, input) in graph.arrays.enumerated() {
        let shape = graph.shape(of: Activation("inputs/" + input.rawValue), tokenCount: tokens) ?? []
        let values = numbers(input, place, shape.reduce(1, *), width: shape.last ?? 1, scale: 4)
        arrays[input] = Tensor(values, shape: shape)
      }
      return try Inputs(arrays: arrays, graph: graph)
    }
  }
}
