import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneFaults
import TouchstoneHDF5
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport
import TouchstoneVerdict

/// The reference against somebody else's arithmetic: Hugging Face transformers in float64.
@Suite struct IndependentTests {
  private static let tolerance = 1e-12

  @Test(arguments: [
    ("shakespeare-gpt2-prompt-1.h5", "shakespeare-gpt2", "", 66),
    ("gpt2-odd-a.h5", "gpt2-odd-a", "T1", 51), ("gpt2-odd-a.h5", "gpt2-odd-a", "T7", 51),
    ("gpt2-odd-a.h5", "gpt2-odd-a", "T19", 51),
  ])
  func everyActivationIsHuggingFaces(name: String, model: String, group: String, count: Int) throws {
    let file = try IndependentFile(name, model: model, group: group)
    #expect(file.weightsDigests.recorded == .text(file.weightsDigests.actual))
    let graph = file.checkpoint.weights.graph
    let inputs = try Inputs(tokenIDs: file.tokenIDs, graph: graph)
    var compared = Set<String>()
    func compare(_ path: String, _ actual: Tensor<Double>) throws {
      let deviation = deviation(actual, from: try file.tensor(path))
      #expect(deviation <= Self.tolerance, "\(path): \(deviation) of the greatest magnitude")
      #expect(compared.insert(path).inserted, "\(path) is compared twice")
    }
    try ReferenceTransformer(file.checkpoint.weights).forward(inputs) { activation, value in
      try compare(activation.independentPath, value)
      guard activation.point == .probabilities else { return }
      try compare("final/log_probs", Tensor(value.values.map { log($0) }, shape: value.shape))
      let losses = (0..<inputs.count - 1).map { -log(value[$0, inputs.tokenIDs[$0 + 1]]) }
      if !losses.isEmpty { try compare("final/nll", Tensor(losses, shape: [losses.count])) }
    }
    let perToken = group == "T1" ? 1 : 2
    #expect(compared.count == count + perToken)
    let others = file.datasets.keys.filter { !$0.hasPrefix("greedy/") && !$0.hasPrefix("sampling/") }
    #expect(compared == Set(others), "some of the file was not compared")
  }

  @Test func greedyTextIsHuggingFaces() throws {
    let file = try IndependentFile("shakespeare-gpt2-prompt-1.h5", model: "shakespeare-gpt2")
    let expected = try file.integers("greedy/tokens")
    #expect(expected.count == 80)
    #expect(Array(expected.prefix(16)) == file.tokenIDs)
    var reference = ReferenceTransformer(file.checkpoint.weights)
    var sampler = Sampler(options: try SamplingOptions(temperature: 0), seed: 0)
    var tokens = file.tokenIDs
    let ending = try Generation(maximumTokens: 64).run(
      prompt: file.tokenIDs, predictor: &reference, sampler: &sampler
    ) { event in
      if case .token(let token) = event { tokens.append(token) }
    }
    #expect(ending == .maximumReached)
    #expect(tokens == expected)
  }

  @Test func theMarginsOfGreedyChoicesAreHuggingFaces() throws {
    let file = try IndependentFile("shakespeare-gpt2-prompt-1.h5", model: "shakespeare-gpt2")
    let tokens = try file.integers("greedy/tokens")
    let inputs = try Inputs(tokenIDs: Array(tokens.dropLast()), graph: file.checkpoint.weights.graph)
    var margins = [Double]()
    var greatestLogit = 0.0
    ReferenceTransformer(file.checkpoint.weights).forward(inputs) { activation, value in
      guard activation.point == .logits else { return }
      greatestLogit = value.values.map(abs).max() ?? 0
      for row in 15..<79 {
        let best = value.row(row).sorted(by: >).prefix(2)
        margins.append(best[0] - best[1])
      }
    }
    let expected = try file.tensor("greedy/top2_margin")
    #expect(margins.count == 64 && expected.count == 64)
    for (margin, other) in zip(margins, expected.values) {
      #expect(abs(margin - other) <= Self.tolerance * greatestLogit)
    }
  }

  /// What is certain must be what somebody else's arithmetic chose, and nearly everything is.
  @Test(.clause("SAM-20")) func certainChoicesAreHuggingFaces() throws {
    let file = try IndependentFile("shakespeare-gpt2-prompt-1.h5", model: "shakespeare-gpt2")
    let tokens = try file.integers("greedy/tokens")
    let inputs = try Inputs(tokenIDs: Array(tokens.dropLast()), graph: file.checkpoint.weights.graph)
    let weights = file.checkpoint.weights
    let logits = try #require(
      RecordedActivations(weights: weights, inputs: inputs).tensors[Activation(.logits)])
    let floor = try #require(NoiseFloor.measured(weights, inputs: inputs)[Activation(.logits)])
    let certificate = TokenCertificate(
      logits: logits, radii: floor.values.map { TokenCertificate.allowance * $0 })
    let positions = 15..<79
    for position in positions {
      #expect(certificate.argMax(at: position).admits([tokens[position + 1]]))
    }
    #expect(positions.filter { certificate.argMax(at: $0).isCertain }.count >= 60)
  }

  @Test func theDistributionsOfSamplingAreHuggingFaces() throws {
    let file = try IndependentFile("shakespeare-gpt2-prompt-1.h5", model: "shakespeare-gpt2")
    let logits = try ReferenceTransformer(file.checkpoint.weights).nextTokenLogits(after: file.tokenIDs)
    let paths = file.datasets.keys.filter { $0.hasPrefix("sampling/") }.sorted()
    #expect(paths.count == 60)
    for path in paths {
      let expected = try file.tensor(path)
      let actual = nextTokenDistribution(logits, options: try Self.options(path))
      #expect(expected.shape == [512] && actual.count == 512)
      for (id, (one, other)) in zip(actual, expected.values).enumerated() {
        #expect(abs(one - other) <= Self.tolerance, "\(path): token \(id)")
        #expect((one == 0) == (other == 0), "\(path): token \(id) is kept by one of the two")
      }
    }
  }

  /// What a name such as `sampling/t0.7_k40_p0.95` says; k = 0 and p = 1.0 are off.
  private static func options(_ path: String) throws -> SamplingOptions {
    let fields = path.dropFirst("sampling/".count).split(separator: "_")
    let temperature = try #require(Double(fields[0].dropFirst()))
    let topK = try #require(Int(fields[1].dropFirst()))
    let topP = try #require(Double(fields[2].dropFirst()))
    return try SamplingOptions(
      temperature: temperature, topK: topK == 0 ? nil : topK, topP: topP == 1 ? nil : topP)
  }
}
