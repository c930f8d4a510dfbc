import TouchstoneModel

/// An array that a model is given.
struct GivenArray: Hashable {
  private let values: [Float]
  private let shape: [Int]
  /// Whether its rows are the tokens.
  private let isOfTokens: Bool

  init(_ input: Input, _ tensor: Tensor<Float>) {
    values = tensor.values
    shape = tensor.shape
    isOfTokens = input == .hidden
  }

  var tensor: Tensor<Float> { Tensor(values, shape: shape) }

  /// The rows of some tokens, where its rows are the tokens.
  private init(_ whole: GivenArray, tokens: [Int]) {
    let tensor = whole.tensor
    values = tokens.flatMap { tensor.row($0) }
    shape = [tokens.count, tensor.rowWidth]
    isOfTokens = true
  }

  func selecting(_ tokens: [Int]) -> GivenArray {
    isOfTokens ? GivenArray(self, tokens: tokens) : self
  }
}

extension Graph {
  /// The arrays that a model reads in place of ids; none in a model that reads ids.
  public var arrays: [Input] { inputs.filter(\.isArray) }

  /// Whether the model reads arrays in place of ids.
  public var readsArrays: Bool { !arrays.isEmpty }

  /// How many tokens a picture has, which is cut into as many patches each time; nil where that follows from what is given.
  public var pictureTokenCount: Int? {
    operations.lazy.compactMap { operation in
      guard case .classRow = operation.kind, let axes = self.axes(of: operation.inputs[0]) else { return nil }
      return axes[0].extent(tokenCount: 0) + 1
    }.first
  }

  /// How many tokens a model has that is given these arrays.
  ///
  /// - Throws: ``BadInput`` for an array that is missing, of another shape, not finite, or not read.
  func tokenCount(of given: [Input: Tensor<Float>]) throws(BadInput) -> Int {
    for input in Input.allCases where given[input] != nil && !arrays.contains(input) {
      throw BadInput(
        place: Activation(given: input).path, problem: "is an input that the model does not read",
        remedy: "give a file of this model")
    }
    let count = pictureTokenCount ?? given[.hidden]?.shape.first ?? 0
    for input in arrays {
      let place = Activation(given: input)
      guard let array = given[input] else {
        throw BadInput(
          place: place.path, problem: "is missing, which the model reads in place of ids",
          remedy: "store it there in float32")
      }
      let wanted = axes(of: place)?.shape(tokenCount: count) ?? []
      guard array.shape == wanted else {
        throw BadInput(
          place: place.path, problem: "has the shape \(array.shape) where \(wanted) is wanted",
          remedy: input == .pixelValues
            ? "cut and scale the picture to the model's size" : "give vectors of the model's width")
      }
      guard array.values.allSatisfy(\.isFinite) else {
        throw BadInput(place: place.path, problem: "holds what is no number", remedy: "give finite numbers")
      }
    }
    guard (1...(contextLength ?? Inputs.greatestCount)).contains(count) else {
      throw BadInput(
        place: arrays.first.map { Activation(given: $0).path } ?? "inputs",
        problem:
          "makes \(count) tokens, and the model has \(contextLength ?? Inputs.greatestCount) positions",
        remedy: "give as many vectors as there are positions, or fewer")
    }
    return count
  }

  /// - Throws: ``BadInput`` for a graph that reads ids and arrays, or pictures of several sizes.
  static func checkArrays(
    _ operations: [Operation], _ inputs: [Input], _ axes: [Activation: [Axis]]
  ) throws(BadInput) {
    guard inputs.contains(where: \.isArray) else { return }
    if let other = inputs.first(where: { !$0.isArray && ![.positionIDs, .attentionMask].contains($0) }) {
      throw .graph("reads \(other.rawValue) and arrays")
    }
    let counts = Set(
      operations.compactMap { operation in
        if case .classRow = operation.kind { axes[operation.inputs[0]]?.first } else { nil }
      })
    guard counts.count <= 1, counts.isEmpty || !inputs.contains(.hidden) else {
      throw .graph("has tokens of several pictures")
    }
    guard !counts.isEmpty || inputs.contains(.hidden) else {
      throw .graph("is given no tokens")
    }
  }
}
