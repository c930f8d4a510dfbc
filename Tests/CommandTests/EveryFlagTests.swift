import Foundation
import Testing

/// Every option of every verb is given to the program by a test.
@Suite struct EveryFlagTests {
  /// By verb and option, the test that gives it and sees what it does.
  private static let tests: [String: [String: String]] = [
    "generate": [
      "--model": "greedyTextIsTheSameEachTimeAndByEachImplementation",
      "--prompt": "greedyTextIsTheSameEachTimeAndByEachImplementation",
      "--max-tokens": "aSeedDeterminesTheText", "--temperature": "aSeedDeterminesTheText",
      "--top-k": "aSeedDeterminesTheText", "--top-p": "aSeedDeterminesTheText",
      "--seed": "aSeedDeterminesTheText",
      "--implementation": "greedyTextIsTheSameEachTimeAndByEachImplementation",
      "--stop-at-context": "aFullContextIsSaidOnceOrEndsTheText",
      "--allow-any-temperature": "aTemperatureAboveTwoIsAcceptedWhenAsked",
      "--system": "aConversationIsPlainTextThatTheModelContinues",
      "--show-distribution": "theDistributionHasAsManyRowsAsAsked",
      "--count": "theDistributionHasAsManyRowsAsAsked", "--picture": "picturesAreWrittenBesideTheText",
      "--json": "theDistributionHasAsManyRowsAsAsked", "--overwrite": "picturesAreReplacedOnlyWhenTold",
      "--source": "aSourceIsAnsweredGreedily", "--audio": "aSoundIsWrittenDownGreedily",
    ],
    "record": [
      "--model": "theSameInputsGiveTheSameBytes", "--prompt": "theSameInputsGiveTheSameBytes",
      "--tokens": "positionsAndMaskAreThoseGiven", "--attention-mask": "positionsAndMaskAreThoseGiven",
      "--token-types": "tokenTypesAreThoseGiven", "--source": "aSourceIsReadByItsTokenizer",
      "--audio": "aSoundIsRecordedCapturedJudgedAndLookedAt",
      "--source-tokens": "aSourceIsThatGiven", "--source-mask": "aSourceIsThatGiven",
      "--position-ids": "positionsAndMaskAreThoseGiven", "--out": "positionsAndMaskAreThoseGiven",
      "--embed-weights": "recordAnew", "--overwrite": "anExistingFileIsNotReplacedUnlessAsked",
      "--inputs": "theInputsOfAFileOfAnyKindAreRecordedAgain",
      "--trust": "whatTheUserTrustsIsReadWithoutAChild",
      "--no-floor": "aGoldenWithoutAFloorJudgesByTheWeights",
      "--layers": "shardsAreRecordedCapturedJudgedAndMerged",
      "--sketch": "sketchesOfAGoldenAndOfACaptureAreCompared",
      "--backward": "aBackwardPassIsRecordedCapturedAndJudged",
      "--targets": "aBackwardPassIsRecordedCapturedAndJudged",
      "--reduction": "aBackwardPassIsRecordedCapturedAndJudged",
      "--divisor": "aBackwardPassIsRecordedCapturedAndJudged",
      "--loss-scale": "aBackwardPassIsRecordedCapturedAndJudged",
      "--label-smoothing": "aBackwardPassIsRecordedCapturedAndJudged",
      "--padding-index": "aBackwardPassIsRecordedCapturedAndJudged",
    ],
    "sketch": [
      "--out": "sketchesOfAGoldenAndOfACaptureAreCompared",
      "--overwrite": "sketchesOfAGoldenAndOfACaptureAreCompared",
      "--trust": "sketchesOfAGoldenAndOfACaptureAreCompared",
    ],
    "capture": [
      "--model": "theModelIsFoundWhereTheGoldenHasNoWeights",
      "--golden": "aCaptureIsOfTheImplementationAsked", "--prompt": "positionsAndMaskAreThoseGiven",
      "--tokens": "positionsAndMaskAreThoseGiven", "--attention-mask": "positionsAndMaskAreThoseGiven",
      "--position-ids": "positionsAndMaskAreThoseGiven", "--token-types": "tokenTypesAreThoseGiven",
      "--source": "aSourceIsReadByItsTokenizer", "--source-tokens": "aSourceIsThatGiven",
      "--audio": "aSoundIsRecordedCapturedJudgedAndLookedAt",
      "--source-mask": "aSourceIsThatGiven",
      "--implementation": "aCaptureIsOfTheImplementationAsked", "--out": "aCaptureIsOfTheImplementationAsked",
      "--overwrite": "positionsAndMaskAreThoseGiven", "--trust": "whatTheUserTrustsIsReadWithoutAChild",
      "--layers": "shardsAreRecordedCapturedJudgedAndMerged",
    ],
    "diff": [
      "--model": "theModelIsFoundWhereTheGoldenHasNoWeights", "--report": "reportsAreWrittenInEveryForm",
      "--junit": "reportsAreWrittenInEveryForm", "--markdown": "reportsAreWrittenInEveryForm",
      "--partial": "diffAcceptsAPartialCaptureOnlyWhenAsked",
      "--strict": "diffGrantsNoVarianceInOnePassWhenStrict",
      "--json": "oneChangedElementIsAMismatchAtItsOperation",
      "--overwrite": "aFileThatExistsIsReplacedOnlyWhenTold",
      "--trust": "whatTheUserTrustsIsReadWithoutAChild",
      "--layers": "shardsAreRecordedCapturedJudgedAndMerged",
    ],
    "merge": [
      "--golden": "shardsAreRecordedCapturedJudgedAndMerged",
      "--capture": "shardsAreRecordedCapturedJudgedAndMerged",
      "--model": "shardsAreRecordedCapturedJudgedAndMerged",
      "--trust": "shardsAreRecordedCapturedJudgedAndMerged",
      "--json": "shardsAreRecordedCapturedJudgedAndMerged",
      "--junit": "shardsAreRecordedCapturedJudgedAndMerged",
      "--markdown": "shardsAreRecordedCapturedJudgedAndMerged",
      "--overwrite": "shardsAreRecordedCapturedJudgedAndMerged",
    ],
    "certify": [
      "--top-k": "certifyTakesItsSetsAtTheTemperatureAsked",
      "--top-p": "certifyTakesItsSetsAtTheTemperatureAsked",
      "--temperature": "certifyTakesItsSetsAtTheTemperatureAsked",
      "--json": "certifyTakesItsSetsAtTheTemperatureAsked",
      "--trust": "whatTheUserTrustsIsReadWithoutAChild",
    ],
    "verify": [
      "--exec-all": "oneProcessServesAllGoldens", "--jobs": "aRunIsWrittenInEveryFormUnderStableNames",
      "--junit": "aRunIsWrittenInEveryFormUnderStableNames",
      "--markdown": "aRunIsWrittenInEveryFormUnderStableNames",
      "--sarif": "aRunIsWrittenInEveryFormUnderStableNames",
      "--report": "aRunIsWrittenInEveryFormUnderStableNames",
      "--keep": "ourOwnImplementationLeavesItsCapturesToo",
      "--overwrite": "aRunIsWrittenInEveryFormUnderStableNames",
      "--baseline": "aBaselineLetsPassWhatIsKnownAndSaysWhatIsWorseOrMended",
      "--record": "aBaselineLetsPassWhatIsKnownAndSaysWhatIsWorseOrMended",
      "--implementation": "bothImplementationsPassTheGoldens",
      "--model": "theModelIsFoundWhereTheGoldenHasNoWeights", "--exec": "anyProgramCanBePutThrough",
      "--partial": "verifyAcceptsAPartialCaptureOnlyWhenAsked",
      "--strict": "verifyGrantsNoVarianceInOnePassWhenStrict", "--json": "verifyPrintsAListOfObjects",
      "--timeout": "aProgramThatHangsIsEndedWithAllThatItStarted",
      "--trust": "whatTheUserTrustsIsReadWithoutAChild",
    ],
    "step": [
      "--golden": "aStepIsJudgedRecordedAndComparedWithItsGolden",
      "--out": "aStepIsJudgedRecordedAndComparedWithItsGolden",
      "--junit": "whatIsWrongInAStepIsSaidInEveryForm", "--markdown": "whatIsWrongInAStepIsSaidInEveryForm",
      "--partial": "aStepThatLeavesSomethingOutIsAcceptedOnlyWhenAsked",
      "--overwrite": "aStepIsJudgedRecordedAndComparedWithItsGolden",
      "--trust": "aStepIsJudgedRecordedAndComparedWithItsGolden",
      "--json": "whatIsWrongInAStepIsSaidInEveryForm",
    ],
    "inspect": [
      "--json": "aCaptureOfAGoldenNeedsNoModelWhenTheWeightsAreInside",
      "--trust": "whatTheUserTrustsIsReadWithoutAChild",
    ],
    "synthesize": [
      "--preset": "aSeedDeterminesTheWeightsAndZeroIsTheUsualOne",
      "--out": "aSeedDeterminesTheWeightsAndZeroIsTheUsualOne",
      "--seed": "aSeedDeterminesTheWeightsAndZeroIsTheUsualOne",
      "--inputs": "whatAModelIsGivenIsMadeFromItsNameToo",
    ],
    "extract": [
      "--out": "whatIsExtractedIsTheSameModel", "--trust": "whatTheUserTrustsIsReadWithoutAChild",
    ],
    "power": [
      "--random": "powerRefusesWhatDoesNotGoTogether", "--model": "powerRefusesWhatDoesNotGoTogether",
      "--precision": "powerInANarrowTypeSeesLess", "--peers": "powerHoldsTheFaultsAgainstWhatIsAsked",
      "--causes": "powerHoldsTheFaultsAgainstWhatIsAsked", "--pairs": "powerHoldsTheFaultsAgainstWhatIsAsked",
      "--sample": "powerHoldsTheFaultsAgainstWhatIsAsked", "--seed": "aSeedDrawsTheSample",
      "--json": "object", "--trust": "whatTheUserTrustsIsReadWithoutAChild",
    ],
    "specification": [
      "--clause": "oneClauseIsShownWithAllThatBelongsToIt", "--checkout": "clausesAreListedWithTheirTests",
    ],
    "manifest": [:],
    "bench": [
      "--model": "benchTimesTheJudge", "--preset": "benchUsesTheThreadsAsked",
      "--threads": "benchUsesTheThreadsAsked", "--json": "object", "--curve": "benchDrawsTimeAgainstLength",
      "--kernels": "benchRefusesWhatDoesNotGoTogether", "--judge": "benchTimesTheJudge",
      "--overwrite": "aCurveIsReplacedOnlyWhenTold",
    ],
    "anatomy": [
      "--model": "anatomyReadsTheConfigurationAlone", "--preset": "anatomyCountsGPT3ToTheUnit",
      "--json": "object",
    ],
    "embeddings": [
      "--model": "aWrongCommandLineIsCode64", "--test": "aDirectionIsTestedOnPairs",
      "--by": "theNearestByDotProductNeedNotBeThatByCosine",
      "--count": "wordsAreLookedUpAsWrittenWhenAsked", "--as-written": "wordsAreLookedUpAsWrittenWhenAsked",
      "--json": "wordsAreLookedUpAsWrittenWhenAsked",
      "--sentence": "aSentenceIsTheMeanOfItsTokensOrTheRowOfItsEnd",
      "--implementation": "aSentenceIsTheMeanOfItsTokensOrTheRowOfItsEnd",
    ],
    "attention": [
      "--model": "whatIsMissingIsNamed", "--prompt": "picturesAreWrittenBesideTheText",
      "--tokens": "attentionIsThatOfTheLayerHeadAndSequenceAsked",
      "--attention-mask": "attentionIsThatOfTheLayerHeadAndSequenceAsked",
      "--position-ids": "attentionIsThatOfTheLayerHeadAndSequenceAsked",
      "--token-types": "tokenTypesAreThoseGiven", "--source": "aSourceIsReadByItsTokenizer",
      "--audio": "aSoundIsRecordedCapturedJudgedAndLookedAt",
      "--source-tokens": "aSourceIsThatGiven", "--source-mask": "aSourceIsThatGiven",
      "--part": "aSourceIsThatGiven",
      "--layer": "attentionIsThatOfTheLayerHeadAndSequenceAsked",
      "--head": "attentionIsThatOfTheLayerHeadAndSequenceAsked",
      "--implementation": "attentionIsThatOfTheLayerHeadAndSequenceAsked",
      "--picture": "picturesAreWrittenBesideTheText", "--overwrite": "picturesAreReplacedOnlyWhenTold",
      "--json": "attentionIsThatOfTheLayerHeadAndSequenceAsked",
    ],
    "score": [
      "--model": "whatIsMissingIsNamed", "--text": "theReferencesMeanLossIsHuggingFaces",
      "--stride": "aTextLongerThanTheContextIsScoredInWindows",
      "--implementation": "theReferencesMeanLossIsHuggingFaces",
      "--summary": "theReferencesMeanLossIsHuggingFaces", "--picture": "picturesAreWrittenBesideTheText",
      "--overwrite": "picturesAreReplacedOnlyWhenTold", "--json": "object",
    ],
  ]

