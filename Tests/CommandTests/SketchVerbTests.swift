import Foundation
import Testing
import TouchstoneTestSupport

/// Sketches in place of activations, as the program writes and judges them.
@Suite struct SketchVerbTests {
  @Test(.clause("FIL-34")) func sketchesOfAGoldenAndOfACaptureAreCompared() throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      let result = try program.shell(
        """
        set -e
        touchstone record --model model --tokens 3,1,4,1,5 --sketch --out golden-s.h5
        touchstone sketch golden.h5 --out made.h5
        touchstone capture --golden golden.h5 --out capture.h5
        touchstone sketch capture.h5 --out capture-s.h5
        touchstone sketch capture.h5 --out capture-s.h5 --overwrite --trust capture.h5
        touchstone diff golden-s.h5 capture-s.h5
        touchstone diff golden.h5 capture-s.h5
        touchstone diff golden-s.h5 capture.h5
        touchstone diff golden-s.h5 capture.h5 --model model --json > replayed.json
        touchstone diff golden-s.h5 capture-s.h5 --json > sketched.json
        grep -q '"method": "replay"' replayed.json
        grep -q '"method": "sketch"' sketched.json
        cmp golden-s.h5 made.h5
        """)
      #expect(result.code == 0, "\(result)")
      for arguments in [
        [
          "record", "--model", "model", "--tokens", "3,1,4,1,5", "--sketch", "--out", "golden-s.h5",
          "--overwrite",
        ],
        ["sketch", "capture.h5", "--out", "capture-s.h5", "--overwrite", "--trust", "capture.h5"],
      ] {
        let again = try program.touchstone(arguments)
        #expect(again.code == 0, "\(again)")
      }
      for (command, said) in [
        ("sketch capture-s.h5 --out again.h5", "holds sketches already"),
        ("diff capture-s.h5 capture.h5 --model model", "with a golden's alone"),
        ("sketch nothing.h5 --out again.h5", "nothing.h5"),
      ] {
        let refused = try program.shell("touchstone " + command)
        #expect(refused.code == 2 && refused.errors.contains(said), "\(refused)")
        #expect(!program.files.contains("again.h5"))
      }
    }
  }
}
