import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// Whole parameters rounded to a narrow type, and what one expert reads of them.
@Suite struct StoredRoundingTests {
  /// Any float32 there is, in and beyond the range of the type, and the middle of two of its numbers.
  private static func numbers(_ type: ScalarType) -> [Float] {
    var random = SplitMix64(seed: 91)
    let any = (0..<200_000).map { _ in Float(bitPattern: .random(in: 0...UInt32.max, using: &random)) }
    let ties = (0..<2_000).map { _ in
      let number = type.rounded(Double(Float.random(in: -4...4, using: &random)))
      return Float(number + type.spacing(around: number) / 2)
    }
    let edges: [Float] = [
      0, -0.0, 65503, 65519, 65520, 0x1p-24, 0x1p-25, 0x1.8p-24, 0x1p-133, 0x1p-149, .infinity,
    ]
    let ends: [Float] = [.greatestFiniteMagnitude, .leastNormalMagnitude]
    return any + ties + edges + edges.map { (edge: Float) in -edge } + ends
  }

  @Test(.clause("BND-12"), arguments: [ScalarType.bfloat16, .float16, .float32])
  func aFloatIsRoundedAsItsNumberIs(_ type: ScalarType) {
    let numbers = Self.numbers(type)
    let rounded = Tensor(numbers, shape: [numbers.count]).rounded(to: type)
    for (number, result) in zip(numbers, rounded.values) where !number.isNaN {
      #expect(Double(result) == type.rounded(Double(number)), "\(number), seed 91")
    }
    let stored = StoredTensor(rounded)
    #expect(stored.isHeld(by: type))
    #expect(StoredTensor(Tensor(numbers, shape: [numbers.count])).isHeld(by: type) == (type == .float32))
  }

  @Test(.clause("MOE-3", "GRA-4"), arguments: ExpertTests.models, [true, false])
  func anExpertIsReadWithoutTheOthers(_ model: String, isNarrow: Bool) throws {
    let architecture = try Architecture(huggingFaceJSON: Data(model.utf8), file: "config.json")
    var weights = try SyntheticModel.probing.weights(
      of: architecture.graph, names: architecture.family.tensors, seed: 92)
    if isNarrow {
      let tensors = weights.stored.mapValues { stored in
        let bits = stored.float32().rounded(to: .bfloat16).values.map { UInt16($0.bitPattern >> 16) }
        return StoredTensor(type: .bfloat16, shape: stored.shape, bytes: bits.withUnsafeBytes { Data($0) })
      }
      weights = try Weights(graph: weights.graph, names: TensorNames(root: ""), tensors: tensors)
    }
    let read = weights.graph.operations.flatMap { operation in operation.parameters.map { (operation, $0) } }
    let views = read.filter { $0.1.selection.expert != nil }
    for (operation, view) in views {
      let whole = ParameterValues(weights.float64(view.parameter), view)
      let (stored, own) = weights.storedFloat32(view, readBy: operation)
      let part = ParameterValues(stored.float64(), own)
      #expect(stored.type == .float32 && own.parameter.shape == Array(view.parameter.shape.dropFirst()))
      #expect(part.outputCount == whole.outputCount && part.inputCount == whole.inputCount)
      for output in 0..<whole.outputCount {
        for input in 0..<whole.inputCount {
          #expect(part[output, input] == whole[output, input], "\(view), seed 92")
        }
      }
    }
    #expect(views.isEmpty != model.contains("gpt_oss"))
  }
}
