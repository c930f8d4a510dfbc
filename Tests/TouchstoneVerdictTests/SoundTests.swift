import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// Models that hear, judged: features of samples, convolutions, and what is made of them.
@Suite struct SoundTests {
  private static let model = """
    {"model_type": "whisper", "vocab_size": 29, "d_model": 18, "num_mel_bins": 5, "encoder_layers": 1, "decoder_layers": 1,
     "encoder_attention_heads": 3, "decoder_attention_heads": 2, "encoder_ffn_dim": 11, "decoder_ffn_dim": 9,
     "max_source_positions": 8, "max_target_positions": 40}
    """
  private static let frontEnd = FrontEnd(windowLength: 50, hop: 16)

  private static func weights(
    _ kind: SyntheticModel = .probing, seed: UInt64, hearsSamples: Bool = true
  ) throws -> Weights {
    let architecture = try Architecture(huggingFaceJSON: Data(model.utf8), file: "config.json")
    let weights = try kind.weights(of: architecture.graph, names: architecture.family.tensors, seed: seed)
    return try weights.listening(by: hearsSamples ? frontEnd : nil)
  }

  /// Tones and noise, a little less than the model hears; bands of triangles, or noise for features.
  private static func sound(_ graph: Graph, seed: UInt64) throws -> Sound {
    var random = SplitMix64(seed: seed)
    let hearing = try #require(graph.hearing)
    func number() -> Float { Float.random(in: -1...1, using: &random) }
    guard graph.inputs.contains(.audio) else {
      return Sound(
        features: Tensor(
          (0..<hearing.mels * hearing.frames).map { _ in number() }, shape: [hearing.mels, hearing.frames]))
    }
    let samples = (0..<hearing.frames * frontEnd.hop - 21).map { place in
      0.4 * sin(0.31 * Float(place)) + 0.2 * sin(1.9 * Float(place)) + 0.01 * number()
    }
    let count = frontEnd.frequencyCount
    let filters = (0..<count * hearing.mels).map { place -> Double in
      let (frequency, mel) = place.quotientAndRemainder(dividingBy: hearing.mels)
      return max(0, 1 - abs(Double(frequency) - 5 * Double(mel) - 3) / 5)
    }
    return Sound(
      samples: samples, filters: Tensor(filters, shape: [count, hearing.mels]), frontEnd: frontEnd)
  }

  private static func inputs(_ graph: Graph, seed: UInt64, targets: [Int]? = nil) throws -> Inputs {
    try Inputs(
      tokenIDs: (0..<7).map { ($0 * 7 + 3) % 29 },
      source: Inputs.source(sound(graph, seed: seed), graph: graph), targets: targets, graph: graph)
  }

  @Test(.clause("SND-1", "BND-42", "BND-43"), arguments: everyday(HonestArithmetic.all.indices, each: 2))
  func everyHonestArithmeticIsConsistent(_ index: Int) throws {
    let kind = SyntheticModel.allCases[index % SyntheticModel.allCases.count]
    let weights = try Self.weights(kind, seed: UInt64(260 + index), hearsSamples: index % 3 != 1)
    let inputs = try Self.inputs(weights.graph, seed: UInt64(index))
    let arithmetic = HonestArithmetic.all[index]
    let capture = try RecordedActivations(of: HonestTransformer(weights, arithmetic), inputs: inputs)
    let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(arithmetic), \(kind), seed \(260 + index): \(verdict.flagged)")
  }

  /// Features that are wider than the type of a program are read as they are, or rounded.
  @Test(.clause("BND-42", "BND-12"), arguments: [ScalarType.bfloat16, .float16], [true, false])
  func featuresMayBeRoundedToTheType(_ type: ScalarType, isRounded: Bool) throws {
    let weights = try Self.weights(seed: 264, hearsSamples: false)
    let given = try Self.sound(weights.graph, seed: 3).features
    let read = Tensor(
      given.values.map { isRounded ? Float(type.rounded(Double($0))) : $0 }, shape: given.shape)
    func inputs(_ features: Tensor<Float>) throws -> Inputs {
      try Inputs(
        tokenIDs: [3, 1, 4], source: Inputs.source(Sound(features: features), graph: weights.graph),
        graph: weights.graph)
    }
    let run = RecordedActivations(weights: weights, inputs: try inputs(read), precision: Precision(type))
    let capture = RecordedActivations(
      graph: weights.graph, inputs: try inputs(given), precision: Precision(type),
      tensors: run.tensors)
    let verdict = try Judge(weights: weights).verdict(on: capture)
    #expect(verdict.outcome == .consistent, "\(verdict.flagged)")
  }

