import Foundation
import Testing
import TouchstoneGraph
import TouchstoneModel

@testable import TouchstoneGolden

/// A noise floor is what rounding leaves: neither nothing nor more than a number.
@Suite struct NoiseFloorTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A golden whose queries of layer 1 have this floor in one row.
  private func golden(_ noise: Double) throws -> String {
    let sample = try Sample()
    let path = folder.file("a.h5")
    let writer = try ActivationFileWriter(
      path: path, kind: .golden, configuration: sample.configuration, inputs: sample.inputs,
      provenance: Sample.provenance)
    for (activation, tensor) in sample.tensors { try writer.write(activation, tensor) }
    var floor = Tensor<Double>(repeating: 1e-7, shape: [2, 3])
    floor.values[4] = noise
    try writer.writeNoiseFloor(of: Activation(.query, layer: 1), floor)
    try writer.finish()
    return path
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, -1e-9, 1e300])
  func whatIsNoRootMeanSquareIsRefusedOnOpening(_ noise: Double) throws {
    let path = try golden(noise)
    let error = try #require(throws: BadInput.self) { try ActivationFile(path: path) }
    #expect(error.description.contains("floor/layers/001/q: is \(noise) in row 4"), "\(error)")
    #expect(error.remedy != nil)
  }

  @Test(arguments: [0, 1e-12]) func lessThanStoringLeavesIsRefused(_ noise: Double) throws {
    let file = try ActivationFile(path: golden(noise))
    let error = try #require(throws: BadInput.self) { try file.checkContents() }
    #expect(error.description.contains("less than storing that row in float32 leaves"), "\(error)")
  }

  /// Where a variance cancels, float32 has no digit of the values.
  @Test(arguments: [1e-7, 1, 1e4]) func whatArithmeticLeavesIsRead(_ noise: Double) throws {
    let file = try ActivationFile(path: golden(noise))
    try file.checkContents()
    #expect(try file.noiseFloor(of: Activation(.query, layer: 1))?.values[4] == noise)
  }

  @Test(arguments: [0, -1, 1e-4, 1e4, .nan, .infinity])
  func aTemperatureThatSaysNothingIsNotWritten(_ temperature: Double) throws {
    let sample = try Sample()
    #expect(throws: BadInput.self) {
      try ActivationFileWriter(
        path: folder.file("t.h5"), kind: .capture, configuration: sample.configuration,
        inputs: sample.inputs, temperature: temperature)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}
