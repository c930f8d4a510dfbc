import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport
import TouchstoneVerdict

@testable import TouchstoneFaults

/// Right numbers that are recorded in another way than the format asks for.
@Suite struct LayoutDiagnosisTests {
  private func verdict(
    _ point: Activation, _ change: (Tensor<Double>) -> Tensor<Double>
  ) throws -> Verdict {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    capture.tensors[point] = change(try #require(capture.tensors[point]))
    let golden = try Golden(weights, inputs)
    return try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture, golden: golden)
  }

  /// [H, T, d] → [T, H, d], as many axes as `flat` leaves.
  private func tokensFirst(_ tensor: Tensor<Double>, flat: Bool) -> Tensor<Double> {
    let (heads, tokens, width) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
    let values = (0..<tokens).flatMap { token in (0..<heads).flatMap { tensor.row($0 * tokens + token) } }
    return Tensor(values, shape: flat ? [tokens, heads * width] : [tokens, heads, width])
  }

  @Test(arguments: [Activation.Point.query, .key, .value], [true, false])
  func headsBesideEachOtherAreAnotherLayout(_ point: Activation.Point, _ flat: Bool) throws {
    let verdict = try verdict(Activation(point, layer: 1)) { tokensFirst($0, flat: flat) }
    #expect(verdict.outcome == .mismatch)
    #expect(
      verdict.causes.contains {
        $0.name.contains("another layout, [token, head, unit]")
          && $0.name.contains("record them as [head, token, unit]")
      }, "\(verdict.causes)")
  }

  @Test func aTransposedMatrixIsAnotherLayout() throws {
    let verdict = try verdict(Activation(.layerNorm2, layer: 0)) { tensor in
      let values = (0..<tensor.rowWidth).flatMap { column in (0..<tensor.rowCount).map { tensor[$0, column] }
      }
      return Tensor(values, shape: [tensor.rowWidth, tensor.rowCount])
    }
    #expect(
      verdict.causes.contains { $0.name.contains("another layout, [unit, token]") }, "\(verdict.causes)")
  }

  /// What follows goes on with the numbers as they stand: it is the engine that reads them so, not the recording.
  @Test func anotherLayoutThatIsGoneOnWithIsTheEngines() throws {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let point = Activation(.layerNorm2, layer: 0)
    let fault = Fault("planted", "transposed", .wiring, at: .norms, practice: "a test") { site in
      let value = site.evaluated()
      return Tensor(value.transposed.values, shape: value.shape)
    }
    let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [point: fault])
    let golden = try Golden(weights, inputs)
    let verdict = try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture, golden: golden)
    let cause = try #require(verdict.cause)
    #expect(cause.name.hasPrefix("[unit, token] is read as [token, unit]"), "\(cause)")
    #expect(cause.kind == "wiring")
  }

  @Test(arguments: [(1, 0), (2, 0), (0, 1), (0, 3)])
  func rowsThatAreMissingAtAnEndAreCounted(first: Int, last: Int) throws {
    var due = 0
    let verdict = try verdict(Activation(.logits)) { tensor in
      due = tensor.rowCount
      let left = (first..<due - last).flatMap { Array(tensor.row($0)) }
      return Tensor(left, shape: [due - first - last, tensor.rowWidth])
    }
    let (count, place) = (first + last, first > 0 ? 0 : due - last)
    let which = count == 1 ? "that at \(place)" : "those from \(place) to \(place + count - 1)"
    #expect(verdict.outcome == .mismatch)
    #expect(
      verdict.causes.contains {
        $0.name.contains("lacks \(count) of \(due) tokens, \(which); the others are right")
      },
      "\(verdict.causes)")
  }

  @Test func headsInAnotherOrderAreRecognised() throws {
    let verdict = try verdict(Activation(.value, layer: 0)) { tensor in
      let size = tensor.count / tensor.shape[0]
      return Tensor(
        [2, 0, 3, 1].flatMap { tensor.values[$0 * size..<($0 + 1) * size] }, shape: tensor.shape)
    }
    #expect(
      verdict.causes.contains { $0.name.contains("heads in another order, [2, 0, 3, 1]") },
      "\(verdict.causes)")
  }

  @Test func aConstantInEachRowOfLogitsChangesNoProbability() throws {
    let verdict = try verdict(Activation(.logits)) { tensor in
      Tensor(
        tensor.values.indices.map { tensor.values[$0] + Double($0 / tensor.rowWidth) + 0.5 },
        shape: tensor.shape)
    }
    #expect(verdict.outcome == .mismatch)
    #expect(verdict.causes.contains { $0.name.contains("changes no probability") }, "\(verdict.causes)")
  }

  @Test(arguments: [Activation.Point.query, .key, .value], [true, false])
  func fusedProjectionsAreRecognised(_ point: Activation.Point, _ byPart: Bool) throws {
    let weights = try Sample.visible.weights()
    let whole = RecordedActivations(
      weights: weights, inputs: try Sample.visible.inputs(weights.graph))
    let parts = try [Activation.Point.query, .key, .value].map {
      try #require(whole.tensors[Activation($0, layer: 1)])
    }
    let (heads, tokens) = (parts[0].shape[0], parts[0].shape[1])
    let verdict = try verdict(Activation(point, layer: 1)) { tensor in
      let values = (0..<tokens).flatMap { token -> [Double] in
        (0..<3 * heads).flatMap { index in
          let (part, head) = byPart ? (index / heads, index % heads) : (index % 3, index / 3)
          return parts[part].row(head * tokens + token)
        }
      }
      return Tensor(values, shape: [tokens, 3 * heads * tensor.rowWidth])
    }
    #expect(verdict.outcome == .mismatch)
    let name = byPart ? "[token, 3, head, unit]" : "[token, head, 3, unit]"
    #expect(verdict.causes.contains { $0.name.contains("beside each other, \(name)") }, "\(verdict.causes)")
  }

  @Test(arguments: [Activation(.logits), Activation(.finalLayerNorm)])
  func theLastPositionAloneIsRecognised(_ point: Activation) throws {
    for isFlat in [true, false] {
      let verdict = try verdict(point) { tensor in
        let row = Array(tensor.row(tensor.rowCount - 1))
        return Tensor(row, shape: isFlat ? [row.count] : [1, row.count])
      }
      #expect(verdict.outcome == .mismatch)
      #expect(
        verdict.causes.contains { $0.name.contains("holds the last position only") }, "\(verdict.causes)")
    }
  }

  @Test func projectionsOneAfterAnotherAreRecognised() throws {
    let weights = try Sample.visible.weights()
    let whole = RecordedActivations(
      weights: weights, inputs: try Sample.visible.inputs(weights.graph))
    let parts = try [Activation.Point.query, .key, .value].map {
      try #require(whole.tensors[Activation($0, layer: 1)])
    }
    let verdict = try verdict(Activation(.query, layer: 1)) { tensor in
      Tensor(parts.flatMap(\.values), shape: [3] + tensor.shape)
    }
    #expect(verdict.causes.contains { $0.name.contains("[3, head, token, unit]") }, "\(verdict.causes)")
  }

  @Test func rightNumbersUnderAnotherShapeAreSaidToBe() throws {
    let verdict = try verdict(Activation(.logits)) { tensor in
      Tensor(tensor.values, shape: [1] + tensor.shape)
    }
    #expect(verdict.outcome == .mismatch)
    #expect(
      verdict.causes.contains { $0.name.contains("the same numbers under the shape") }, "\(verdict.causes)")
  }

  @Test func otherNumbersAreNoLayout() throws {
    let verdict = try verdict(Activation(.query, layer: 0)) { tensor in
      Tensor(tensor.values.map { $0 * 1.01 }, shape: tensor.shape)
    }
    #expect(!verdict.causes.contains { $0.name.contains("the same") }, "\(verdict.causes)")
  }
}
