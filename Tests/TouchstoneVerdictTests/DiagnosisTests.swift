import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What the error of a product says of its origin, by its structure alone.
@Suite struct DiagnosisTests {
  private static let point = Activation(.feedForwardInput, layer: 0)

  /// The notes on a capture in which the output of one product was changed.
  private func notes(changing change: (inout Tensor<Double>) -> Void) throws -> [String] {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    var value = try #require(capture.tensors[Self.point])
    change(&value)
    capture.tensors[Self.point] = value
    return try Judge(weights: weights, depth: .diagnosed(catalogue: [])).verdict(on: capture).notes
  }

  private func notes(planting id: String) throws -> [String] {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    let fault = try #require(Fault.named(id))
    let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [Self.point: fault])
    return try Judge(weights: weights, depth: .diagnosed(catalogue: [])).verdict(on: capture).notes
  }

  @Test func exchangedRowsAreNamed() throws {
    let notes = try notes { value in
      for column in 0..<value.rowWidth {
        (value[3, column], value[8, column]) = (value[8, column], value[3, column])
      }
    }
    #expect(notes.contains { $0.contains("rows 3 and 8 are exchanged") })
  }

  @Test func aRepeatedRowIsNamed() throws {
    let notes = try notes { value in
      for column in 0..<value.rowWidth { value[5, column] = value[2, column] }
    }
    #expect(notes.contains { $0.contains("row 5 holds the value of row 2") })
  }

  @Test func aStaleTileIsNamed() throws {
    let notes = try notes { value in
      for row in 0..<value.rowCount {
        for column in 16..<24 { value[row, column] = value[row, column - 8] }
      }
    }
    #expect(notes.contains { $0.contains("columns 16…23 repeat the columns from 8") })
  }

  @Test func termsThatAreMissingOrDoubledAreNamed() throws {
    #expect(
      try notes(planting: "tail.modulo-8").contains { $0.contains("terms 40…43 of each sum are missing") })
    #expect(
      try notes(planting: "tail.last-twice").contains { $0.contains("terms 43 of each sum are added twice") })
  }

  @Test func aMissingBiasIsRecognised() throws {
    #expect(try notes(planting: "bias.missing").contains { $0.contains("the same vector") })
  }

  @Test func oneWeightIsNamedWithBothItsValues() throws {
    let notes = try notes(planting: "weights.bit-21")
    let row = 22
    let column = 176 / 3
    #expect(
      notes.contains { $0.contains("the weight from input \(row) to output \(column) is ") }, "\(notes)")
  }
}
