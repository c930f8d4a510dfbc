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
    /// Faults of the catalogue, each wherever it has a place.
    var faults: [String] = []

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

  /// What is wrong in several layers, for which one search over all of them knows more than one in each.
  static let wrongInManyLayers =
    cases + [
      Case(name: "GELU everywhere", faults: ["gelu.quick"]),
      Case(name: "scores and GELU everywhere", faults: ["attention.scale-by-model-head", "gelu.clamped-3"]),
      Case(
        name: "another number in each layer",
        change: { activation, tensor in
          guard activation.name == "attn_out", let layer = activation.block?.index else { return }
          for index in tensor.values.indices { tensor.values[index] *= 1 + 0.25 * Double(layer + 1) }
        }),
      Case(
        name: "half precision everywhere",
        change: { _, tensor in tensor.values = tensor.values.map { Double(Float16($0)) } }),
      Case(
        name: "bfloat16", precision: Precision(.bfloat16),
        change: { activation, tensor in if activation.name == "mlp_out" { tensor.values[0] += 1 } }),
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
      let graph = weights.graph
      let faults = Fault.catalogue(of: graph).filter { one.faults.contains($0.id) }
      let planted = faults.flatMap { fault in fault.sites(in: graph).map { ($0.output, fault) } }
      var capture =
        planted.isEmpty && one.precision == .float32
        ? try RecordedActivations(of: HonestTransformer(weights, HonestArithmetic.all[0]), inputs: inputs)
        : RecordedActivations(
          weights: weights, inputs: inputs, precision: one.precision,
          planting: Dictionary(planted, uniquingKeysWith: { first, _ in first }))
      for (activation, tensor) in capture.tensors {
        var changed = tensor
        one.change(activation, &changed)
        capture.tensors[activation] = one.isKept(activation) ? changed : nil
      }
      self.capture = capture
    }

    func report(
      _ one: Case, layers: LayerRange? = nil, run: String = "a run", known: Verdict? = nil
    ) throws -> Report {
      var judge = Judge(weights: one.withWeights ? weights : nil, depth: .whole(), layers: layers)
      judge.known = known
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

  /// With the files at hand nothing differs, whatever is wrong.
  @Test(.clause("FIL-33"), arguments: wrongInManyLayers)
  func withBothFilesTheCausesAreThoseOfOneRun(_ one: Case) throws {
    let run = try Run(one)
    let whole = try run.report(one)
    let joined = try Report(merging: [2..<4, 0..<1, 1..<2].map { try run.shard(one, $0) })
    let searched = try run.report(one, known: joined.verdict)
    #expect(searched.json() == whole.json())
    #expect(searched.terminal() == whole.terminal())
    #expect(searched.markdown() == whole.markdown())
    #expect(searched.junit() == whole.junit())
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
