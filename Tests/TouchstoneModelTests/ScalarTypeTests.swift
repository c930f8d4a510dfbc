import Testing
import TouchstoneModel

@Suite struct ScalarTypeTests {
  @Test func everyFloat16PatternWidensAsTheHardwareDoes() {
    for pattern in UInt16.min...UInt16.max {
      let expected = Float(Float16(bitPattern: pattern))
      let actual = widenFloat16(pattern)
      #expect(actual.bitPattern == expected.bitPattern || (actual.isNaN && expected.isNaN))
    }
  }
}
