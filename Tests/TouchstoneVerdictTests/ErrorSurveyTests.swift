import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel

@testable import TouchstoneVerdict

/// What a page shows of the errors of one operation.
@Suite struct ErrorSurveyTests {
  /// [head 2, token 3, unit 4], zero by the definition, with a bound of 1 everywhere.
  private func survey(_ errors: [Int: Double], isJudged: (Int) -> Bool = { _ in true }) -> ErrorSurvey {
    let want = Tensor(repeating: 0.0, shape: [2, 3, 4])
    var got = want
    for (offset, error) in errors { got.values[offset] = error }
    return ErrorSurvey(
      got: got, want: want, axes: [.head(2), .token, .unit(4)], isJudged: isJudged, bound: { _ in 1 })
  }

  @Test func everyJudgedElementIsCountedOnceByTheSizeOfItsError() {
    let survey = survey([0: 1, 5: 1.5, 7: 0x1p-30, 9: 1e9, 11: .nan]) { $0 < 20 }
    #expect(survey.count == 20 && survey.exactCount == 15)
    #expect(survey.histogram.reduce(0, +) == 5)
    let power = { (k: Int) in survey.histogram[k - ErrorSurvey.powers.lowerBound] }
    // The bound itself is within; what is no number is beyond everything.
    #expect(power(-1) == 1 && power(0) == 1)
    #expect(survey.histogram.first == 1 && survey.histogram.last == 2)
  }

  @Test func profilesAndMapHoldTheGreatestErrorOfEachPlace() throws {
    let survey = survey([0: 0.5, 13: 3, 23: 0.25])
    #expect(survey.profiles.map(\.axis) == ["head", "token", "unit"])
    #expect(survey.profiles[0].values == [0.5, 3])
    #expect(survey.profiles[1].values == [3, 0, 0.25])
    #expect(survey.profiles[2].values == [0.5, 3, 0, 0.25])
    let map = try #require(survey.map)
    #expect(map.rows.axis == "head" && map.columns.axis == "token")
    #expect(map.values == [0.5, 0, 0, 3, 0, 0.25])
  }

  @Test func theWorstOfEachRowComesWithItsNeighbours() throws {
    let survey = survey([0: 0.5, 1: 4, 13: 3, 23: 0.25])
    #expect(survey.worst.map(\.element.index) == [[0, 0, 1], [1, 0, 1], [1, 2, 3], [0, 1, 0]])
    #expect(survey.worst[0].neighbours.map(\.index) == [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 3]])
    #expect(survey.worst[0].element.ratio == 4 && survey.worst[0].element.bound == 1)
  }

  @Test func whatIsNotJudgedHasNoError() {
    let survey = survey([0: 9]) { $0 >= 12 }
    #expect(survey.profiles[0].values == [-1, 0] && survey.histogram.allSatisfy { $0 == 0 })
  }

  @Test func largeTensorsAreTakenTogether() throws {
    let want = Tensor(repeating: 0.0, shape: [300, 1000])
    var got = want
    got.values[299 * 1000 + 999] = 2
    let survey = ErrorSurvey(
      got: got, want: want, axes: [.token, .unit(1000)], isJudged: { _ in true }, bound: { _ in 1 })
    #expect(survey.profiles.allSatisfy { $0.values.count <= 96 && $0.values.last == 2 })
    let map = try #require(survey.map)
    #expect(map.values.count <= 32 * 64 && map.values.last == 2)
  }

  /// A survey is of what the verdict compared: it changes nothing of the verdict, and agrees with it.
  @Test func surveysAgreeWithTheFindings() throws {
    let weights = try Sample.visible.weights()
    var capture = try RecordedActivations(
      of: HonestTransformer(weights, HonestArithmetic("lanes", .lanes(8, fused: true))),
      inputs: Sample.visible.inputs(weights.graph))
    let wrong = Activation(.feedForwardActivation, layer: 1)
    let values = try #require(capture.tensors[wrong])
    capture.tensors[wrong] = Tensor(values.values.map { 1.01 * $0 }, shape: values.shape)
    let plain = try Judge(weights: weights).verdict(on: capture)
    let surveyed = try Judge(weights: weights, surveysErrors: true).verdict(on: capture)
    #expect(plain.findings.allSatisfy { $0.survey == nil })
    #expect(plain.findings.map(\.ratio) == surveyed.findings.map(\.ratio))
    for finding in surveyed.findings {
      let survey = try #require(finding.survey, "\(finding.activation)")
      let worst = survey.worst.first?.element.ratio
      #expect(worst == finding.ratio || survey.count == 0, "\(finding.activation)")
      if finding.activation.name == "attn_context" {
        #expect(survey.profiles.map(\.axis) == ["token", "head", "unit"])
      }
    }
    #expect(surveyed.flagged.first?.activation == wrong)
  }

  /// What is quoted of the specification is in it, and the last is of a bound.
  @Test func everyOperationNamesItsClauses() throws {
    let graph = try Sample.visible.weights().graph
    for operation in graph.operations {
      let clauses = graph.clauses(of: operation.output)
      #expect(clauses.count >= 2 && clauses.last?.hasPrefix("BND-") == true, "\(operation.output)")
    }
    #expect(graph.clauses(of: Activation(.logits)).first == "UNE-1")
    #expect(graph.clauses(of: Activation(.query, layer: 0)).first == "ATT-1")
    #expect(graph.clauses(of: Activation(.attentionOutput, layer: 0)).first == "ATT-18")
    #expect(graph.clauses(of: Activation(.feedForwardInput, layer: 0)).first == "FFN-1")
    #expect(graph.clauses(of: Activation(.feedForwardOutput, layer: 0)).first == "FFN-12")
    #expect(graph.clauses(of: Activation(.residualMiddle, layer: 0)).first == "RES-3")
    #expect(graph.clauses(of: Activation(.residualOut, layer: 0)).first == "RES-4")
    #expect(graph.clauses(of: Activation(.keyCache, layer: 0)) == ["ATT-26"])
  }
}
