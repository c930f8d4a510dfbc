import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneSIMD

/// A checkpoint in 16 bits is the model of the float32 numbers that it widens to.
@Suite struct StoredTypeTests {
  @Test(arguments: [ScalarType.float16, .bfloat16, .float64])
  func weightsOfAnyTypeAreReadAsTheirFloat32Values(_ type: ScalarType) throws {
    let configuration = try Configuration(
      vocabularySize: 19, contextLength: 8, width: 12, layerCount: 2, headCount: 3, tiesEmbeddings: false)
    let inputs = try Inputs(tokenIDs: [3, 1, 4, 18], configuration: configuration)
    let plain = try randomWeights(configuration.graph, seed: 3)
    let stored = Dictionary(
      uniqueKeysWithValues: plain.stored.map { ($0.key, narrowed($0.value.float32(), to: type)) })
    let narrow = try Weights(configuration: configuration, tensors: stored)
    let widened = try Weights(
      configuration: configuration, tensors: stored.mapValues { StoredTensor($0.float32()) })
    #expect(narrow.stored.values.allSatisfy { $0.type == type })
    var expected: [Activation: Tensor<Float>] = [:]
    try SIMDTransformer(weights: widened, threadCount: 1).forward(inputs) { expected[$0] = $1 }
    try SIMDTransformer(weights: narrow, threadCount: 1).forward(inputs) { activation, value in
      #expect(firstDifference(value.values, expected[activation]?.values ?? []) == nil, "\(activation)")
    }
  }

  /// The upper bits of each value: not the nearest, but a number of the type.
  private func narrowed(_ tensor: Tensor<Float>, to type: ScalarType) -> StoredTensor {
    switch type {
    case .float64: return StoredTensor(tensor.converted(to: Double.self))
    case .float32: return StoredTensor(tensor)
    case .bfloat16, .float16:
      let patterns = tensor.values.map { value in
        type == .bfloat16 ? UInt16(value.bitPattern >> 16).littleEndian : Self.half(value).littleEndian
      }
      return StoredTensor(type: type, shape: tensor.shape, bytes: patterns.withUnsafeBytes { Data($0) })
    }
  }

  /// Sign, five bits of exponent and ten of fraction of a value between 2⁻¹⁴ and 2¹⁶; of smaller ones 0.
  private static func half(_ value: Float) -> UInt16 {
    guard abs(value) >= 0x1p-14 else { return 0 }
    let sign: UInt16 = value < 0 ? 0x8000 : 0
    let exponent = UInt16(Int(value.exponent) + 15)
    return sign | exponent << 10 | UInt16(value.bitPattern >> 13 & 0x3ff)
  }
}
