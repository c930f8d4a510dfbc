import Foundation
import Testing
import TouchstoneTestSupport

/// Parts of a model recorded, captured and judged by themselves.
@Suite struct ShardTests {
  @Test(.clause("FIL-32", "FIL-33")) func shardsAreRecordedCapturedJudgedAndMerged() throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      let result = try program.shell(
        """
        set -e
        m="--model model"; tokens="--tokens 3,1,4,1,5"
        for s in "0..<1" "1..<2"; do
          touchstone record $m $tokens --layers "$s" --out "golden-$s.h5"
          touchstone capture $m --golden "golden-$s.h5" --layers "$s" --out "capture-$s.h5"
          touchstone diff "golden-$s.h5" "capture-$s.h5" $m
          touchstone diff "golden-$s.h5" "capture-$s.h5" $m --json > "apart-$s.json"
        done
        touchstone merge apart-*.json
        touchstone capture --golden golden.h5 --out capture.h5
        for s in "0..<1" "1..<2"; do
          touchstone diff golden.h5 capture.h5 --layers "$s" --json > "$s.json"
        done
        touchstone diff golden.h5 capture.h5 --json > whole.json
        touchstone merge ?..*.json --json > merged.json
        cmp whole.json merged.json
        touchstone diff golden.h5 capture.h5 --junit whole.xml --markdown whole.md > whole.txt
        touchstone merge ?..*.json --junit merged.xml --markdown merged.md > merged.txt
        touchstone merge ?..*.json --junit merged.xml --overwrite > merged.txt
        for form in txt xml md; do cmp whole.$form merged.$form; done
        touchstone inspect "golden-1..<2.h5" --json | grep layers
        """)
      #expect(result.code == 0, "\(result)")
      #expect(result.output.contains("layers 1..<2 of 2"))
      for arguments in [
        ["record", "--model", "model", "--tokens", "3,1,4,1,5", "--layers", "0..<1", "--out", "again.h5"],
        ["capture", "--golden", "golden.h5", "--layers", "0..<1", "--out", "once-more.h5"],
        ["diff", "golden.h5", "capture.h5", "--layers", "0..<1", "--json"],
        [
          "merge", "0..<1.json", "1..<2.json", "--json", "--junit", "n.xml", "--markdown", "n.md",
          "--overwrite",
        ],
      ] {
        let again = try program.touchstone(arguments)
        #expect(again.code == 0, "\(again)")
      }
      let searched = try program.touchstone(
        "merge", "0..<1.json", "1..<2.json", "--golden", "golden.h5", "--capture", "capture.h5", "--model",
        "model",
        "--trust", ".", "--json")
      #expect(try searched.output == String(contentsOfFile: program.path("whole.json"), encoding: .utf8))
      #expect(result.output.contains("\"layers\" : \"1..<2\""))
    }
  }

  @Test func mergeLooksForCausesInBothFiles() throws {
    try Program.inFolder { program in
      let result = try program.touchstone("merge", "1.json", "2.json", "--golden", "golden.h5")
      #expect(result.code == 64 && result.errors.contains("given together"), "\(result)")
      let model = try program.touchstone("merge", "1.json", "2.json", "--model", "model")
      #expect(model.code == 64 && model.errors.contains("which are not given"), "\(model)")
    }
  }

  private static let unfitting = [
    ("merge 0..1.json", "0..<1 are in none"), ("merge 0..1.json 1..2.json 1..2.json", "overlap"),
    ("merge 1..2.json golden.h5", "golden.h5"), ("diff golden.h5 capture.h5 --layers '1..<3'", "2 layers"),
    ("diff golden-1.h5 capture.h5 --layers '0..<2'", "golden-1.h5"),
    ("merge whole-0.json 1..2.json --golden golden.h5 --capture other.h5", "other.h5"),
    ("record --model model --tokens 1 --layers '2..<3' --out more.h5", "2 layers"),
    ("capture --golden golden.h5 --layers '0..<9' --out more.h5", "2 layers"),
  ]

  @Test(.clause("FIL-32")) func whatDoesNotFitIsRefusedInOneSentence() throws {
    try Program.inFolder { program in
      _ = try TinyModel().record(program)
      let made = try program.shell(
        """
        set -e
        touchstone capture --golden golden.h5 --out capture.h5
        touchstone record --model model --tokens 3,1,4,1,5 --layers "1..<2" --out golden-1.h5
        touchstone record --model model --tokens 3,1,4 --out other-golden.h5
        touchstone capture --model model --golden other-golden.h5 --out other.h5
        touchstone diff golden.h5 capture.h5 --layers "1..<2" --json > 1..2.json
        touchstone diff golden.h5 capture.h5 --layers "0..<1" --json > whole-0.json
        cp 1..2.json 0..1.json
        """)
      #expect(made.code == 0, "\(made)")
      for (command, said) in Self.unfitting {
        let result = try program.shell("touchstone " + command)
        #expect(result.code == 2, "\(result)")
        #expect(result.errors.contains(said), "\(command): \(result)")
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(!program.files.contains("more.h5"))
      }
    }
  }
}
