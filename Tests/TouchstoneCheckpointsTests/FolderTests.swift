import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneModel

@Suite struct FolderTests {
  private func refusal(_ directory: URL) -> String {
    let error = #expect(throws: BadInput.self) { try Checkpoint(directory: directory) }
    #expect(error?.remedy != nil)
    return error?.description ?? ""
  }

  @Test func aMissingFolderIsRefused() throws {
    let folder = try TemporaryFolder()
    #expect(refusal(folder.file("absent")).contains("there is no such folder"))
  }

  @Test func aFileInPlaceOfAFolderIsRefused() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(SmallModel.tensors(), to: folder)
    #expect(refusal(folder.file("model.safetensors")).contains("is a file, not a folder"))
  }

  @Test(.enabled(if: geteuid() != 0, "root may read every folder"))
  func anUnreadableFolderIsRefused() throws {
    let folder = try TemporaryFolder()
    chmod(folder.url.path, 0)
    defer { chmod(folder.url.path, 0o700) }
    #expect(refusal(folder.url).contains("cannot be read"))
  }

  @Test func aFolderWithoutConfigurationIsRefused() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(SmallModel.tensors(), to: folder)
    try FileManager.default.removeItem(at: folder.file("config.json"))
    #expect(refusal(folder.url).contains("config.json: cannot be opened"))
  }

  @Test func aFolderWithoutWeightsIsRefused() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(nil, to: folder)
    #expect(refusal(folder.url).contains("neither model.safetensors nor model.safetensors.index.json"))
  }

  @Test(arguments: ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "tf_model.h5"])
  func weightsOfAnotherFormatAreNamedWithTheWayToConvertThem(name: String) throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(nil, to: folder)
    try folder.write("", to: name)
    let text = refusal(folder.url)
    #expect(text.contains("holds \(name) but no model.safetensors"))
    #expect(text.contains("save_pretrained"))
  }

  @Test(arguments: ["config.json", "model.safetensors"])
  func aFolderInPlaceOfAFileIsRefused(name: String) throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(SmallModel.tensors(), to: folder)
    try FileManager.default.removeItem(at: folder.file(name))
    try FileManager.default.createDirectory(at: folder.file(name), withIntermediateDirectories: false)
    #expect(refusal(folder.url).contains("\(name): is not a regular file"))
  }

  @Test func aNamedPipeIsRefusedWithoutWaiting() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(nil, to: folder)
    #expect(mkfifo(folder.file("model.safetensors").path, 0o600) == 0)
    #expect(refusal(folder.url).contains("is not a regular file"))
  }

  @Test func symbolicLinksAreFollowed() throws {
    let store = try TemporaryFolder()
    let folder = try TemporaryFolder()
    try SmallModel.write(SmallModel.tensors(), to: store)
    for name in try store.names {
      try FileManager.default.createSymbolicLink(at: folder.file(name), withDestinationURL: store.file(name))
    }
    #expect(try folder.checkpoint().weights.values == store.checkpoint().weights.values)
  }

  @Test func aDanglingLinkIsRefused() throws {
    let folder = try TemporaryFolder()
    try SmallModel.write(nil, to: folder)
    try FileManager.default.createSymbolicLink(
      at: folder.file("model.safetensors"), withDestinationURL: folder.file("absent"))
    #expect(refusal(folder.url).contains("model.safetensors: cannot be opened"))
  }
}
