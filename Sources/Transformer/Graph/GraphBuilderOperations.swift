import TouchstoneModel

/// The operations as a family writes them.
extension GraphBuilder {
  /// The rows of a table that the sequence asks for.
  public mutating func embedding(
    _ name: String, _ ids: Input, in table: Parameter, offset: Int = 0, countsVisible: Bool = false,
    padding: Int? = nil
  ) -> Activation {
    append(
      Embedding(ids, offset: offset, countsVisible: countsVisible, padding: padding), name,
      with: [ParameterView(table, .outputsFirst, .init(expert: table.shape.count == 3 ? 0 : nil))])
  }

  /// An array that the model is given: pixels [channels, height, width], vectors [T, D], or a condition [1, D].
  public mutating func given(_ kind: Given) -> Activation {
    append(kind, Activation(given: kind.input).name)
  }

  /// Products of the patches of a picture with `weight` [D, channels, p, p], and `bias` [D] where there is one.
  public mutating func patches(
    _ name: String, _ x: Activation, _ weight: Parameter, bias: Parameter?
  ) -> Activation {
    append(Patches(), name, from: [x], with: ([weight] + (bias.map { [$0] } ?? [])).map { ParameterView($0) })
  }

  /// The patches as tokens behind a learned row.
  public mutating func classRow(_ name: String, _ x: Activation, _ row: Parameter) -> Activation {
    append(ClassRow(), name, from: [x], with: [ParameterView(row)])
  }

  /// The value modulated by parts of a condition.
  public mutating func modulate(
    _ name: String, _ x: Activation, by condition: Activation, _ kind: Modulation
  ) -> Activation {
    append(kind, name, from: [x, condition])
  }

  /// The element-wise sum.
  public mutating func sum(_ name: String, _ summands: Activation...) -> Activation {
    append(Sum(), name, from: summands)
  }

  /// The element-wise product, or one that clips b and adds to it.
  public mutating func product(
    _ name: String, _ a: Activation, _ b: Activation, _ kind: Product = Product()
  ) -> Activation {
    append(kind, name, from: [a, b])
  }

  /// The same value under another name.
  public mutating func identity(_ name: String, _ x: Activation) -> Activation {
    append(Identity(), name, from: [x])
  }

  /// The value times a constant.
  public mutating func scale(_ name: String, _ x: Activation, by factor: Double) -> Activation {
    append(Scale(by: factor), name, from: [x])
  }

  /// cap·tanh(x/cap); −∞ stays.
  public mutating func softCap(_ name: String, _ x: Activation, at cap: Double) -> Activation {
    append(SoftCap(at: cap), name, from: [x])
  }

  /// LayerNorm without gain and shift.
  public mutating func layerNorm(_ name: String, _ x: Activation, _ kind: LayerNorm) -> Activation {
    append(kind, name, from: [x])
  }

  /// LayerNorm with the gain `module.weight`, and the shift `module.bias` if there is one.
  public mutating func layerNorm(
    _ name: String, _ x: Activation, _ kind: LayerNorm, _ module: String, hasBias: Bool = true
  ) -> Activation {
    let names = [".weight"] + (hasBias ? [".bias"] : [])
    let parameters = names.map { parameter(module + $0, width(of: x)) }
    return append(kind, name, from: [x], with: parameters.map { ParameterView($0) })
  }

  /// RMSNorm with the gain `module.weight`.
  public mutating func rmsNorm(
    _ name: String, _ x: Activation, _ kind: RMSNorm, _ module: String
  ) -> Activation {
    let count = kind.isJoined ? size(of: x) : width(of: x)
    return append(kind, name, from: [x], with: [ParameterView(parameter(module + ".weight", count))])
  }

