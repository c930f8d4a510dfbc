import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// Models that are given arrays in place of ids, judged: pictures, and blocks modulated by a condition.
@Suite struct PictureTests {
  private static let models = [
    """
    {"model_type": "vit", "hidden_size": 18, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 11,
     "image_size": 9, "patch_size": 3, "num_channels": 3, "num_labels": 5, "layer_norm_eps": 1e-5}
    """,
    """
    {"model_type": "clip_vision_model", "hidden_size": 18, "num_hidden_layers": 1, "num_attention_heads": 3,
     "intermediate_size": 11, "image_size": 9, "patch_size": 4, "projection_dim": 7}
    """,
    """
    {"model_type": "dit_block", "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "head_dim": 5,
     "ff_mult": 2}
    """,
  ]

  private static func weights(_ index: Int, _ kind: SyntheticModel = .probing, seed: UInt64) throws -> Weights
  {
    let architecture = try Architecture(huggingFaceJSON: Data(models[index].utf8), file: "config.json")
    return try kind.weights(of: architecture.graph, names: architecture.family.tensors, seed: seed)
  }

  private static func arrays(_ graph: Graph, tokens: Int = 7, seed: UInt64) -> [Input: Tensor<Float>] {
    var random = SplitMix64(seed: seed)
    return Dictionary(
      uniqueKeysWithValues: graph.arrays.map { input in
        let shape = graph.shape(of: Activation("inputs/" + input.rawValue), tokenCount: tokens) ?? []
        let values = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1.5...2, using: &random) }
        return (input, Tensor(values, shape: shape))
      })
  }

  private static func inputs(_ graph: Graph, seed: UInt64) throws -> Inputs {
    try Inputs(arrays: arrays(graph, seed: seed), graph: graph)
  }

  @Test(.clause("NUM-4", "PIC-1", "BND-44", "BND-45"), arguments: HonestArithmetic.ofFamilies.indices)
  func everyHonestArithmeticIsConsistent(_ index: Int) throws {
    let kind = SyntheticModel.allCases[index % SyntheticModel.allCases.count]
    let weights = try Self.weights(index % Self.models.count, kind, seed: UInt64(360 + index))
    let inputs = try Self.inputs(weights.graph, seed: UInt64(index))
    let arithmetic = HonestArithmetic.ofFamilies[index]
    let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
    let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(arithmetic), \(kind), seed \(360 + index): \(verdict.flagged)")
  }

  /// Each is planted where it can be, proven there, and named.
  @Test(.clause("PIC-2", "PIC-3", "ENC-2", "MOD-1", "MOD-2", "MOD-3"), arguments: models.indices)
  func everyMistakeIsFound(_ index: Int) throws {
    let weights = try Self.weights(index, seed: UInt64(370 + index))
    let inputs = try Self.inputs(weights.graph, seed: 371)
    let right = RecordedActivations(weights: weights, inputs: inputs)
    // The three GELUs exchanged as well, which people confuse.
    let faults = Fault.catalogue(of: weights.graph).filter { fault in
      ["patches.", "class-row.", "pooling.", "modulation.", "activation.gelu", "gelu.quick"].contains(
        where: fault.id.hasPrefix)
    }
    #expect(faults.count == [27, 27, 13][index])
    for fault in faults {
      for site in fault.sites(in: weights.graph).map(\.output) {
        let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
        // Where there is no bias, none is missing.
        guard capture.tensors[site] != right.tensors[site] else { continue }
        let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
        #expect(verdict.flagged.first?.activation == site, "\(fault) at \(site)")
        let named = verdict.cause.map { [$0.id] + $0.equivalents } ?? []
        #expect(named.contains(fault.id), "\(fault) at \(site): \(named)")
      }
    }
  }

  @Test(.clause("GRA-1"), arguments: models.indices) func mostFaultsAreCaught(_ index: Int) throws {
    let weights = try Self.weights(index, seed: UInt64(380 + index))
    let table = try PowerTable(
      weights: weights, inputs: Self.inputs(weights.graph, seed: 381), temperature: 0.7)
    #expect(table.falseAlarms.isEmpty)
    #expect(table.total().share > 0.9, "\(table.total()), surviving \(table.survivors)")
  }

  /// The bound of patches is that of a product of the same numbers laid out by hand.
  @Test(.clause("BND-44"), arguments: [true, false]) func theBoundOfPatchesIsThatOfAProduct(hasBias: Bool)
    throws
  {
    var random = SplitMix64(seed: 390)
    func numbers(_ shape: [Int]) -> Tensor<Double> {
      Tensor(
        (0..<shape.reduce(1, *)).map { _ in Double(Float.random(in: -1...1, using: &random)) }, shape: shape)
    }
    let (x, filters, bias) = (numbers([2, 5, 6]), numbers([4, 2, 2, 3]), numbers([4]))
    let parameters = [("f", filters), ("b", bias)].prefix(hasBias ? 2 : 1).map { name, values in
      ParameterOperand(StoredTensor(values), ParameterView(Parameter(name, values.shape)))
    }
    let rounding = Rounding(.float32)
    let graph = try Self.weights(0, seed: 1).graph
    let estimate = rounding.estimate(
      Operation(Patches().kind, Activation("y"), from: [Activation("x")], with: parameters.map(\.view)),
      [Operand(values: x)], parameters, inputs: try Self.inputs(graph, seed: 1))
    let rows = [(0, 0), (0, 3), (2, 0), (2, 3)].flatMap { top, left in
      (0..<2).flatMap { channel in
        (0..<2).flatMap { row in (0..<3).map { x[channel, top + row, left + $0] } }
      }
    }
    let product = rounding.ofProduct(
      Operand(values: Tensor(rows, shape: [4, 12])),
      MatrixView(
        StoredTensor(Tensor(filters.values, shape: [4, 12])), ParameterView(Parameter("m", [4, 12]))),
      weightRoundoff: 0, bias: hasBias ? bias.values : nil)
    #expect(estimate.bounds == product.bounds)
    #expect(estimate.values == product.values)
  }

  /// The formula of the clause again, and no right way of computing it beyond.
  @Test(.clause("BND-45"), arguments: 0..<4)
  func everyRightModulationIsWithinTheBound(_ index: Int) throws {
    var random = SplitMix64(seed: 400 + UInt64(index))
    let (hasShift, plus) = (index % 2 == 0, index < 2 ? 1.0 : 0.0)
    let kind = Modulation(parts: 2, scale: 1, shift: hasShift ? 0 : nil, plus: plus)
    func numbers(_ shape: [Int]) -> Tensor<Double> {
      Tensor(
        (0..<shape.reduce(1, *)).map { _ in
          Double(
            Float.random(in: -1...1, using: &random) * [0.01, 1, 30][Int.random(in: 0..<3, using: &random)])
        }, shape: shape)
    }
    let (x, condition) = (numbers([40, 9]), numbers([1, 18]))
    let graph = try Self.weights(0, seed: 1).graph
    let estimate = Rounding(.float32).estimate(
      Operation(kind.kind, Activation("y"), from: [Activation("x"), Activation("c")]),
      [Operand(values: x), Operand(values: condition)], [], inputs: try Self.inputs(graph, seed: 1))
    for offset in x.values.indices {
      let (a, m) = (x.values[offset], condition.values[9 + offset % 9])
      let b = hasShift ? condition.values[offset % 9] : 0
      let (f, u) = (plus + m, 0x1p-24)
      let y = a * f + b
      let ofFactor = plus == 0 ? 0 : abs(a) * u * (abs(m) + plus)
      let bound =
        hasShift
        ? ofFactor + u * (abs(a * f) + abs(b)) + u * abs(y) : ofFactor + u * abs(a * f)
      let own = estimate.bounds[offset].det
      #expect(abs(own - bound) <= 1e-12 * bound + 0x1p-120, "\(own) where the clause says \(bound)")
      #expect(estimate.values.values[offset] == y)
      let (s, g, t) = (Float(a), Float(m), Float(b))
      let factor = plus == 0 ? g : 1 + g
      let ways =
        [s * factor + t, t.addingProduct(s, factor), s * Float(plus) + s * g + t]
        + [(s * Float(plus)).addingProduct(s, g) + t, (s * Float(plus) + t).addingProduct(s, g)]
      for way in ways.prefix(hasShift ? 5 : 4) { #expect(abs(Double(way) - y) <= own) }
    }
  }

  @Test(.clause("PIC-1"), arguments: models.indices) func arraysAreThoseOfTheModel(_ index: Int) throws {
    let graph = try Self.weights(index, seed: 1).graph
    #expect(graph.arrays == [[.pixelValues], [.pixelValues], [.hidden, .condition]][index])
    #expect(graph.pictureTokenCount == [10, 5, nil][index])
    let right = Self.arrays(graph, seed: 1)
    let inputs = try Inputs(arrays: right, graph: graph)
    #expect(inputs.count == [10, 5, 7][index] && inputs.tokenIDs.isEmpty)
    for input in graph.arrays {
      var missing = right
      missing[input] = nil
      #expect(throws: BadInput.self) { try Inputs(arrays: missing, graph: graph) }
      let array = try #require(right[input])
      for wrong in [
        Tensor(array.values + [0], shape: [array.count + 1]), Tensor(array.values, shape: [array.count]),
        Tensor(array.values.map { _ in .nan }, shape: array.shape),
        Tensor([], shape: [0] + array.shape.dropFirst()),
      ] {
        let error = #expect(throws: BadInput.self) {
          try Inputs(arrays: right.merging([input: wrong]) { $1 }, graph: graph)
        }
        #expect(error?.place?.hasPrefix("inputs/") == true)
      }
    }
    let other: Input = index == 2 ? .pixelValues : .condition
    #expect(throws: BadInput.self) {
      try Inputs(arrays: right.merging([other: Tensor([1], shape: [1, 1])]) { $1 }, graph: graph)
    }
    let error = #expect(throws: BadInput.self) { try Inputs(tokenIDs: [1], graph: graph) }
    #expect(error?.problem.contains(graph.arrays[0].rawValue) == true)
    #expect(throws: BadInput.self) { try graph.differentiated(by: Loss()) }
  }

  /// Another picture is another run.
  @Test(.clause("PIC-1"), arguments: models.indices) func anotherArrayIsNotCompared(_ index: Int) throws {
    let weights = try Self.weights(index, seed: 5)
    let (own, other) = try (Self.inputs(weights.graph, seed: 1), Self.inputs(weights.graph, seed: 2))
    #expect(own != other)
    let error = #expect(throws: BadInput.self) {
      try Judge(weights: weights).verdict(
        on: RecordedActivations(weights: weights, inputs: own),
        golden: RecordedActivations(weights: weights, inputs: other))
    }
    #expect(error?.place == "inputs/" + weights.graph.arrays[0].rawValue)
  }

  /// What reads ids reads no arrays, and no operation makes what is given.
  @Test(.clause("PIC-1")) func graphsThatCannotBeAreRefused() {
    let pixels = Activation("inputs/pixel_values")
    let given = Operation(Given(.pixelValues, 3, 9, 9).kind, pixels)
    let table = Operation(
      Embedding(.tokenIDs).kind, Activation("embed/token"), with: [ParameterView(Parameter("t", [4, 3]))])
    let cut = Operation(
      Patches().kind, Activation("embed/patches"), from: [pixels],
      with: [ParameterView(Parameter("w", [4, 3, 3, 3]))])
    let row = Operation(
      ClassRow().kind, Activation("embed/class"), from: [Activation("embed/patches")],
      with: [ParameterView(Parameter("c", [4]))])
    #expect(throws: Never.self) { try Graph(validating: [given, cut, row]) }
    for wrong in [
      [given, cut, row, table], [given, cut], [Operation(Given(.condition, 3).kind, pixels)],
      [Operation(Given(.pixelValues, 3, 9).kind, pixels)],
      [given, Operation(Identity().kind, Activation("inputs/hidden"), from: [pixels])],
    ] {
      #expect(throws: BadInput.self) { try Graph(validating: wrong) }
    }
  }
}