  /// The names of what stands under a heading of a help text, a word of each line.
  private func entries(_ help: String, under heading: String) -> [String] {
    let lines = help.split(separator: "\n", omittingEmptySubsequences: false)
    guard let start = lines.firstIndex(where: { $0.hasPrefix(heading) }) else { return [] }
    return lines[(start + 1)...].prefix { !$0.isEmpty }.filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
  }

  @Test func everyOptionOfEveryVerbHasATest() throws {
    try Program.inFolder { program in
      let verbs = entries(try program.touchstone("--help").output, under: "SUBCOMMANDS:")
      #expect(Set(verbs) == Set(Self.tests.keys), "a verb came or went: name the tests of its options")
      for verb in verbs {
        let help = try program.touchstone(verb, "--help").output
        let options = Set(entries(help, under: "OPTIONS:")).subtracting(["--version", "-h,"])
        #expect(
          options == Set(Self.tests[verb, default: [:]].keys),
          "\(verb): an option came or went: name the test that gives it")
      }
    }
  }

  /// The text of each function of these tests, its attributes before it; functions of one name together.
  private static let functions: Result<[String: String], any Error> = Result {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    var functions: [String: String] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where file.hasSuffix(".swift") {
      var (name, text) = ("", "")
      func end() {
        if !name.isEmpty { functions[name, default: ""] += text }
        (name, text) = ("", "")
      }
      for line in try String(contentsOf: folder.appending(path: file), encoding: .utf8).split(separator: "\n")
      {
        if line.hasPrefix("  @Test") { end() }
        if let found = line.firstMatch(of: /^  (?:@Test(?:\(.*?\))? |private |static )*func ([A-Za-z0-9]+)/) {
          if !name.isEmpty { end() }
          name = String(found.1)
        }
        text += line + "\n"
      }
      end()
    }
    return functions
  }

  @Test(arguments: tests.keys.sorted())
  func theNamedTestGivesTheOption(verb: String) throws {
    let functions = try Self.functions.get()
    for (option, name) in Self.tests[verb, default: [:]] {
      let body = try #require(functions[name], "there is no test \(name)")
      #expect(
        body.contains("\"\(option)\"") || body.contains("\"\(option)="),
        "\(name) does not give \(option) to \(verb)")
    }
  }
}
