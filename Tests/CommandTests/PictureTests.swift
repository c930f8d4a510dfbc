import Foundation
import Testing
import TouchstoneTestSupport

/// Models that read arrays, through the program: what makes no sense of them is refused by name.
@Suite struct PictureCommandTests {
  private static let root = Program.checkout.appending(
    path: "Tests/TouchstoneFamiliesTests/Fixtures/families")

  @Test(.clause("PIC-1"), arguments: ["vit-labels", "clip_vision-shared", "dit_block-odd"])
  func whatNeedsTextIsRefusedAndSaysWhatToDo(name: String) throws {
    let model = Self.root.appending(path: name).path
    let array = name.hasPrefix("dit") ? "hidden" : "pixel_values"
    try Program.inFolder { program in
      try "a text".write(to: program.folder.appending(path: "text.txt"), atomically: true, encoding: .utf8)
      for arguments in [
        ["generate", "--model", model, "--prompt", "a"], ["score", "--model", model, "--text", "text.txt"],
        ["record", "--model", model, "--tokens", "1,2", "--out", "golden.h5"],
        ["attention", "--model", model, "--tokens", "1,2", "--layer", "0"],
      ] {
        let refused = try program.touchstone(arguments)
        #expect(refused.code == 2 && refused.errors.contains(array), "\(arguments): \(refused)")
        #expect(refused.errors.contains("--inputs"), "\(refused)")
      }
      let counted = try program.touchstone("anatomy", "--model", model)
      #expect(counted.code == 0, "\(counted)")
    }
  }
}