  /// A product with the matrix `module.weight`, and the bias `module.bias` if there is one.
  ///
  /// - Parameters:
  ///   - name: of what it makes.
  ///   - x: [T, in].
  ///   - module: in front of the names of matrix and bias.
  ///   - outputs: how many outputs the stored matrix has.
  ///   - selection: which of them are computed.
  ///   - hasBias: whether there is a bias.
  ///   - heads: how many heads the outputs are split into; nil for none.
  ///   - limit: where outputs are clipped; nil for nowhere.
  public mutating func linear(
    _ name: String, _ x: Activation, _ module: String, outputs: Int,
    selection: ParameterView.Selection = .whole,
    hasBias: Bool, heads: Int? = nil, limit: Double? = nil
  ) -> Activation {
    let inputs = width(of: x)
    let matrix =
      layout == .outputsFirst
      ? parameter(module + ".weight", outputs, inputs) : parameter(module + ".weight", inputs, outputs)
    var views = [ParameterView(matrix, layout, selection)]
    if hasBias { views.append(ParameterView(parameter(module + ".bias", outputs), .outputsFirst, selection)) }
    return append(Linear(heads: heads, limit: limit), name, from: [x], with: views)
  }

  /// A product with the rows of a table, and a bias if there is one, a vector [out] or a row [1, out].
  public mutating func linear(
    _ name: String, _ x: Activation, rowsOf table: Parameter, bias: Parameter? = nil
  ) -> Activation {
    let ofBias = bias.map {
      ParameterView($0, .outputsFirst, ParameterView.Selection(expert: $0.shape.count == 2 ? 0 : nil))
    }
    return append(Linear(), name, from: [x], with: [ParameterView(table)] + (ofBias.map { [$0] } ?? []))
  }

  /// A product with a part of a matrix that is stored inputs first, and its bias.
  public mutating func linear(
    _ name: String, _ x: Activation, _ matrix: Parameter, bias: Parameter,
    _ selection: ParameterView.Selection
  ) -> Activation {
    append(
      Linear(), name, from: [x],
      with: [ParameterView(matrix, .inputsFirst, selection), ParameterView(bias, .outputsFirst, selection)])
  }

  /// A convolution along frames with the filters `module.weight` [out, in, width] and `module.bias`.
  ///
  /// - Parameters:
  ///   - name: of what it makes.
  ///   - x: [in, frames]; nil for the input features.
  ///   - kind: stride and padding, and for the input features how many frames these have.
  ///   - module: in front of the names of filters and bias.
  ///   - inputs: in.
  ///   - outputs: out.
  ///   - width: of each filter.
  public mutating func convolution(
    _ name: String, _ x: Activation?, _ kind: Convolution, _ module: String, inputs: Int, outputs: Int,
    width: Int
  ) -> Activation {
    let views = [
      ParameterView(parameter(module + ".weight", outputs, inputs, width)),
      ParameterView(parameter(module + ".bias", outputs)),
    ]
    return append(kind, name, from: x.map { [$0] } ?? [], with: views)
  }

  /// Columns for rows: frames of sound become the source's tokens.
  public mutating func transpose(_ name: String, _ x: Activation) -> Activation {
    append(Transpose(), name, from: [x])
  }

  /// Biases on scores that grow with the place of the key.
  public mutating func alibi(_ name: String, _ kind: Alibi) -> Activation {
    append(kind, name)
  }

  /// Biases on scores by how far apart query and key stand, rows of `table`.
  public mutating func relativeBias(_ name: String, _ kind: RelativeBias, in table: Parameter) -> Activation {
    append(kind, name, with: [ParameterView(table)])
  }

  /// Positions as sines and cosines.
  public mutating func sinusoid(_ name: String, _ kind: Sinusoid) -> Activation {
    append(kind, name)
  }

  /// Rotary positions.
  public mutating func rotate(_ name: String, _ x: Activation, _ kind: Rotate) -> Activation {
    append(kind, name, from: [x])
  }

