import Foundation
import Testing
import TouchstoneModel
import TouchstoneTestSupport

@Suite struct StoredTensorTests {
  /// Little-endian bytes of `patterns`, at an address that is not a multiple of their size.
  private func misaligned<Pattern: FixedWidthInteger>(_ patterns: [Pattern]) -> Data {
    var bytes: [UInt8] = [0]
    for pattern in patterns {
      withUnsafeBytes(of: pattern.littleEndian) { bytes += $0 }
    }
    return Data(bytes).dropFirst()
  }

  @Test(.clause("FIL-5")) func float32IsCopiedBitForBit() {
    let patterns: [UInt32] = [
      0, 0x8000_0000, 1, 0x007f_ffff, 0x3f80_0000, 0x7f7f_ffff, 0xff80_0000, 0x7fc0_1234,
    ]
    let tensor = StoredTensor(type: .float32, shape: [2, 4], bytes: misaligned(patterns))
    #expect(tensor.float32().values.map(\.bitPattern) == patterns)
    #expect(tensor.float32().shape == [2, 4])
    let finite = Array(patterns.dropLast())
    #expect(tensor.float64().values.dropLast() == finite.map { Double(Float(bitPattern: $0)) }[...])
  }

  @Test(.clause("NUM-2")) func float64IsKeptOrRoundedToNearest() {
    let values: [Double] = [0, -0.0, 1 / 3, 1 + 0x1p-24, 1 + 0x1.8p-24, 0x1p-1074, 1e300, -.infinity]
    let tensor = StoredTensor(type: .float64, shape: [8], bytes: misaligned(values.map(\.bitPattern)))
    #expect(tensor.float64().values == values)
    #expect(tensor.float32().values == values.map { Float($0) })
  }

  @Test(.clause("NUM-3", "FIL-5"), arguments: [ScalarType.float16, .bfloat16])
  func sixteenBitTypesWidenExactly(type: ScalarType) {
    let patterns = Array(UInt16.min...UInt16.max)
    let tensor = StoredTensor(type: type, shape: [65536], bytes: misaligned(patterns))
    let expected = patterns.map { type == .float16 ? widenFloat16($0) : widenBFloat16($0) }
    #expect(tensor.float32().values.map(\.bitPattern) == expected.map(\.bitPattern))
    let wide = tensor.float64().values
    #expect(zip(wide, expected).allSatisfy { $0 == Double($1) || ($0.isNaN && $1.isNaN) })
  }

  @Test func emptyTensorsAndScalarsAreTensors() {
    #expect(StoredTensor(type: .float32, shape: [3, 0], bytes: Data()).float32().values.isEmpty)
    let scalar = StoredTensor(type: .float64, shape: [], bytes: misaligned([Double(2).bitPattern]))
    #expect(scalar.float32().values == [2])
  }

  @Test func whatIsStoredReadsBack() {
    let tensor = Tensor<Float>([1, -2, .infinity, 0x1p-149, 3, 0], shape: [3, 2])
    #expect(StoredTensor(tensor).float32() == tensor)
  }

  @Test(.clause("EMB-1")) func rowsAreThoseThatAreNamedInTheirOrder() {
    let table = Tensor<Float>([0, 1, 10, 11, 20, 21], shape: [3, 2])
    let rows = StoredTensor(table).rows([2, 0, 2]).float32()
    #expect(rows == Tensor([20, 21, 0, 1, 20, 21], shape: [3, 2]))
  }
}
