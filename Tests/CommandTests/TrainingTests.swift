import Foundation
import Testing
import TouchstoneTestSupport

/// The backward pass from the command line.
@Suite struct TrainingTests {
  @Test(
    .clause("LOS-2", "LOS-4"),
    arguments: [
      [], ["--targets", "next", "--reduction", "mean", "--loss-scale", "1024"],
      ["--targets", "1,-100,4,1,5", "--reduction", "sum", "--label-smoothing", "0.1"],
      ["--targets=-100,1,4,1,5", "--divisor", "7.5", "--padding-index", "1"],
      ["--padding-index", "none"],
    ])
  func aBackwardPassIsRecordedCapturedAndJudged(options: [String]) throws {
    let options = (["--backward"] + options).joined(separator: " ")
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      let result = try program.shell(
        """
        set -e
        touchstone record --model model --tokens 3,1,4,1,5 \(options) --out training.h5
        touchstone capture --model model --golden training.h5 --implementation reference --out capture.h5
        touchstone diff training.h5 capture.h5 --model model
        touchstone record --model model --inputs training.h5 --out again.h5
        cmp training.h5 again.h5
        """)
      #expect(result.code == 0, "\(result)")
      #expect(result.output.contains("\nCONSISTENT  all "), "\(result)")
      #expect(result.output.contains("\ngrad layers 000–001\n"), "\(result)")
      #expect(result.output.contains("\ngrad/weights/transformer.wte.weight "), "\(result)")
    }
  }

  /// The same model and sequence with another loss is another pass, which is said of the loss.
  @Test(.clause("LOS-2")) func aCaptureOfAnotherLossIsToldFromOneOfAnotherModel() throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      let result = try program.shell(
        """
        for sum in mean sum; do
          touchstone record --model model --tokens 3,1,4,1,5 --backward --reduction $sum --out $sum.h5
        done
        touchstone capture --model model --golden sum.h5 --implementation reference --out capture.h5
        touchstone diff mean.h5 capture.h5 --model model 2>&1; echo code $?
        """)
      #expect(result.output.contains("code 2\n"), "\(result)")
      #expect(result.output.contains("inputs: the attributes of its loss (reduction, "), "\(result)")
    }
  }

  @Test func whatCannotBeTrainedIsRefusedInASentence() throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      for (options, sentence) in [
        ("--targets next", "add --backward"),
        ("--backward --targets 1,2", "targets: has 2 entries for 5 tokens"),
        ("--backward --targets 1,2,3,4,100000", "outside the vocabulary"),
        ("--backward --targets=-100,-100,-100,-100,-100", "nothing is asked for"),
        ("--backward --divisor 0", "divides by 0"), ("--backward --label-smoothing 1", "smooths labels by 1"),
        ("--backward --padding-index -1", "padding-index"), ("--padding-index 1", "add --backward"),
        ("--backward --padding-index 13", "--padding-index: is 13, and the model has 13 ids"),
      ] {
        let result = try program.shell(
          "touchstone record --model model --tokens 3,1,4,1,5 \(options) --out no.h5 2>&1; echo code $?; ls no.h5 2>&1"
        )
        #expect(result.output.contains("code 2") || result.output.contains("code 64"), "\(result)")
        #expect(result.output.contains(sentence), "\(options): \(result)")
        #expect(result.output.contains("No such file"), "\(options): \(result)")
      }
    }
  }
}