  /// Scores, probabilities and context of one attention.
  ///
  /// - Parameters:
  ///   - prefix: of the names: `attn`, or `cross`.
  ///   - sinks: a score of each head that takes part in every softmax; nil for none.
  ///   - bias: what is added to the scaled scores; nil for nothing.
  ///   - cap: where scores are capped, as `attn_capped`, before they become probabilities; nil for nowhere.
  /// - Returns: the context, heads side by side.
  public mutating func attention(
    query: Activation, key: Activation, value: Activation, scale: Double, visibility: Visibility = .causal,
    bias: Activation? = nil, cap: Double? = nil, sinks: Parameter? = nil, prefix: String = "attn"
  ) -> Activation {
    var scores = append(
      AttentionScores(scale: scale, visibility: visibility), prefix + "_scores",
      from: [query, key] + (bias.map { [$0] } ?? []))
    if let cap { scores = softCap(prefix + "_capped", scores, at: cap) }
    let probabilities = append(
      AttentionProbabilities(visibility: visibility), prefix + "_probs", from: [scores],
      with: sinks.map { [ParameterView($0)] } ?? [])
    return append(
      AttentionContext(visibility: visibility), prefix + "_context", from: [probabilities, value])
  }

  /// A nonlinearity, element by element.
  public mutating func activate(
    _ name: String, _ function: ActivationFunction, _ x: Activation
  ) -> Activation {
    append(function, name, from: [x])
  }

  /// The columns of two side by side, those of the second shared by all heads where there is one head of them.
  public mutating func joined(_ name: String, _ x: Activation, _ other: Activation) -> Activation {
    append(JoinedColumns(), name, from: [x, other])
  }

  /// The row of the token that stands for the text.
  public mutating func row(_ name: String, _ x: Activation, _ rule: PickedRow.Rule) -> Activation {
    append(PickedRow(rule), name, from: [x])
  }

  /// Experts, of which each token goes to some: `expert_ids`, `router_weights`, what each expert makes of the tokens that
  /// chose it in a group `experts/000`, and their mixture.
  ///
  /// - Parameters:
  ///   - name: of the mixture.
  ///   - x: what the experts are given, [T, D].
  ///   - logits: of the router, [T, E].
  ///   - choice: which of them a token goes to.
  ///   - correction: what is added to their scores for the choice alone; nil for nothing.
  ///   - weights: how they are weighed.
  ///   - parameters: in front of the names of an expert's parameters, by its number.
  ///   - expert: the operations of one, by its number, from `input` to what it makes.
  /// - Returns: the mixture, [T, D].
  public mutating func experts(
    _ name: String, of x: Activation, logits: Activation, choosing choice: RouteIDs,
    correction: Parameter? = nil, weights: RouteWeights, parameters: (Int) -> String,
    _ expert: (inout GraphBuilder, Int, Activation) -> Activation
  ) -> Activation {
    let ids = append(
      choice, "expert_ids", from: [logits], with: correction.map { [ParameterView($0)] } ?? [])
    let shares = append(weights, "router_weights", from: [logits, ids])
    let made = (0..<width(of: logits)).map { number -> Activation in
      let digits = String(number)
      var output = ids
      group(
        "experts/" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits + "/",
        parameters: parameters(number)
      ) { b in output = expert(&b, number, b.append(ChosenRows(of: number), "input", from: [x, ids])) }
      return output
    }
    return append(Mixture(), name, from: [ids, shares] + made)
  }

  /// Softmax along the last axis.
  public mutating func softmax(_ name: String, _ x: Activation) -> Activation {
    append(Softmax(), name, from: [x])
  }

  /// The graph, ended by the readout: logits from the last vectors and the rows of a table, and their softmax.
  ///
  /// - Parameters:
  ///   - bias: what is added to the products; nil for nothing.
  ///   - cap: where logits are capped, `final/logits_raw` before; nil for nowhere.
  /// - Throws: ``BadInput`` for the first operation that does not fit.
  public mutating func graph(
    readingOut last: Activation, rowsOf table: Parameter, bias: Parameter? = nil, cap: Double? = nil
  ) throws(BadInput) -> Graph {
    var logits = linear(cap == nil ? "final/logits" : "final/logits_raw", last, rowsOf: table, bias: bias)
    if let cap { logits = softCap("final/logits", logits, at: cap) }
    _ = softmax("final/probs", logits)
    return try graph(logits: logits)
  }
}
