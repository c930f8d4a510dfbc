import TouchstoneModel

/// The learned tensors of one model, each present and of the right shape.
///
/// A model computes in float32 or wider on float32 weights; a checkpoint stored in float64 is rounded to float32
/// first, so that every implementation starts from the same numbers.
public struct Weights: Sendable {
  /// The model they belong to.
  public private(set) var graph: Graph
  /// The tensors as they are stored, by the names of ``Graph/parameters``.
  public let stored: [String: StoredTensor]

  /// Takes, out of `tensors` by the names in a checkpoint, what the graph needs.
  ///
  /// Buffers and tensors of other heads are ignored.
  ///
  /// - Throws: ``BadInput`` naming a tensor that is missing, has the wrong shape, is stored twice, or stands under
  ///   the family's root without an operation that reads it.
  public init(graph: Graph, names: TensorNames, tensors: [String: StoredTensor]) throws(BadInput) {
    let fullNames = names.fullNames(ofStored: tensors.keys, in: graph)
    var remaining = [String: StoredTensor](minimumCapacity: tensors.count)
    for (name, tensor) in tensors {
      let full = fullNames[name] ?? name
      guard remaining.updateValue(tensor, forKey: full) == nil else {
        throw BadInput(place: full, problem: "is stored twice", remedy: "keep one of the two")
      }
    }
    var stored = [String: StoredTensor](minimumCapacity: graph.parameters.count)
    var missing: [String] = []
    var misshapen: [(parameter: Parameter, shape: [Int])] = []
    for parameter in graph.parameters {
      guard let tensor = remaining.removeValue(forKey: parameter.name) else {
        missing.append(parameter.name)
        continue
      }
      if tensor.shape != parameter.shape { misshapen.append((parameter, tensor.shape)) }
      stored[parameter.name] = tensor
    }
    if let first = missing.first {
      throw BadInput(
        place: first, problem: "the tensor is missing" + BadInput.andOthers(missing.dropFirst(), " and so "),
        remedy: "check that the checkpoint is whole")
    }
    if let (parameter, shape) = misshapen.first {
      throw BadInput(
        place: parameter.name,
        problem: "has the shape \(shape) where config.json asks for \(parameter.shape)"
          + BadInput.andOthers(misshapen.dropFirst().map(\.parameter.name), " and wrong in shape "),
        remedy: "use the config.json of this checkpoint")
    }
    self.graph = graph
    self.stored = stored
    try refuseUnknown(remaining, names)
  }

  private func refuseUnknown(
    _ remaining: [String: StoredTensor], _ names: TensorNames
  ) throws(BadInput) {
    // A head stands beside the root: what else is of its module is the model's too.
    let modules = Set((graph.parameters.map(\.name) + names.ties.keys).map(Self.module))
    var unknown: [String] = []
    for (name, tensor) in remaining.sorted(by: { $0.key < $1.key }) {
      if let tied = names.ties[name] {
        guard let other = stored[tied], tensor.type == other.type, tensor.shape == other.shape,
          tensor.bytes == other.bytes
        else {
          throw BadInput(
            place: name, problem: "differs from \(tied) though config.json ties the two",
            remedy: "set tie_word_embeddings to false")
        }
      } else if name.hasPrefix(names.root) || modules.contains(Self.module(name)), !names.isBuffer(name) {
        unknown.append(name)
      }
    }
    if let first = unknown.first {
      throw BadInput(
        place: first,
        problem: "belongs to no operation of the model"
          + BadInput.andOthers(unknown.dropFirst(), " and left over "),
        remedy: "check config.json: the number of layers, which biases there are, and the model's family")
    }
  }

  /// What a name says before its last point.
  private static func module(_ name: String) -> Substring {
    name[..<(name.lastIndex(of: ".") ?? name.endIndex)]
  }

  /// The same parameters, of the model with another temperature.
  public func with(temperature: Double) -> Weights {
    var copy = self
    copy.graph = graph.with(temperature: temperature)
    return copy
  }

  /// The same parameters, of the model with a loss and the backward pass.
  ///
  /// - Throws: ``BadInput`` as ``Graph/differentiated(by:)`` does.
  public func differentiated(by loss: Loss) throws(BadInput) -> Weights {
    var copy = self
    copy.graph = try graph.differentiated(by: loss)
    return copy
  }

  /// The same parameters in a graph that has no others.
  func with(_ graph: Graph) -> Weights {
    var copy = self
    copy.graph = graph
    return copy
  }

  /// The parameter as it is stored.
  private func tensor(_ parameter: Parameter) -> StoredTensor {
    guard let tensor = stored[parameter.name] else { preconditionFailure("the model has no \(parameter)") }
    return tensor
  }

  /// The parameter's float32 values.
  public func float32(_ parameter: Parameter) -> Tensor<Float> { tensor(parameter).float32() }

  /// The parameter's float32 values, as they are stored where that is how they are stored.
  public func storedFloat32(_ parameter: Parameter) -> StoredTensor {
    let tensor = tensor(parameter)
    return tensor.type == .float32 ? tensor : StoredTensor(tensor.float32())
  }

  /// What an operation looks at, in float32, and its view of that: of a stack of experts the one matrix alone, so that the
  /// others are neither read nor widened.
  package func storedFloat32(_ view: ParameterView, readBy operation: Operation) -> (
    StoredTensor, ParameterView
  ) {
    // The gradient of a parameter is that of all of it.
    guard let expert = view.selection.expert, !(operation.kind.payload is ParameterGradient) else {
      return (storedFloat32(view.parameter), view)
    }
    let own = tensor(view.parameter).part(expert)
    let (parameter, selection) = (view.parameter, view.selection)
    let whole = Parameter(parameter.name, own.shape)
    let part = ParameterView.Selection(groups: selection.groups, parts: selection.parts, take: selection.take)
    return (
      own.type == .float32 ? own : StoredTensor(own.float32()), ParameterView(whole, view.layout, part)
    )
  }

  /// The parameter's float32 values, widened exactly to float64.
  public func float64(_ parameter: Parameter) -> Tensor<Double> {
    let tensor = tensor(parameter)
    return tensor.type == .float64 ? tensor.float32().converted(to: Double.self) : tensor.float64()
  }
}
