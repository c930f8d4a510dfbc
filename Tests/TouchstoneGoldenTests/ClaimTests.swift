import Foundation
import Testing
import TouchstoneFiles
import TouchstoneHDF5
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneGolden

/// What a file claims, or others claim of it, is held against what is there: each claim by itself.
@Suite struct ClaimTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The same bytes under another shape are another tensor.
  @Test func aDatasetOfTheRightBytesAndAnotherShapeIsRefused() throws {
    let path = try Sample().write(folder.file("a.h5"))
    let file = try ActivationFile(path: path)
    let reader = try HDF5Reader(path: path)
    let manifest = try #require(file.manifest)
    for name in ["embed/sum", "layers/000/mlp_act", GoldenFormat.weightPath("transformer.wte.weight")] {
      let dataset = try #require(try reader.dataset(at: name))
      let bytes = try reader.checkedBytes(of: dataset, manifest)
      #expect(manifest.entries[name]?.sha256 == Digest.of(bytes))
      var other = manifest
      other.entries[name]?.shape.reverse()
      #expect(throws: BadInput.self, "\(name)") { try reader.checkedBytes(of: dataset, other) }
      other = manifest
      other.entries[name]?.sha256 = Digest.of(Data())
      #expect(throws: BadInput.self, "\(name)") { try reader.checkedBytes(of: dataset, other) }
    }
  }

  /// A digest that was renewed beside the file does not outweigh the manifest of its folder, nor the other way.
  @Test func bothDigestsOutsideAFileMustBeIts() throws {
    let golden = try Sample(seed: 1).write(folder.file("a.h5"))
    try GoldenManifest(describing: folder.path).write()
    #expect(try ActivationFile(path: golden).hasTrustedDigest)
    try Sample(seed: 2).write(golden, overwrite: true)
    let changed = try #require(throws: BadInput.self) { try ActivationFile(path: golden) }
    #expect(changed.problem.contains("MANIFEST.json"))
    try GoldenManifest(describing: folder.path).write()
    #expect(try ActivationFile(path: golden).hasTrustedDigest)
    try Data((String(repeating: "0", count: 64) + "  a.h5\n").utf8)
      .write(to: URL(fileURLWithPath: golden + ".sha256"))
    let beside = try #require(throws: BadInput.self) { try ActivationFile(path: golden) }
    #expect(beside.problem.contains("a.h5.sha256"))
  }

  @Test(.clause("FIL-11")) func theWeightsInAFileAreThoseItsDigestNames() throws {
    let (sample, other) = (try Sample(seed: 1), try Sample(seed: 2))
    for (name, weights) in [("own.h5", sample.weights), ("other.h5", other.weights)] {
      let path = folder.file(name)
      let writer = try ActivationFileWriter(
        path: path, kind: .golden, configuration: sample.configuration, inputs: sample.inputs,
        weightsDigest: WeightsDigest.of(sample.weights), provenance: Sample.provenance)
      for (activation, tensor) in sample.tensors { try writer.write(activation, tensor) }
      try writer.writeWeights(weights)
      try writer.finish()
    }
    #expect(try ActivationFile(path: folder.file("own.h5")).weights() != nil)
    let error = try #require(throws: BadInput.self) {
      try ActivationFile(path: folder.file("other.h5")).weights()
    }
    #expect(error.description.contains("weights_sha256"))
  }

  /// The name is looked at again when the file is whole: somebody else may have taken it meanwhile.
  @Test(.clause("FIL-9")) func aFileThatAppearsMeanwhileIsNotReplaced() throws {
    let sample = try Sample()
    let path = folder.file("a.h5")
    let writer = try ActivationFileWriter(
      path: path, kind: .golden, configuration: sample.configuration, inputs: sample.inputs)
    for (activation, tensor) in sample.tensors { try writer.write(activation, tensor) }
    try Data("theirs".utf8).write(to: URL(fileURLWithPath: path))
    let error = try #require(throws: BadInput.self) { try writer.finish() }
    #expect(error.problem == "already exists")
    #expect(FileManager.default.contents(atPath: path) == Data("theirs".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.h5"])
  }

  /// What may be replaced is a regular file: what has become a link meanwhile keeps its digest too.
  @Test(.clause("FIL-9")) func whatBecomesALinkMeanwhileIsLeftAsItIs() throws {
    let path = try Sample(seed: 1).write(folder.file("a.h5"))
    let sample = try Sample(seed: 2)
    let writer = try ActivationFileWriter(
      path: path, kind: .golden, configuration: sample.configuration, inputs: sample.inputs, overwrite: true)
    for (activation, tensor) in sample.tensors { try writer.write(activation, tensor) }
    try FileManager.default.moveItem(atPath: path, toPath: folder.file("b.h5"))
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "b.h5")
    let error = try #require(throws: BadInput.self) { try writer.finish() }
    #expect(error.problem.contains("is a link"), "\(error)")
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(left == ["a.h5", "a.h5.sha256", "b.h5"])
    _ = try ActivationFile(path: path)
    // The same for a file of one piece.
    let once = try #require(throws: BadInput.self) {
      try AtomicFile.write(to: folder.file("c"), overwrite: true) { (_) throws(BadInput) in
        _ = symlink("b.h5", folder.file("c"))
      }
    }
    #expect(once.problem.contains("is a link"), "\(once)")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("c")) == "b.h5")
  }

  @Test func aNoiseFloorOfAnotherShapeIsRefused() throws {
    let sample = try Sample()
    for (name, shape, isRight) in [("right.h5", [2, 3], true), ("wrong.h5", [3, 2], false)] {
      let writer = try ActivationFileWriter(
        path: folder.file(name), kind: .golden, configuration: sample.configuration, inputs: sample.inputs)
      for (activation, tensor) in sample.tensors { try writer.write(activation, tensor) }
      let floor = Tensor<Double>(repeating: 1e-7, shape: shape)
      if isRight {
        try writer.writeNoiseFloor(of: Activation(.query, layer: 1), floor)
        try writer.finish()
        let read = try ActivationFile(path: folder.file(name)).noiseFloor(of: Activation(.query, layer: 1))
        #expect(read == floor)
      } else {
        #expect(throws: BadInput.self) { try writer.writeNoiseFloor(of: Activation(.query, layer: 1), floor) }
      }
    }
  }

  /// One sequence may stand in a batch of one; a batch of two is another shape, which the verdict reports.
  @Test func aBatchOfTwoIsNotTakenForOneSequence() throws {
    let sample = try Sample()
    let path = folder.file("a.h5")
    let writer = try ActivationFileWriter(
      path: path, kind: .capture, configuration: sample.configuration, inputs: sample.inputs)
    for (point, batch) in [(Activation.Point.embeddingSum, 1), (.tokenEmbedding, 2)] {
      try writer.write(Activation(point), Tensor<Float>(repeating: 1, shape: [batch, 3, 4]))
    }
    try writer.finish()
    let file = try ActivationFile(path: path)
    #expect(file.storedShape(of: Activation(.embeddingSum)) == [3, 4])
    #expect(file.storedShape(of: Activation(.tokenEmbedding)) == [2, 3, 4])
    #expect(try file.tensor(Activation(.tokenEmbedding))?.shape == [2, 3, 4])
  }

  /// A manifest speaks of its own folder alone.
  @Test(arguments: ["../a.h5", "b/../../a.h5", "./a.h5", "b//a.h5", "/a.h5", ".."])
  func aManifestThatNamesAFileElsewhereIsRefused(name: String) throws {
    let digest = String(repeating: "0", count: 64)
    let entry = { (name: String) in
      #"{"format": "touchstone-manifest-1", "files": {"\#(name)": {"bytes": 1, "sha256": "\#(digest)"}}}"#
    }
    let file = URL(fileURLWithPath: folder.file("MANIFEST.json"))
    try Data(entry("b/a.h5").utf8).write(to: file)
    #expect(try GoldenManifest(folder: folder.path)?.files.count == 1)
    try Data(entry(name).utf8).write(to: file)
    let error = try #require(throws: BadInput.self) { try GoldenManifest(folder: folder.path) }
    #expect(error.place == name)
  }
}
