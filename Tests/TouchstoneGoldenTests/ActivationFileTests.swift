import Foundation
import Synchronization
import Testing
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneGolden

@Suite struct ActivationFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(.clause("FIL-6"), arguments: [(1, 1, 1, 1, 1), (3, 4, 2, 2, 7), (5, 35, 5, 3, 101), (7, 6, 6, 1, 2)])
  func aGoldenComesBack(tokens: Int, width: Int, heads: Int, layers: Int, vocabulary: Int) throws {
    let sample = try Sample(
      tokenCount: tokens, width: width, heads: heads, layers: layers, vocabulary: vocabulary,
      mask: (0..<tokens).map { $0 != 1 })
    let file = try ActivationFile(path: sample.write(folder.file("a.h5")))
    #expect(file.kind == .golden)
    #expect(file.graph == sample.configuration.graph)
    #expect(file.inputs == sample.inputs)
    #expect(file.weightsDigest == WeightsDigest.of(sample.weights))
    #expect(file.provenance == Sample.provenance)
    #expect(file.precision == Precision(.float64))
    #expect(file.temperature == 1)
    #expect(file.hasTrustedDigest)
    #expect(file.extras.isEmpty && file.unknownPaths.isEmpty)
    #expect(file.activations.count == sample.tensors.count)
    for (activation, tensor) in sample.tensors {
      #expect(file.storedType(of: activation) == .float64)
      #expect(file.storedShape(of: activation) == tensor.shape)
      #expect(try file.tensor(activation) == tensor)
      #expect(try file.noiseFloor(of: activation) == nil)
    }
    let weights = try #require(try file.weights())
    #expect(WeightsDigest.of(weights) == file.weightsDigest)
    try file.checkContents()
  }

  @Test(.clause("FIL-6")) func aCaptureKeepsTheTypesOfTheEngine() throws {
    let sample = try Sample()
    let path = folder.file("a.h5")
    let writer = try ActivationFileWriter(
      path: path, kind: .capture, configuration: sample.configuration, inputs: sample.inputs,
      provenance: ["precision": "bfloat16-truncating"], temperature: 0.7)
    let shape = [3, 7]
    let patterns: [UInt16] = (0..<21).map { 0x3f80 + $0 }
    let bits = StoredTensor(type: .bfloat16, shape: shape, bytes: patterns.withUnsafeBytes { Data($0) })
    let halves = StoredTensor(type: .float16, shape: shape, bytes: bits.bytes)
    let query = Activation(.query, layer: 1)
    let probabilities = Activation(.attentionProbabilities, layer: 0)
    try writer.write(Activation(.logits), bits)
    try writer.write(Activation(.probabilities), halves)
    // A wrong shape is the engine's fault, which the verdict reports.
    try writer.write(query, Tensor<Float>([1, 2, 3], shape: [1, 3]))
    try writer.write(probabilities, Tensor<Float>(repeating: .nan, shape: [2, 3, 3]), isDerived: true)
    try writer.writeNoiseFloor(of: query, Tensor(repeating: 1e-7, shape: [2, 3]))
    try writer.finish()
    #expect(!FileManager.default.fileExists(atPath: path + ".sha256"))

    let file = try ActivationFile(path: path)
    #expect(!file.hasTrustedDigest)
    #expect(file.precision == Precision(.bfloat16, truncates: true))
    #expect(file.temperature == 0.7)
    #expect(file.storedType(of: Activation(.logits)) == .bfloat16)
    #expect(try file.tensor(Activation(.logits)) == bits.float64())
    #expect(file.storedType(of: Activation(.probabilities)) == .float16)
    #expect(try file.tensor(Activation(.probabilities)) == halves.float64())
    #expect(file.storedShape(of: query) == [1, 3])
    #expect(try file.tensor(query)?.values == [1, 2, 3])
    #expect(try file.noiseFloor(of: query)?.shape == [2, 3])
    #expect(file.isDerived(probabilities) && !file.isDerived(query))
    #expect(try file.tensor(probabilities)?.values.allSatisfy(\.isNaN) == true)
    #expect(try file.tensor(Activation(.layerNorm1, layer: 0)) == nil)
    #expect(try file.weights() == nil)
  }

  @Test func severalThreadsMayReadOneFile() throws {
    let sample = try Sample(tokenCount: 5, width: 8, layers: 3)
    let file = try ActivationFile(path: sample.write(folder.file("a.h5")))
    let tensors = sample.tensors
    let wrong = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 4 * tensors.count) { index in
      let (activation, tensor) = tensors[index % tensors.count]
      if (try? file.tensor(activation)) != tensor { wrong.withLock { $0 += 1 } }
    }
    #expect(wrong.withLock { $0 } == 0)
  }

  @Test(.clause("FIL-7")) func twoRecordingsAreIdentical() throws {
    let sample = try Sample()
    try sample.write(folder.file("a.h5"))
    try sample.write(folder.file("b.h5"))
    let first = FileManager.default.contents(atPath: folder.file("a.h5"))
    #expect(first != nil)
    #expect(first == FileManager.default.contents(atPath: folder.file("b.h5")))
  }

  @Test(.clause("FIL-11")) func theWeightsDigestIsThatOfTheDocumentedBytes() throws {
    let sample = try Sample(tokenCount: 1, width: 1, heads: 1, layers: 1, vocabulary: 1)
    var bytes = Data()
    for parameter in sample.configuration.parameters.sorted(by: { $0.name < $1.name }) {
      let tensor = try #require(sample.weights.stored[parameter.name])
      let extents = tensor.shape.map(String.init).joined(separator: ",")
      bytes += Data("\(parameter.name) float32 \(extents)\n".utf8) + tensor.bytes
    }
    #expect(WeightsDigest.of(sample.weights) == Digest.of(bytes))
  }

  /// Computed by the Python of `Docs/Format.md`.
  @Test(arguments: [
    ("shakespeare-gpt2", "2d41ef9d42205cfd7076059a5764cfeb7d2644404cd728d606dad122118ecaa5"),
    ("gpt2-odd-a", "94d317284921c64aa6ef50ae9b7a142c26dd15ea25f8669fdaa0dd126581653a"),
  ])
  func theWeightsDigestOfACheckpointIsThatOfPython(model: String, digest: String) throws {
    let models = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../golden/models/"
    let checkpoint = try Checkpoint(directory: URL(fileURLWithPath: models + model))
    #expect(WeightsDigest.of(checkpoint.weights) == digest)
  }

  @Test(arguments: Activation.Point.allCases)
  func theDocumentNamesEveryActivation(point: Activation.Point) throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../Docs/Format.md"
    let names = try String(contentsOfFile: file, encoding: .utf8).split { "`/".contains($0) }
    for part in point.rawValue.split(separator: "/") {
      #expect(names.contains(part), "\(point.rawValue)")
    }
  }

  @Test func theSummarySaysWhatIsThere() throws {
    let sample = try Sample(mask: [true, false, true])
    let golden = try ActivationFile(path: sample.write(folder.file("a.h5"))).summary()
    #expect(golden.activationsByType == ["float64": sample.tensors.count])
    #expect(golden.missing.isEmpty && golden.wrongShapes.isEmpty && golden.missingLayerCount == 0)
    #expect(golden.hasWeights && golden.maskedTokens == [1])
    #expect(golden.description.hasPrefix("golden        \(folder.path)/a.h5, "), "\(golden)")
    #expect(golden.description.contains("2 layers of width 4, 2 heads of 2"), "\(golden)")

    let capture = try ActivationFile(path: CaptureVariantTests.folder + "wrong-shapes.h5").summary()
    #expect(capture.wrongShapes.keys.sorted() == ["embed/sum", "final/logits", "layers/000/q"])
    #expect(capture.missing.contains("layers/000/k") && !capture.missing.contains("layers/000/q"))
    #expect(capture.description.contains("1 layer of width 2, 2 heads of 1"), "\(capture)")
  }

  @Test(.enabled(if: EngineCaptures.arePresent, "the engine captures are not beside the checkout"))
  func capturesOfAnotherEngineAreRead() throws {
    for name in ["llama.cpp-prompt-1-cache-f16.h5", "llama.cpp-prompt-1-cache-f32.h5"] {
      let file = try ActivationFile(path: EngineCaptures.folder + "/" + name)
      #expect(file.kind == .capture)
      #expect(file.inputs.count == 16)
      #expect(file.precision == .float32)
      #expect(file.unknownPaths.isEmpty && file.extras.isEmpty)
      try file.checkContents()
      let probabilities = try #require(try file.tensor(Activation(.attentionProbabilities, layer: 3)))
      #expect(abs(probabilities.row(5).reduce(0, +) - 1) < 1e-6)
    }
  }
}

/// What another engine computed; data that may stand beside a checkout.
enum EngineCaptures {
  static let folder =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().path
    + "/../../../shared/data/engine-captures"
  static var arePresent: Bool { FileManager.default.fileExists(atPath: folder) }
}
