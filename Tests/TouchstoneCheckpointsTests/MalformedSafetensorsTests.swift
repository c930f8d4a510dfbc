import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneModel
import TouchstoneTestSupport

@Suite struct MalformedSafetensorsTests {
  /// Opens a folder whose `model.safetensors` is `data`, which must be refused.
  private func refusal(_ data: Data) throws -> BadInput? {
    let folder = try TemporaryFolder()
    try SmallModel.write(nil, to: folder)
    try data.write(to: folder.file("model.safetensors"))
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.file == folder.file("model.safetensors").path)
    #expect(error?.remedy != nil)
    return error
  }

  /// The same for a header over `byteCount` bytes of data.
  private func refusal(header: String, byteCount: Int = 16) throws -> BadInput? {
    try refusal(RawSafetensors.file(header: header, payload: Data(count: byteCount)))
  }

  private func tensor(
    _ name: String = "a", _ type: String = "\"F32\"", _ shape: String = "[4]", _ offsets: String = "[0,16]"
  ) -> String {
    #""\#(name)":{"dtype":\#(type),"shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  @Test(arguments: 0..<8)
  func aFileTooShortForAHeaderIsRefused(count: Int) throws {
    let error = try refusal(Data(count: count))
    #expect(error?.description.contains("cannot hold a header") == true)
  }

  @Test(.clause("FIL-4"), arguments: [3, 1000, 1 << 32, UInt64(Int.max), .max - 7, .max])
  func aHeaderLongerThanTheFileIsRefused(length: UInt64) throws {
    let error = try refusal(RawSafetensors.file(header: "{}", declaring: length))
    #expect(error?.description.contains("goes past the end of the file") == true)
  }

  @Test func aHeaderOverTheFormatsLimitIsRefusedUnread() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(nil, to: folder)
    let file = folder.file("model.safetensors")
    try RawSafetensors.file(header: "{}", declaring: 100_000_001).write(to: file)
    // Sparse: takes no room on the disk.
    let handle = try FileHandle(forWritingTo: file)
    try handle.truncate(atOffset: 100_000_100)
    try handle.close()
    let error = #expect(throws: BadInput.self) { try folder.checkpoint() }
    #expect(error?.description.contains("over the format's 100000000") == true)
  }

  @Test(arguments: [
    "", "  ", "nonsense", "[]", "3", "\"a\"", "{", "{}}", "{\"a\":{}", "\u{0}\u{0}",
    String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000),
  ])
  func aHeaderThatIsNoJSONObjectIsRefused(header: String) throws {
    _ = try refusal(header: header)
  }

  @Test func aTensorDeclaredTwiceIsRefused() throws {
    let error = try refusal(header: "{\(tensor()),\(tensor())}")
    #expect(error?.description.contains(#"the member "a" is given twice"#) == true)
  }

  @Test(arguments: ["3", "null", "[]", "\"text\""])
  func metadataMustBeAnObject(value: String) throws {
    let error = try refusal(header: "{\"__metadata__\":\(value),\(tensor())}")
    #expect(error?.place == "__metadata__")
  }

  @Test(arguments: [
    "3", "null", "{}", #"{"dtype":"F32","shape":[4]}"#, #"{"dtype":"F32","data_offsets":[0,16]}"#,
    #"{"shape":[4],"data_offsets":[0,16]}"#, #"{"dtype":3,"shape":[4],"data_offsets":[0,16]}"#,
    #"{"dtype":"F32","shape":4,"data_offsets":[0,16]}"#, #"{"dtype":"F32","shape":[4],"data_offsets":16}"#,
    #"{"dtype":"f32","shape":[4],"data_offsets":[0,16]}"#,
    #"{"dtype":"F32 ","shape":[4],"data_offsets":[0,16]}"#,
  ])
  func aTensorWithoutItsDeclarationIsRefusedByName(declaration: String) throws {
    let error = try refusal(header: "{\"a\":\(declaration)}")
    #expect(error?.place == "a")
  }

  @Test(
    .clause("FIL-4"),
    arguments: [
      "[]", "[0]", "[0,16,16]", "[-16,0]", "[-1,15]", "[16,0]", "[0.0,16.0]", "[0,16.5]",
      "[\"0\",\"16\"]",
      "[null,16]", "[0,17]", "[0,15]", "[1,17]", "[0,1e1]", "[0,9223372036854775807]",
      "[0,18446744073709551616]",
      "[9223372036854775791,9223372036854775807]", "[0,8]", "[true,16]",
    ])
  func impossibleOffsetsAreRefusedByName(offsets: String) throws {
    let error = try refusal(header: "{\(tensor("a", "\"F32\"", "[4]", offsets))}")
    #expect(error?.place == "a")
  }

  @Test(
    .clause("FIL-4"),
    arguments: [
      "[3]", "[5]", "[-4]", "[-2,-2]", "[4.0]", "[\"4\"]", "[null]", "[[4]]", "[]", "[0]",
      "[4611686018427387904,4]", "[4294967296,4294967296]", "[9223372036854775807]",
      "[9223372036854775807,9223372036854775807]", "[4,18446744073709551617]", "[3037000500,3037000500,0]",
    ])
  func impossibleShapesAreRefusedByName(shape: String) throws {
    let error = try refusal(header: "{\(tensor("a", "\"F32\"", shape))}")
    #expect(error?.place == "a")
  }

  @Test(.clause("FIL-4")) func tensorsMustFillTheDataWithoutOverlapOrHole() throws {
    func two(_ first: String, _ second: String) -> String {
      "{\(tensor("a", "\"U8\"", "[8]", first)),\(tensor("b", "\"U8\"", "[8]", second))}"
    }
    #expect(try refusal(header: two("[0,8]", "[4,12]"))?.problem.contains("overlaps") == true)
    #expect(try refusal(header: two("[0,8]", "[0,8]"))?.problem.contains("overlaps") == true)
    #expect(try refusal(header: two("[0,8]", "[9,17]"), byteCount: 17)?.problem.contains("hole") == true)
    #expect(try refusal(header: two("[2,10]", "[10,18]"), byteCount: 18)?.problem.contains("hole") == true)
    #expect(try refusal(header: two("[0,8]", "[8,16]"), byteCount: 17)?.problem.contains("follow") == true)
    #expect(try refusal(header: "{}", byteCount: 1)?.problem.contains("follow") == true)
  }

  /// Whatever becomes of the bytes of a header, the file is refused or holds the same tensors.
  @Test(arguments: 0..<8)
  func aMutatedFileIsRefusedOrEqual(seed: Int) throws {
    var random = SplitMix(state: UInt64(seed))
    let folder = try TemporaryFolder()
    try SmallModel.write(SmallModel.tensors(), to: folder)
    let file = folder.file("model.safetensors")
    let whole = [UInt8](try Data(contentsOf: file))
    let headerEnd = 8 + Int(whole[0]) + Int(whole[1]) << 8
    let expected = try folder.checkpoint().weights.values
    var refused = 0
    let rounds = 400
    for round in 0..<rounds {
      let mutant = Mutation.mutated(whole, headerEnd: headerEnd, random: &random)
      try Data(mutant).write(to: file)
      do throws(BadInput) {
        let weights = try folder.checkpoint().weights
        #expect(weights.values == expected, "seed \(seed), round \(round)")
      } catch {
        refused += 1
        #expect(error.file?.hasPrefix(folder.url.path) == true, "seed \(seed), round \(round): \(error)")
      }
    }
    #expect(refused > rounds / 2, "seed \(seed): the mutations hardly change anything")
  }
}
