import Testing
import TouchstoneModel
import TouchstoneTestSupport

@Suite struct ScalarTypeTests {
  @Test(.clause("NUM-3")) func everyFloat16PatternWidensAsTheHardwareDoes() {
    for pattern in UInt16.min...UInt16.max {
      let expected = Float(Float16(bitPattern: pattern))
      let actual = widenFloat16(pattern)
      #expect(actual.bitPattern == expected.bitPattern || (actual.isNaN && expected.isNaN))
    }
  }
}
