import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneModel
import TouchstoneTestSupport

/// Shapes whose size wraps around to just what the file holds.
@Suite struct ImpossibleShapeTests {
  @Test(
    .clause("FIL-4"),
    arguments: ["[1152921504606846976,16]", "[16,1152921504606846976]", "[4294967296,4294967296]"])
  func aShapeThatWrapsToTheBytesDeclaredIsTooLargeToBeReal(shape: String) throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(nil, to: folder)
    // 2⁶⁴ elements of 32 bits: nothing, where the product wraps.
    let header = #"{"a":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,0]}}"#
    try RawSafetensors.file(header: header).write(to: folder.file("model.safetensors"))
    let error = try #require(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error.place == "a")
    #expect(error.problem.contains("too large to be real"), "\(error)")
  }
}
