import Foundation
import Testing
import TouchstoneTestSupport

/// Goldens that are recorded without what takes most of the time.
@Suite struct NoFloorTests {
  @Test(.clause("FIL-29")) func aGoldenWithoutAFloorJudgesByTheWeights() throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      let made = try program.touchstone(
        "record", "--model", program.path("model"), "--tokens", "3,1,4,1,5", "--no-floor", "--out",
        program.path("bare.h5"))
      #expect(made.code == 0, "\(made)")
      let result = try program.shell(
        """
        set -e
        touchstone capture --model model --golden bare.h5 --out capture.h5
        touchstone diff bare.h5 capture.h5 --model model
        touchstone inspect bare.h5 --json | grep -i floor
        """)
      #expect(result.code == 0, "\(result)")
      #expect(result.output.contains("\"noiseFloorCount\" : 0"), "\(result)")
      let without = try program.shell("touchstone diff bare.h5 capture.h5")
      #expect(without.output.contains("the golden has no noise floor"), "\(without)")
    }
  }
}
