import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneReports
import TouchstoneTestSupport
import TouchstoneVerdict

/// Reports on shards, joined, are the report of one run, byte for byte.
@Suite struct MergeTests {
  /// What is judged.
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    var withWeights = true
    var precision = Precision.float32
    var isKept: @Sendable (Activation) -> Bool = { _ in true }
    var change: @Sendable (Activation, inout Tensor<Double>) -> Void = { _, _ in }

    var testDescription: String { name }
  }

  static let cases = [
    Case(name: "right"),
    Case(name: "right, without weights", withWeights: false),
    Case(name: "logits and streams alone", isKept: { ["final/logits", "resid_out"].contains($0.name) }),
    Case(name: "streams alone", withWeights: false, isKept: { $0.name == "resid_out" }),
    Case(name: "a layer left out", isKept: { $0.block?.index != 2 }),
    Case(
      name: "one element",
      change: { activation, tensor in
        if activation.path == "layers/001/mlp_act" { tensor.values[3] += 0.1 }
      }),
    Case(
      name: "NaN in two layers",
      change: { activation, tensor in
        if activation.name == "ln_2", [0, 3].contains(activation.block?.index) { tensor.values[5] = .nan }
      }),
    Case(
      name: "a wrong shape",
      change: { activation, tensor in
        guard activation.path == "layers/003/ln_1" else { return }
        tensor = Tensor(
          Array(tensor.values.dropLast(tensor.rowWidth)), shape: [tensor.rowCount - 1, tensor.rowWidth])
      }),
  ]

  private struct Run {
    let weights: Weights
    let inputs: Inputs
    let golden: Golden
    let capture: RecordedActivations

    init(_ one: Case) throws {
      let configuration = try Configuration(
        vocabularySize: 19, contextLength: 8, width: 12, layerCount: 4, headCount: 3)
      weights = try SyntheticModel.probing.weights(configuration, seed: 5)
      inputs = try Inputs(tokenIDs: [3, 1, 4, 1, 5], configuration: configuration)
      golden = try Golden(weights, inputs)
      var capture = try RecordedActivations(
        of: HonestTransformer(weights, HonestArithmetic.all[0]), inputs: inputs)
      for (activation, tensor) in capture.tensors {
        var changed = tensor
        one.change(activation, &changed)
        capture.tensors[activation] = one.isKept(activation) ? changed : nil
      }
      self.capture = capture
    }

    func report(_ one: Case, layers: LayerRange? = nil, run: String = "a run") throws -> Report {
      let judge = Judge(weights: one.withWeights ? weights : nil, depth: .whole(), layers: layers)
      return Report(
        verdict: try judge.verdict(on: capture, golden: golden), golden: "golden.h5", capture: "capture.h5",
        implementation: "an engine", run: run)
    }

    func shard(_ one: Case, _ layers: Range<Int>, run: String = "a run") throws -> (file: String, text: Data)
    {
      let report = try report(one, layers: LayerRange(layers), run: run)
      return (file: "\(layers.lowerBound).json", text: Data(report.json().utf8))
    }
  }

  @Test(.clause("FIL-33"), arguments: cases, [[0..<1, 1..<2, 2..<3, 3..<4], [2..<4, 0..<2]])
  func shardsMergeIntoTheReportOfOneRun(_ one: Case, _ shards: [Range<Int>]) throws {
    let run = try Run(one)
    let whole = try run.report(one)
    let merged = try Report(merging: shards.map { try run.shard(one, $0) })
    #expect(merged.json() == whole.json())
    #expect(merged.terminal() == whole.terminal())
    #expect(merged.markdown() == whole.markdown())
    #expect(merged.junit() == whole.junit())
  }

  @Test(.clause("FIL-33")) func whatDoesNotFitTogetherIsRefused() throws {
    let one = Self.cases[0]
    let run = try Run(one)
    let (first, second) = (try run.shard(one, 0..<2), try run.shard(one, 2..<4))
    func refusal(_ shards: [(file: String, text: Data)]) -> String? {
      do throws(BadInput) {
        _ = try Report(merging: shards)
        return nil
      } catch {
        return error.description
      }
    }
    #expect(refusal([first, second]) == nil)
    #expect(refusal([])?.contains("no shard") == true)
    #expect(refusal([first])?.contains("2..<4 are in none") == true)
    #expect(refusal([second])?.contains("0..<2 are in none") == true)
    #expect(refusal([first, second, try run.shard(one, 1..<3)])?.contains("overlap") == true)
    #expect(refusal([first, try run.shard(one, 2..<4, run: "another")])?.contains("another run") == true)
    #expect(
      refusal([first, ("whole.json", Data(try run.report(one).json().utf8))])?.contains(
        "no report of a shard") == true)
    let cut = String(decoding: second.text, as: UTF8.self).replacing("\"zone\"", with: "\"Zone\"")
    #expect(refusal([first, ("cut.json", Data(cut.utf8))])?.contains("cut.json") == true)
    #expect(refusal([first, ("text.json", Data("[".utf8))])?.contains("text.json") == true)
  }
}
