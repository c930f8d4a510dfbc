/// The learned tensors of one model, each present and of the right shape.
///
/// A model computes in float32 or wider on float32 weights; a checkpoint stored in float64 is rounded to
/// float32 first, so that every implementation starts from the same numbers.
public struct Weights: Sendable {
  /// The model they belong to.
  public let configuration: Configuration
  /// The tensors as they are stored.
  public let stored: [Parameter: StoredTensor]

  /// Takes, out of `tensors` by Hugging Face name (with `transformer.` or without), what the model needs.
  ///
  /// Buffers that hold no parameters (`attn.bias`, `attn.masked_bias`) and tensors of other heads are ignored.
  ///
  /// - Throws: ``BadInput`` naming the tensors that are missing, have the wrong shape, or stand in the
  ///   transformer without a known role.
  public init(configuration: Configuration, tensors: [String: StoredTensor]) throws(BadInput) {
    var remaining = [String: StoredTensor](minimumCapacity: tensors.count)
    for (name, tensor) in tensors {
      let full = Parameter.fullName(ofStored: name)
      guard remaining.updateValue(tensor, forKey: full) == nil else {
        throw BadInput(place: full, problem: "is stored twice", remedy: "keep one of the two")
      }
    }
    var stored = [Parameter: StoredTensor](minimumCapacity: tensors.count)
    var missing = [String]()
    var misshapen = [String]()
    for parameter in configuration.parameters {
      guard let tensor = remaining.removeValue(forKey: parameter.name) else {
        missing.append(parameter.name)
        continue
      }
      if tensor.shape != configuration.shape(of: parameter) { misshapen.append(parameter.name) }
      stored[parameter] = tensor
    }
    if let first = missing.first {
      throw BadInput(
        place: first, problem: "the tensor is missing" + BadInput.andOthers(missing.dropFirst(), " and so "),
        remedy: "check that the checkpoint is whole")
    }
    if let (parameter, tensor) = configuration.parameters.lazy.map({ ($0, stored[$0]) })
      .first(where: { $0.0.name == misshapen.first }), let tensor
    {
      throw BadInput(
        place: parameter.name,
        problem:
          "has the shape \(tensor.shape) where config.json asks for \(configuration.shape(of: parameter))"
          + BadInput.andOthers(misshapen.dropFirst(), " and wrong in shape "),
        remedy: "use the config.json of this checkpoint")
    }
    try Self.refuseUnknown(remaining, embedding: stored[Parameter(.tokenEmbedding)])
    self.configuration = configuration
    self.stored = stored
  }

  private static func refuseUnknown(
    _ remaining: [String: StoredTensor], embedding: StoredTensor?
  ) throws(BadInput) {
    var unknown = [String]()
    for (name, tensor) in remaining.sorted(by: { $0.key < $1.key }) {
      if name == Parameter(.unembedding).name {
        guard let embedding, tensor.type == embedding.type, tensor.shape == embedding.shape,
          tensor.bytes == embedding.bytes
        else {
          throw BadInput(
            place: name, problem: "differs from wte.weight though config.json ties the two",
            remedy: "set tie_word_embeddings to false")
        }
      } else if name.hasPrefix("transformer."), !isBuffer(name) {
        unknown.append(name)
      }
    }
    if let first = unknown.first {
      throw BadInput(
        place: first,
        problem: "belongs to no operation of the GPT-2 form"
          + BadInput.andOthers(unknown.dropFirst(), " and left over "),
        remedy: "check n_layer and the model's family")
    }
  }

  /// The causal-mask buffers that old checkpoints carry.
  private static func isBuffer(_ name: String) -> Bool {
    name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias")
  }

  /// The parameter's float32 values.
  public func float32(_ parameter: Parameter) -> Tensor<Float> {
    guard let tensor = stored[parameter] else { preconditionFailure("the model has no \(parameter)") }
    return tensor.float32()
  }

  /// The parameter's float32 values, as they are stored where that is how they are stored.
  public func storedFloat32(_ parameter: Parameter) -> StoredTensor {
    guard let tensor = stored[parameter] else { preconditionFailure("the model has no \(parameter)") }
    return tensor.type == .float32 ? tensor : StoredTensor(tensor.float32())
  }

  /// The parameter's float32 values, widened exactly to float64.
  public func float64(_ parameter: Parameter) -> Tensor<Double> {
    guard let tensor = stored[parameter] else { preconditionFailure("the model has no \(parameter)") }
    return tensor.type == .float64 ? tensor.float32().converted(to: Double.self) : tensor.float64()
  }
}
