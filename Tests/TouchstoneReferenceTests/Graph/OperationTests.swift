import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

/// Single operations on numbers that can be checked by hand; the chapters have more examples.
@Suite struct OperationTests {
  /// What a kind makes of operands, for tokens at 0 … T−1 unless told otherwise.
  private func value(
    _ kind: some OperationKind, _ activations: Tensor<Double>..., parameters: [Tensor<Double>] = [],
    positions: [Int]? = nil, mask: [Bool]? = nil, count: Int? = nil
  ) throws -> Tensor<Double> {
    let shape = activations[0].shape
    let count = count ?? positions?.count ?? shape[shape.count - 2]
    let inputs = try Inputs(
      tokenIDs: [Int](repeating: 0, count: count), positionIDs: positions, attentionMask: mask,
      graph: OneTable.graph)
    let viewed = parameters.map { ParameterValues($0, ParameterView(Parameter("p", $0.shape))) }
    return kind.kind.value(Operands(activations, parameters: viewed), in: inputs)
  }

  // MARK: RMSNorm

  /// A table that counts from row 0 has no row for what is masked, whatever another table has.
  @Test(.clause("POS-10")) func whatIsMaskedHasARowInEveryTableOrInNone() throws {
    func graph(_ offsets: [Int]) throws -> Graph {
      var g = GraphBuilder(root: "", layout: .outputsFirst)
      let table = g.parameter("table", 11, 8)
      var x = g.embedding("embed/token", .tokenIDs, in: table)
      for offset in offsets {
        let rows = g.embedding(
          "embed/position\(offset)", .positionIDs, in: g.parameter("p\(offset)", 9, 8), offset: offset,
          countsVisible: offset > 0)
        x = g.sum("embed/sum\(offset)", x, rows)
      }
      return try g.graph(readingOut: x, rowsOf: table)
    }
    let mask = [false, true, true]
    let counted = try Inputs(tokenIDs: [1, 2, 3], attentionMask: mask, graph: graph([2]))
    #expect(counted.positionIDs == [-1, 0, 1])
    let both = try graph([2, 0])
    #expect(try Inputs(tokenIDs: [1, 2, 3], attentionMask: mask, graph: both).positionIDs == [0, 1, 2])
    #expect(throws: BadInput.self) {
      try Inputs(tokenIDs: [1, 2, 3], positionIDs: [-1, 0, 1], attentionMask: mask, graph: both)
    }
  }

  @Test(.clause("RMS-1", "RMS-2")) func rmsNormDividesByTheRootOfTheMeanSquare() throws {
    let x = Tensor([3.0, 4, -3, -4, 0, 0], shape: [3, 2])
    let gain = Tensor([1.0, 2], shape: [2])
    #expect(
      try value(RMSNorm(epsilon: 3.5), x, parameters: [gain]).values
        == [3.0 / 4, 8.0 / 4, -3.0 / 4, -8.0 / 4, 0, 0])
  }

  @Test(.clause("RMS-1")) func rmsNormTakesNoMeanAway() throws {
    let x = Tensor([5.0, 5, 5], shape: [1, 3])
    let ones = Tensor(repeating: 1.0, shape: [3])
    #expect(try value(RMSNorm(epsilon: 0), x, parameters: [ones]).values == [1, 1, 1])
    #expect(try value(LayerNorm(epsilon: 1), x, parameters: [ones]).values == [0, 0, 0])
  }

  @Test(.clause("RMS-3", "RMS-5")) func headsAreNormalisedAloneOrTogether() throws {
    // Two heads, two tokens: token 0 has (3, 4) and (0, 0), token 1 (1, 1) and (1, 1).
    let x = Tensor([3.0, 4, 1, 1, 0, 0, 1, 1], shape: [2, 2, 2])
    let alone = try value(RMSNorm(epsilon: 0.0625), x, parameters: [Tensor([1.0, 10], shape: [2])])
    let scale = 1 / (12.5 + 0.0625).squareRoot()
    let one = 1 / 1.0625.squareRoot()
    #expect(alone.values == [3 * scale, 4 * scale * 10, one, one * 10, 0, 0, one, one * 10])
    let joined = try value(
      RMSNorm(epsilon: 0, isJoined: true), x, parameters: [Tensor([1.0, 2, 3, 4], shape: [4])])
    let together = 1 / 6.25.squareRoot()
    #expect(joined.values == [3 * together, 4 * together * 2, 1, 2, 0, 0, 3, 4])
  }

  @Test(.clause("RMS-4")) func theOffsetIsAddedToTheGain() throws {
    let x = Tensor([1.0, -1], shape: [1, 2])
    let gain = Tensor([0.0, 0.5], shape: [2])
    #expect(try value(RMSNorm(epsilon: 0, offset: 1), x, parameters: [gain]).values == [1, -1.5])
  }

  // MARK: Rotation

  private static let plain = RotaryFrequencies(theta: 10_000)

  @Test(.clause("ROP-1", "ROP-2", "ROP-4"), arguments: Rotate.Style.allCases)
  func pairsTurnAndTheRestStays(style: Rotate.Style) throws {
    let x = Tensor((0..<16).map { Double($0) + 0.1 }, shape: [1, 2, 8])
    let kind = Rotate(width: 4, first: 2, style: style, frequencies: Self.plain)
    let y = try value(kind, x, positions: [0, 7])
    let (taken, put): ([[Int]], [[Int]]) =
      switch style {
      case .half: ([[2, 4], [3, 5]], [[2, 4], [3, 5]])
      case .interleaved: ([[2, 3], [4, 5]], [[2, 3], [4, 5]])
      case .interleavedToHalf: ([[2, 3], [4, 5]], [[2, 4], [3, 5]])
      }
    for column in [0, 1, 6, 7] {
      for token in 0..<2 { #expect(y[0, token, column] == x[0, token, column]) }
    }
    for (pair, omega) in [1, 0.01].enumerated() {
      // The angle 0 is the rotation by nothing.
      for (one, other) in zip(taken[pair], put[pair]) { #expect(y[0, 0, other] == x[0, 0, one]) }
      let (a, b) = (x[0, 1, taken[pair][0]], x[0, 1, taken[pair][1]])
      let (re, im) = (y[0, 1, put[pair][0]], y[0, 1, put[pair][1]])
      #expect(abs(re - (a * cos(7 * omega) - b * sin(7 * omega))) <= 1e-14)
      #expect(abs(im - (b * cos(7 * omega) + a * sin(7 * omega))) <= 1e-14)
    }
  }

  @Test(.clause("ROP-5")) func theMagnitudeScalesBoth() throws {
    let x = Tensor([1.0, 2], shape: [1, 1, 2])
    let kind = Rotate(width: 2, frequencies: Self.plain, magnitude: 1.5)
    #expect(try value(kind, x, positions: [0]).values == [1.5, 3])
  }

  /// The greatest position says which factors turn the pairs, however few tokens there are.
  @Test(.clause("ROP-8", "ROP-11"), arguments: [(49, 2.0), (50, 4.0)])
  func aLaterBeginningIsALongerSequence(position: Int, factor: Double) throws {
    let scaling = RotaryFrequencies.Scaling.longrope(short: [2], long: [4], original: 50)
    let kind = Rotate(width: 2, frequencies: RotaryFrequencies(theta: 10_000, scaling: scaling))
    let y = try value(kind, Tensor([1.0, 0], shape: [1, 1, 2]), positions: [position])
    #expect(abs(y.values[0] - cos(Double(position) / factor)) <= 1e-14)
    #expect(abs(y.values[1] - sin(Double(position) / factor)) <= 1e-14)
  }

  /// What rotary positions are for.
  @Test(.clause("ROP-3"), arguments: Rotate.Style.allCases)
  func scoresDependOnTheDistanceAlone(style: Rotate.Style) throws {
    let query = Tensor([0.3, -1.2, 0.7, 2.0], shape: [1, 1, 4])
    let key = Tensor([1.1, 0.4, -0.6, 0.9], shape: [1, 1, 4])
    let kind = Rotate(width: 4, style: style, frequencies: Self.plain)
    func product(_ i: Int, _ j: Int) throws -> Double {
      let (a, b) = (try value(kind, query, positions: [i]), try value(kind, key, positions: [j]))
      return zip(a.values, b.values).map { $0 * $1 }.reduce(0, +)
    }
    for (i, j) in [(5, 2), (103, 100), (1003, 1000)] {
      #expect(abs(try product(i, j) - (try product(3, 0))) <= 1e-12)
    }
    #expect(abs(try product(5, 3) - (try product(3, 0))) >= 1e-3)
  }

  // MARK: Grouped heads

  @Test(.clause("GQA-1", "GQA-2")) func aGroupOfQueriesSharesAKeyHead() throws {
    let query = Tensor([1.0, 10, 100, 1000], shape: [4, 1, 1])
    let key = Tensor([2.0, 3], shape: [2, 1, 1])
    #expect(try value(AttentionScores(scale: 0.5), query, key).values == [1, 10, 150, 1500])
    let probabilities = Tensor([1.0, 0.5, 0.25, 0.125], shape: [4, 1, 1])
    let values = Tensor([8.0, 16, 32, 64], shape: [2, 1, 2])
    let context = try value(AttentionContext(), probabilities, values)
    #expect(context.shape == [1, 8])
    #expect(context.values == [8, 16, 4, 8, 8, 16, 4, 8])
  }

  @Test(.clause("ATT-8", "ATT-14")) func aMaskedKeyIsNotSeen() throws {
    let x = Tensor([1.0, 1, 1], shape: [1, 3, 1])
    let mask = [false, true, true]
    let scores = try value(AttentionScores(scale: 1), x, x, mask: mask)
    let hidden = -Double.infinity
    #expect(scores.values == [hidden, hidden, hidden, hidden, 1, hidden, hidden, 1, 1])
    let probabilities = try value(AttentionProbabilities(), scores, mask: mask)
    #expect(probabilities.values == [0, 0, 0, 0, 1, 0, 0, 0.5, 0.5])
  }

  @Test(.clause("GRA-8"), arguments: [(true, 2), (false, 1), (false, nil), (true, nil)])
  func aWindowLimitsHowFarATokenSees(isCausal: Bool, window: Int?) throws {
    let x = Tensor(repeating: 1.0, shape: [1, 4, 1])
    let visibility = Visibility(isCausal: isCausal, window: window)
    let scores = try value(AttentionScores(scale: 1, visibility: visibility), x, x)
    for i in 0..<4 {
      for j in 0..<4 {
        let isNear = isCausal ? i - j < window ?? 9 : abs(i - j) <= window ?? 9
        let isVisible = isNear && (j <= i || !isCausal)
        #expect(scores[0, i, j] == (isVisible ? 1 : -.infinity))
      }
    }
  }

  // MARK: The rest

  @Test(.clause("GLU-3")) func aProductClipsAndShifts() throws {
    let (a, b) = (Tensor([2.0, 2, 2, -1], shape: [2, 2]), Tensor([3.0, 9, -9, -0.0], shape: [2, 2]))
    #expect(try value(Product(), a, b).values == [6, 18, -18, 0])
    #expect(try value(Product(), a, b).values[3].sign == .plus)
    #expect(try value(Product(plus: 1, limit: 7), a, b).values == [8, 16, -12, -1])
  }

  @Test(.clause("GLU-2"))
  func nonlinearitiesAtTheEdges() throws {
    for function in ActivationFunction.Function.allCases {
      #expect(function(.nan).isNaN)
      switch function {
      case .tanh: #expect(function(.infinity) == 1 && function(-.infinity) == -1)
      case .sigmoid: #expect(function(.infinity) == 1 && function(-.infinity) == 0 && function(0) == 0.5)
      default: #expect(function(.infinity) == .infinity && function(-.infinity) == 0 && function(0) == 0)
      }
      #expect(function(-1e3).isFinite && function(1e3).isFinite)
    }
    #expect(abs(ActivationFunction.Function.silu(1) - 0.7310585786300049) <= 1e-16)
    #expect(abs(ActivationFunction.Function.quickGELU(1) - 1 / (1 + exp(-1.702))) <= 1e-16)
    #expect(
      ActivationFunction.Function.reluSquared(-3) == 0 && ActivationFunction.Function.reluSquared(3) == 9)
  }

  /// The number of digits of √(2/π) is what tells the forms by tanh from each other.
  @Test(
    .clause("FFN-15"),
    arguments: [(ActivationFunction.Function.geluFast, 0.7978845608), (.geluBloom, 0.79788456)])
  func aFormOfGELUHasItsOwnDigits(function: ActivationFunction.Function, factor: Double) {
    for x in stride(from: -5.0, through: 5, by: 0.25) {
      let want = 0.5 * x * (1 + tanh(factor * (x + 0.044715 * x * x * x)))
      #expect(abs(function(x) - want) <= 1e-15 * max(abs(x), 1), "\(x)")
    }
    #expect(abs(function(1) - ActivationFunction.Function.geluTanh(1)) > 1e-14)
  }

  @Test(.clause("GRA-4")) func aLinearReadsEitherLayout() throws {
    let x = Tensor([1.0, 2], shape: [1, 2])
    let outputsFirst = Tensor([1.0, 10, 2, 20, 3, 30], shape: [3, 2])
    let inputsFirst = Tensor([1.0, 2, 3, 10, 20, 30], shape: [2, 3])
    let views = [
      ParameterValues(outputsFirst, ParameterView(Parameter("w", [3, 2]), .outputsFirst)),
      ParameterValues(inputsFirst, ParameterView(Parameter("w", [2, 3]), .inputsFirst)),
    ]
    let inputs = try Inputs(tokenIDs: [0], graph: OneTable.graph)
    for view in views {
      let y = Linear(heads: 3).kind.value(Operands([x], parameters: [view]), in: inputs)
      #expect(y == Tensor([21.0, 42, 63], shape: [3, 1, 1]))
    }
  }

  @Test(.clause("GRA-8")) func aScaleIsOneProduct() throws {
    let x = Tensor([0.1, -3, .infinity], shape: [1, 3])
    #expect(try value(Scale(by: 3), x).values == [3 * 0.1, -9, .infinity])
  }

  @Test(.clause("RES-3")) func aSumAddsFromTheLeft() throws {
    let (a, b, c) = (1e16, 1.0, 1.0)
    func one(_ x: Double) -> Tensor<Double> { Tensor([x], shape: [1, 1]) }
    #expect(try value(Sum(), one(a), one(b), one(c)).values == [(a + b) + c])
    #expect((a + b) + c != a + (b + c))
  }
}

/// A graph that asks nothing of the ids.
enum OneTable {
  static let graph: Graph = {
    let table = ParameterView(Parameter("table", [1, 1]))
    let operation = Operation(Embedding(.tokenIDs).kind, Activation("embed/token"), with: [table])
    guard let graph = try? Graph(validating: [operation]) else { preconditionFailure("the graph is right") }
    return graph
  }()
}
