import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneModel

@Suite struct SafetensorsWriterTests {
  @Test func theLayoutIsThatOfHuggingFacesWriter() throws {
    let folder = try TemporaryFolder()
    let tensors = [
      "b": StoredTensor(Tensor<Float>([1, 2], shape: [2, 1])),
      "a\"": StoredTensor(Tensor<Float>([3], shape: [])),
      "w": StoredTensor(Tensor<Float>([4], shape: [1])).converted(to: .float64),
      "h": StoredTensor(Tensor<Float>([1], shape: [1])).converted(to: .float16),
    ]
    try SafetensorsWriter.write(tensors, to: folder.file("f"))
    let header =
      #"{"__metadata__":{"format":"pt"},"w":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"#
      + #""a\"":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"#
      + #""b":{"dtype":"F32","shape":[2,1],"data_offsets":[12,20]},"#
      + #""h":{"dtype":"F16","shape":[1],"data_offsets":[20,22]}}"#
    let padding = String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let payload: [UInt8] = [
      0, 0, 0, 0, 0, 0, 0x10, 0x40, 0, 0, 0x40, 0x40, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0x3c,
    ]
    let expected = RawSafetensors.file(header: header + padding, payload: Data(payload))
    #expect(try Data(contentsOf: folder.file("f")) == expected)
  }

  @Test func whatIsWrittenReplacesAFileAndLeavesNothingElse() throws {
    let folder = try TemporaryFolder()
    try folder.write("old", to: "f")
    try SafetensorsWriter.write(SmallModel.tensors(), to: folder.file("f"))
    let first = try Data(contentsOf: folder.file("f"))
    try SafetensorsWriter.write(SmallModel.tensors(), to: folder.file("f"))
    #expect(try Data(contentsOf: folder.file("f")) == first)
    #expect(try folder.names == ["f"])
  }

  @Test func aFailureHalfWayLeavesTheOldFileAndNothingElse() throws {
    let folder = try TemporaryFolder()
    try folder.write("old", to: "f")
    let outlines = ["a": SafetensorsWriter.Outline(type: .float32, shape: [1])]
    #expect(throws: BadInput.self) {
      try SafetensorsWriter.write(outlines, to: folder.file("f")) { _ throws(BadInput) in
        throw BadInput(problem: "half-way")
      }
    }
    #expect(try Data(contentsOf: folder.file("f")) == Data("old".utf8))
    #expect(try folder.names == ["f"])
  }

  @Test func aFolderThatDoesNotExistIsNamed() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("absent/f")
    let error = #expect(throws: BadInput.self) { try SafetensorsWriter.write([:], to: file) }
    #expect(error?.file == file.path)
  }
}
