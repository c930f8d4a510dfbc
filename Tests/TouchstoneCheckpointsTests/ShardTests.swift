import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneModel
import TouchstoneTestSupport

@Suite struct ShardTests {
  /// Writes the small model in three shards and returns the index's map.
  private func writeShards(to folder: TemporaryFolder) throws -> [String: String] {
    try SmallModel.write(nil, to: folder)
    var shards = [String: [String: StoredTensor]]()
    var map = [String: String]()
    for (number, (name, tensor)) in try SmallModel.tensors().sorted(by: { $0.key < $1.key }).enumerated() {
      let file = "model-0000\(number % 3 + 1)-of-00003.safetensors"
      shards[file, default: [:]][name] = tensor
      map[name] = file
    }
    for (file, tensors) in shards { try SafetensorsWriter.write(tensors, to: folder.file(file)) }
    return map
  }

  private func writeIndex(_ map: [String: String], to folder: TemporaryFolder) throws {
    let members = map.map { JSONValue.quoted($0) + ": " + JSONValue.quoted($1) }.joined(separator: ", ")
    try folder.write(
      #"{"metadata": {"total_size": 1}, "weight_map": {\#(members)}}"#, to: "model.safetensors.index.json")
  }

  private func refusal(_ folder: TemporaryFolder) -> BadInput? {
    #expect(throws: BadInput.self) { try folder.checkpoint() }
  }

  @Test(.clause("FIL-1")) func shardsHoldTheSameModelAsOneFile() throws {
    let folder = try TemporaryFolder()
    try writeIndex(writeShards(to: folder), to: folder)
    #expect(try folder.checkpoint().weights.values == SmallModel.weights().values)
  }

  @Test func oneFileIsPreferredToShards() throws {
    let folder = try TemporaryFolder()
    try folder.write("not JSON", to: "model.safetensors.index.json")
    try SmallModel.write(SmallModel.tensors(), to: folder)
    #expect(throws: Never.self) { try folder.checkpoint() }
  }

  @Test(arguments: [
    "", "[]", "{}", #"{"weight_map": {}}"#, #"{"weight_map": []}"#, #"{"weight_map": {"a": 3}}"#,
    #"{"weight_map": {"a": null}}"#, #"{"weight_map": {"a": "x", "a": "y"}}"#,
  ])
  func anIndexOfAnotherFormIsRefused(text: String) throws {
    let folder = try TemporaryFolder()
    _ = try writeShards(to: folder)
    try folder.write(text, to: "model.safetensors.index.json")
    #expect(refusal(folder)?.file == folder.file("model.safetensors.index.json").path)
  }

  @Test(arguments: [
    "", ".", "..", "../model.safetensors", "/etc/passwd", "a/b.safetensors", "./model.safetensors", "a\u{0}b",
  ])
  func anIndexMayNotNameAFileOutsideItsFolder(name: String) throws {
    let folder = try TemporaryFolder()
    var map = try writeShards(to: folder)
    map["transformer.wte.weight"] = name
    try writeIndex(map, to: folder)
    let error = refusal(folder)
    #expect(error?.place == "transformer.wte.weight")
    #expect(error?.file == folder.file("model.safetensors.index.json").path)
  }

  @Test func aMissingShardIsNamed() throws {
    let folder = try TemporaryFolder()
    try writeIndex(writeShards(to: folder), to: folder)
    let shard = folder.file("model-00002-of-00003.safetensors")
    try FileManager.default.removeItem(at: shard)
    #expect(refusal(folder)?.description.contains("\(shard.path): cannot be opened") == true)
  }

  @Test func aTensorThatIsNotInItsShardIsNamed() throws {
    let folder = try TemporaryFolder()
    var map = try writeShards(to: folder)
    map["transformer.wte.weight"] =
      map.values.sorted().first { $0 != map["transformer.wte.weight"] }
    try writeIndex(map, to: folder)
    let error = refusal(folder)
    #expect(error?.place == "transformer.wte.weight")
    #expect(error?.problem.hasPrefix("is missing") == true)
  }

  @Test func aTensorInTwoShardsIsRefused() throws {
    let folder = try TemporaryFolder()
    var map = try writeShards(to: folder)
    try SafetensorsWriter.write(
      ["wte.weight": StoredTensor(Tensor<Float>(repeating: 0, shape: [3, 2]))],
      to: folder.file("more.safetensors"))
    map["wte.weight"] = "more.safetensors"
    try writeIndex(map, to: folder)
    #expect(refusal(folder)?.problem.contains("is stored twice") == true)
  }
}
