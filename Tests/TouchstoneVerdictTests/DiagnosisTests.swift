import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What the error of a product says of its origin, by its structure alone.
@Suite struct DiagnosisTests {
  private static let point = Activation(.feedForwardInput, layer: 0)

  /// The causes of a capture in which the output of one product was changed.
  private func causes(changing change: (inout Tensor<Double>) -> Void) throws -> [String] {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    var value = try #require(capture.tensors[Self.point])
    change(&value)
    capture.tensors[Self.point] = value
    return try Judge(weights: weights, depth: .diagnosed(catalogue: [])).verdict(on: capture).causes.map(
      \.name)
  }

  private func causes(planting id: String) throws -> [String] {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let fault = try #require(Fault.named(id))
    let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [Self.point: fault])
    return try Judge(weights: weights, depth: .diagnosed(catalogue: [])).verdict(on: capture).causes.map(
      \.name)
  }

  @Test func exchangedRowsAreNamed() throws {
    let causes = try causes { value in
      for column in 0..<value.rowWidth {
        (value[3, column], value[8, column]) = (value[8, column], value[3, column])
      }
    }
    #expect(causes.contains { $0.contains("rows 3 and 8 are exchanged") })
  }

  @Test func aRepeatedRowIsNamed() throws {
    let causes = try causes { value in
      for column in 0..<value.rowWidth { value[5, column] = value[2, column] }
    }
    #expect(causes.contains { $0.contains("row 5 holds row 2") })
  }

  @Test func aStaleTileIsNamed() throws {
    let causes = try causes { value in
      for row in 0..<value.rowCount {
        for column in 16..<24 { value[row, column] = value[row, column - 8] }
      }
    }
    #expect(causes.contains { $0.contains("outputs 16 to 23 of the matrix are those of 8 to 15") })
  }

  @Test func termsThatAreMissingOrDoubledAreNamed() throws {
    #expect(
      try causes(planting: "tail.modulo-8").contains { $0.contains("terms 40 to 43 of each sum are missing") }
    )
    #expect(
      try causes(planting: "tail.last-twice").contains { $0.contains("term 43 of each sum is added twice") })
  }

  @Test func aMissingBiasIsRecognised() throws {
    #expect(try causes(planting: "bias.missing").contains { $0.contains("the bias is not added") })
  }

  @Test func oneWeightIsNamedWithBothItsValues() throws {
    let causes = try causes(planting: "weights.bit-21")
    let row = 22
    let column = 176 / 3
    #expect(
      causes.contains { $0.contains("the weight from input \(row) to output \(column) is ") }, "\(causes)")
  }
}