  /// Each is planted where it can be, proven there, and named.
  @Test(.clause("SND-2", "SND-3", "SND-4", "SND-5"))
  func everyMistakeOfHearingIsFound() throws {
    let weights = try Self.weights(seed: 270)
    let inputs = try Self.inputs(weights.graph, seed: 271)
    let right = RecordedActivations(weights: weights, inputs: inputs)
    let faults = Fault.catalogue(of: weights.graph).filter { fault in
      ["convolution.", "log-mel.", "transpose."].contains(where: fault.id.hasPrefix)
    }
    #expect(faults.count > 25)
    for fault in faults {
      for site in fault.sites(in: weights.graph).map(\.output) {
        let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
        guard capture.tensors[site] != right.tensors[site] else { continue }
        let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
        #expect(verdict.flagged.first?.activation == site, "\(fault) at \(site)")
        let named = verdict.cause.map { [$0.id] + $0.equivalents } ?? []
        #expect(named.contains(fault.id), "\(fault) at \(site): \(named)")
      }
    }
  }

  /// A convolution is a product of windows with a matrix, and numbers are read off it as off any product.
  @Test(.clause("SND-2"), arguments: ["conv_1", "conv_2"])
  func aWeightOfAFilterIsRead(_ name: String) throws {
    let weights = try Self.weights(seed: 272)
    let point = try #require(Activation(path: "encoder/embed/\(name)"))
    let fault = Fault("planted", "one weight", .weights, of: Convolution.self, practice: "a test") {
      _, site in
      site.evaluated(changingParameter: 0) {
        $0.values[3 * $0.rowCount / $0.shape[0] * $0.rowWidth + 7] = 0.75
      }
    }
    let capture = RecordedActivations(
      weights: weights, inputs: try Self.inputs(weights.graph, seed: 273), planting: [point: fault])
    let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
    #expect(verdict.flagged.first?.activation == point)
    #expect(
      verdict.cause?.name.hasPrefix("the weight from input 7 to output 3 is 0.75 instead of ") == true,
      "\(verdict.cause?.name ?? "") \(verdict.notes)")
  }

  /// Of the gradients by what convolutions read, by filters and by biases: as the mistakes of the forward pass.
  @Test(.clause("BWD-23", "BWD-24", "BWD-25")) func everyMistakeOfTheirGradientsIsFound() throws {
    let weights = try Self.weights(seed: 272).differentiated(by: Loss())
    let graph = weights.graph
    let inputs = try Self.inputs(graph, seed: 273, targets: (0..<7).map { ($0 * 5 + 1) % 29 })
    let right = RecordedActivations(weights: weights, inputs: inputs)
    var (count, placed, named) = (0, 0, 0)
    for fault in Fault.catalogue(of: graph) {
      for site in fault.sites(in: graph) where site.isOfConvolution && fault.family == .gradient {
        let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site.output: fault])
        guard capture.tensors[site.output] != right.tensors[site.output] else { continue }
        let verdict = try Judge(weights: weights, depth: .whole()).verdict(on: capture)
        count += 1
        placed += verdict.flagged.first?.activation == site.output ? 1 : 0
        let ids = verdict.cause.map { [$0.id] + $0.equivalents } ?? []
        named += ids.contains(fault.id) ? 1 : 0
        #expect(verdict.flagged.first?.activation == site.output, "\(fault) at \(site.output)")
        #expect(ids.contains(fault.id), "\(fault) at \(site.output): \(ids)")
      }
    }
    #expect(count > 40, "\(placed) placed, \(named) named of \(count)")
  }

  @Test(.clause("GRA-1")) func mostFaultsOfAModelThatHearsAreCaught() throws {
    let weights = try Self.weights(seed: 280)
    let table = try PowerTable(
      weights: weights, inputs: Self.inputs(weights.graph, seed: 281), temperature: 0.7)
    #expect(table.falseAlarms.isEmpty)
    #expect(table.total().share > 0.9, "\(table.total()), surviving \(table.survivors)")
  }

  /// The bound of a convolution is that of a product of the same numbers laid out by hand.
  @Test(.clause("BND-42"), arguments: [1, 2])
  func theBoundOfAConvolutionIsThatOfAProduct(_ stride: Int) throws {
    var random = SplitMix64(seed: 290)
    func numbers(_ shape: [Int]) -> Tensor<Double> {
      Tensor(
        (0..<shape.reduce(1, *)).map { _ in Double(Float.random(in: -1...1, using: &random)) }, shape: shape)
    }
    let (x, filters, bias) = (numbers([3, 9]), numbers([4, 3, 3]), numbers([4]))
    let kind = Convolution(stride: stride, padding: 1)
    let (rounding, positions) = (Rounding(.float32), (9 + 2 - 3) / stride + 1)
    let parameters = [("f", filters), ("b", bias)].map { name, values in
      ParameterOperand(StoredTensor(values), ParameterView(Parameter(name, values.shape)))
    }
    let estimate = rounding.estimate(
      Operation(kind.kind, Activation("y"), from: [Activation("x")], with: parameters.map(\.view)),
      [Operand(values: x)], parameters, inputs: try Self.inputs(try Self.weights(seed: 1).graph, seed: 1))
    var rows: [Double] = []
    for position in 0..<positions {
      for channel in 0..<3 {
        for tap in 0..<3 {
          let frame = position * stride - 1 + tap
          rows.append((0..<9).contains(frame) ? x[channel, frame] : 0)
        }
      }
    }
    let product = rounding.ofProduct(
      Operand(values: Tensor(rows, shape: [positions, 9])),
      MatrixView(
        StoredTensor(Tensor(filters.values, shape: [4, 9])), ParameterView(Parameter("m", [4, 9]))),
      weightRoundoff: 0, bias: bias.values)
    for output in 0..<4 {
      for position in 0..<positions {
        #expect(estimate.bounds[output * positions + position] == product.bounds[position * 4 + output])
        let (own, other) = (estimate.values[output, position], product.values[position, output])
        #expect(abs(own - other) <= 1e-15 * 9)
      }
    }
  }

  /// The bounds of its gradients are those of products and sums of the same numbers laid out by hand.
  @Test(.clause("BND-60"), arguments: [1, 2])
  func theBoundsOfItsGradientsAreThoseOfProducts(_ stride: Int) throws {
    var random = SplitMix64(seed: 291)
    let positions = (9 + 2 - 3) / stride + 1
    func numbers(_ shape: [Int]) -> Tensor<Double> {
      Tensor(
        (0..<shape.reduce(1, *)).map { _ in Double(Float.random(in: -1...1, using: &random)) }, shape: shape)
    }
    let (x, dy, filters) = (numbers([3, 9]), numbers([4, positions]), numbers([4, 3, 3]))
    let (rounding, inputs) = (Rounding(.float32), try Self.inputs(try Self.weights(seed: 1).graph, seed: 1))
    func estimate(_ kind: some OperationKind, _ read: [Tensor<Double>], _ parameter: Tensor<Double>)
      -> Estimate
    {
      let view = ParameterView(Parameter("p", parameter.shape))
      return rounding.estimate(
        Operation(
          kind.kind, Activation("y"), from: read.indices.map { Activation("x\($0)") }, with: [view]),
        read.map { Operand(values: $0) }, [ParameterOperand(StoredTensor(parameter), view)], inputs: inputs)
    }
    func product(_ left: [Double], _ right: [Double], rows: Int, columns: Int) -> Estimate {
      rounding.ofProduct(
        Operand(values: Tensor(left, shape: [rows, left.count / rows])),
        Operand(values: Tensor(right, shape: [right.count / columns, columns])))
    }
    func met(_ position: Int, _ tap: Int) -> Int? {
      let frame = position * stride - 1 + tap
      return (0..<9).contains(frame) ? frame : nil
    }
    // Filters: the gradients [4, positions] times what each position meets, [positions, 9].
    let rows = (0..<positions).flatMap { position in
      (0..<9).map { place -> Double in met(position, place % 3).map { x[place / 3, $0] } ?? 0 }
    }
    let ofFilters = estimate(
      ParameterGradient([.filters(Convolution(stride: stride, padding: 1))]), [x, dy], filters)
    let wanted = product(dy.values, rows, rows: 4, columns: 9)
    #expect(ofFilters.bounds == wanted.bounds && ofFilters.values.values == wanted.values.values)
    // Frames: what meets each, output by output and tap by tap, times the filters.
    let gradients = (0..<9).flatMap { frame in
      (0..<12).map { place -> Double in
        (0..<positions).first { met($0, place % 3) == frame }.map { dy[place / 3, $0] } ?? 0
      }
    }
    let matrix = (0..<12).flatMap { place in (0..<3).map { filters[place / 3, $0, place % 3] } }
    let ofFrames = estimate(
      ConvolutionGradient(stride: stride, padding: 1, frames: 9), [dy], filters)
    let other = product(gradients, matrix, rows: 9, columns: 3)
    for channel in 0..<3 {
      for frame in 0..<9 {
        #expect(ofFrames.bounds[channel * 9 + frame] == other.bounds[frame * 3 + channel])
        #expect(ofFrames.values[channel, frame] == other.values[frame, channel])
      }
    }
    let ofBias = estimate(ParameterGradient([.channels]), [dy], numbers([4]))
    for channel in 0..<4 {
      let terms = rounding.terms(Array(dy.row(channel)))
      #expect(ofBias.bounds[channel] == rounding.ofSum(terms) + Double(positions) * rounding.underflow)
    }
  }

  /// What is turned back has as many frames as the source has tokens.
  @Test(.clause("BWD-25"), arguments: [7, 8, 9]) func framesAreTurnedBackAsManyAsTheyWere(_ frames: Int)
    throws
  {
    let graph = try Self.weights(seed: 1).graph
    let turned = Operation(
      Transpose(backTo: frames).kind, Activation("made"), from: [Activation("encoder/embed/frames")])
    if frames == 8 {
      #expect(
        try Graph(validating: graph.operations + [turned]).axes(of: turned.output) == [.unit(18), .frame(8)])
    } else {
      #expect(throws: BadInput.self) { try Graph(validating: graph.operations + [turned]) }
    }
    // What is written is not what is heard.
    let written = Operation(
      Transpose(backTo: frames).kind, Activation("made"), from: [Activation("decoder/embed/sum")])
    #expect(throws: BadInput.self) { try Graph(validating: graph.operations + [written]) }
  }

  @Test(.clause("SND-1")) func aSoundIsOfTheModelsLength() throws {
    let graph = try Self.weights(seed: 1).graph
    let hearing = try #require(graph.hearing)
    #expect((hearing.mels, hearing.frames, hearing.tokens) == (5, 16, 8))
    let filters = Tensor<Double>(repeating: 1, shape: [26, 5])
    for samples in [[], [Float](repeating: 0, count: 16 * 16 + 1), [.nan]] {
      #expect(throws: BadInput.self) {
        try Inputs.source(Sound(samples: samples, filters: filters, frontEnd: Self.frontEnd), graph: graph)
      }
    }
    let narrow = Tensor<Double>(repeating: 1, shape: [25, 5])
    #expect(throws: BadInput.self) {
      try Inputs.source(Sound(samples: [0], filters: narrow, frontEnd: Self.frontEnd), graph: graph)
    }
    #expect(throws: BadInput.self) { try Inputs.source(tokenIDs: [1], graph: graph) }
    #expect(throws: BadInput.self) { try graph.listening(by: Self.frontEnd) }
    let plain = try Self.weights(seed: 1, hearsSamples: false).graph
    for shape in [[5, 15], [16, 5]] {
      let features = Tensor<Float>(repeating: 0, shape: shape)
      #expect(throws: BadInput.self) { try Inputs.source(Sound(features: features), graph: plain) }
    }
  }
}

extension TouchstoneGraph.Operation {
  /// Whether it is a gradient that a convolution gives.
  fileprivate var isOfConvolution: Bool {
    switch kind {
    case .convolutionGradient: true
    case .parameterGradient(let kind): kind.uses.contains(where: \.isOfFrames)
    default: false
    }
  }
}
