import TouchstoneModel

/// What an encoder hears: features that a front end made, or samples with what the front end makes of them.
public struct Sound: Hashable, Sendable {
  /// Features, [mels, frames] row by row, or samples from −1 to 1.
  public let values: [Float]
  /// What each band takes of each frequency, [N/2 + 1, mels] row by row; empty where features are given.
  public let filters: [Double]
  /// How samples are cut; nil where features are given.
  public let frontEnd: FrontEnd?
  /// The extents of the features; none where samples are given.
  private let shape: [Int]

  /// Features that somebody made, [mels, frames].
  public init(features: Tensor<Float>) {
    values = features.values
    filters = []
    frontEnd = nil
    shape = features.shape
  }

  /// Samples.
  ///
  /// - Parameter filters: [N/2 + 1, mels].
  public init(samples: [Float], filters: Tensor<Double>, frontEnd: FrontEnd) {
    values = samples
    self.filters = filters.values
    self.frontEnd = frontEnd
    shape = []
  }

  /// The features, [mels, frames]; empty where samples are given.
  package var features: Tensor<Float> {
    shape.isEmpty ? Tensor([], shape: [0, 0]) : Tensor(values, shape: shape)
  }

  /// - Throws: ``BadInput`` for a sound that the model cannot hear.
  func check(_ hearing: Graph.Hearing) throws(BadInput) {
    guard values.allSatisfy(\.isFinite), filters.allSatisfy(\.isFinite) else {
      throw BadInput(place: "sound", problem: "holds what is no number", remedy: "give finite numbers")
    }
    guard let frontEnd else {
      guard shape == [hearing.mels, hearing.frames] else {
        throw BadInput(
          place: Input.inputFeatures.rawValue,
          problem: "has the shape \(shape) where [\(hearing.mels), \(hearing.frames)] is wanted",
          remedy: "give features of the model's length, silence behind the sound")
      }
      return
    }
    let greatest = hearing.frames * frontEnd.hop
    guard (1...greatest).contains(values.count) else {
      throw BadInput(
        place: Input.audio.rawValue,
        problem: "holds \(values.count) samples, and the model hears 1 to \(greatest) at once",
        remedy: "cut the sound into pieces of that length")
    }
    guard filters.count == frontEnd.frequencyCount * hearing.mels else {
      throw BadInput(
        place: "mel_filters",
        problem:
          "hold \(filters.count) numbers where [\(frontEnd.frequencyCount), \(hearing.mels)] are wanted",
        remedy: "give the table of this front end")
    }
  }
}

extension Inputs {
  /// The features that were given, [mels, frames], as a source or to what reads one; empty where a model makes them of samples,
  /// or hears nothing.
  package var features: Tensor<Double> {
    (sound ?? source?.sound)?.features.converted(to: Double.self) ?? Tensor([], shape: [0, 0])
  }
}

extension Graph {
  /// What a model hears.
  public struct Hearing: Hashable, Sendable {
    /// How many bands of frequencies.
    public let mels: Int
    /// How many moments of them.
    public let frames: Int
    /// How many tokens of the source are made of these.
    public let tokens: Int
  }

  /// What the model's encoder hears; nil for one that reads tokens, and for a model without one.
  public var hearing: Hearing? {
    let tokens = operations.lazy.compactMap { operation -> Int? in
      guard case .transpose = operation.kind,
        case .frame(let count)? = self.axes(of: operation.inputs[0])?.last
      else { return nil }
      return count
    }.first
    let heard = operations.lazy.compactMap { operation -> (mels: Int, frames: Int)? in
      switch operation.kind {
      case .convolution(let kind): kind.frames.map { (operation.parameters[0].parameter.shape[1], $0) }
      case .logMel(let kind): (kind.mels, kind.frames)
      default: nil
      }
    }.first
    guard let tokens, let heard else { return nil }
    return Hearing(mels: heard.mels, frames: heard.frames, tokens: tokens)
  }

  /// The same model that makes its features itself, of samples, as `features/log_mel`; itself where no front end is given.
  ///
  /// - Throws: ``BadInput`` for a model that reads no features, or numbers that no front end has.
  public func listening(by frontEnd: FrontEnd?) throws(BadInput) -> Graph {
    guard let frontEnd else { return self }
    guard let hearing, inputs.contains(.inputFeatures) else {
      throw BadInput(
        place: Input.audio.rawValue, problem: "is given to a model that hears none",
        remedy: "give what the model reads")
    }
    let features = Activation("features/log_mel")
    let heard = LogMel(frontEnd, mels: hearing.mels, frames: hearing.frames)
    var listening: [Operation] = []
    for operation in operations {
      guard case .convolution(let kind) = operation.kind, kind.frames != nil else {
        listening.append(operation)
        continue
      }
      if listening.allSatisfy({ $0.output != features }) { listening.append(Operation(heard.kind, features)) }
      listening.append(
        Operation(
          Convolution(stride: kind.stride, padding: kind.padding).kind, operation.output, from: [features],
          with: operation.parameters))
    }
    return try Graph(validating: listening, results: results)
  }
}

extension Weights {
  /// The same parameters, of the model that makes its features itself.
  ///
  /// - Throws: ``BadInput`` as ``Graph/listening(by:)`` does.
  public func listening(by frontEnd: FrontEnd?) throws(BadInput) -> Weights {
    with(try graph.listening(by: frontEnd))
  }
}
