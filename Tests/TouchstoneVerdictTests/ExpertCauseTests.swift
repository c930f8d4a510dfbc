import Foundation
import Testing
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneFaults
@testable import TouchstoneVerdict

/// Routers and experts of wrong programs: where they begin, and what they are.
extension ExpertTests {
  /// Each is planted where it can be, proven there, and named.
  @Test(
    .clause(
      "MOE-3", "MOE-4", "MOE-5", "MOE-6", "MOE-7", "MOE-8", "MOE-9", "MOE-10", "MLA-3", "ATT-31", "GLU-4"),
    arguments: models.indices)
  func everyMistakeOfExpertsIsFound(_ index: Int) throws {
    let weights = try Self.weights(Self.models[index], seed: UInt64(20 + index))
    let inputs = try Self.inputs(weights.graph)
    let faults = Fault.catalogue(of: weights.graph).filter { fault in
      ["router.", "experts.", "joined.", "sink.", "activation.limit"].contains(where: fault.id.hasPrefix)
    }
    #expect(faults.count > 25)
    let right = RecordedActivations(weights: weights, inputs: inputs).tensors
    for fault in faults {
      let sites = fault.sites(in: weights.graph).map(\.output)
      var isShown = false
      for site in sites.prefix(8) {
        let capture = RecordedActivations(weights: weights, inputs: inputs, planting: [site: fault])
        guard capture.tensors != right else { continue }
        isShown = true
        let verdict = try Self.judge(weights).verdict(on: capture)
        #expect(verdict.flagged.first?.activation == site, "\(fault) at \(site)")
        let named = verdict.cause.map { [$0.id] + $0.equivalents } ?? []
        #expect(named.contains(fault.id), "\(fault) at \(site): \(named)")
        break
      }
      #expect(isShown, "\(fault)")
    }
  }

  /// One thing wrong in the same product of every expert, which have unequal numbers of rows: one cause explains them all.
  private static func verdict(
    on model: String, at name: String, seed: UInt64, _ value: @escaping (FaultSite) -> Tensor<Double>?
  ) throws -> Verdict {
    let weights = try weights(model, seed: seed)
    let inputs = try inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let block = try #require(weights.graph.operations.first { $0.kind.payload is RouteIDs }?.output.block)
    for operation in weights.graph.operations
    where operation.output.block == block && operation.output.name.hasPrefix("experts/")
      && operation.output.name.hasSuffix("/\(name)") && capture.tensors[operation.output]?.rowCount ?? 0 > 0
    {
      let site = try #require(
        Site(operation, of: weights.graph, inputs: inputs, weights: weights) { capture.tensors[$0] })
      let faulty = FaultSite(
        site: site, graph: weights.graph, activation: { capture.tensors[$0] },
        parameter: { weights.known($0) })
      capture.tensors[operation.output] = value(faulty)
    }
    return try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture)
  }

  @Test func expertsInAnotherOrderAreOneCause() throws {
    let verdict = try Self.verdict(on: Self.models[0], at: "mlp_gate", seed: 24) { site in
      guard let own = site.graph.expert(of: site.operation) else { return nil }
      let views = site.graph.parameters(ofExpert: 4 - own, like: site.operation) ?? []
      return views.first.flatMap { site.parameter($0.parameter) }.map { site.evaluated(parameters: [$0]) }
    }
    let cause = try #require(verdict.cause)
    #expect(cause.id == "read.experts.order-reversed" && cause.equivalents.isEmpty, "\(cause)")
    #expect(cause.name == "experts have each other's weights, the last one the first one's")
    #expect(cause.places.count > 3)
  }

  /// A matrix that is read as halves and its bias, which still alternates with the other's.
  @Test func aPartOfAJointMatrixIsNamed() throws {
    let verdict = try Self.verdict(on: Self.models[2], at: "mlp_gate", seed: 25) { site in
      let view = site.operation.parameters[0]
      let half = ParameterView.Selection(parts: 2, take: 0..<1, expert: view.selection.expert)
      let parameters = [
        ParameterValues(site.parameters[0], ParameterView(view.parameter, view.layout, half)),
        site.site.operands.parameters[1],
      ]
      return site.operation.kind.value(Operands(site.activations, parameters: parameters), in: site.inputs)
    }
    let name = try #require(verdict.cause?.name)
    #expect(
      name.hasPrefix(
        "the matrix, not its bias, is read part by part where the parts of each group stand together"),
      "\(name)")
  }

  /// The short vector of keys and values is normalised together with the key that all heads share.
  @Test(.clause("MLA-1")) func aNormOverTheSharedKeyTooIsNamed() throws {
    let weights = try Self.weights(Self.models[3], seed: 27)
    var capture = RecordedActivations(weights: weights, inputs: try Self.inputs(weights.graph))
    func tensor(_ name: String) throws -> Tensor<Double> {
      try #require(capture.tensors[Activation(name, in: Activation.Block(0))])
    }
    let (x, shared) = (try tensor("kv_latent"), try tensor("k_shared"))
    var y = try tensor("kv_latent_norm")
    for row in 0..<x.rowCount {
      let own = x.row(row).reduce(0) { $0 + $1 * $1 }
      let all = shared.row(row).reduce(own) { $0 + $1 * $1 }
      let (before, now) = (own / Double(x.rowWidth), all / Double(x.rowWidth + shared.rowWidth))
      for column in 0..<y.rowWidth { y[row, column] *= ((before + 1e-6) / (now + 1e-6)).squareRoot() }
    }
    capture.tensors[Activation("kv_latent_norm", in: Activation.Block(0))] = y
    let cause = try #require(try Judge(weights: weights, depth: .diagnosed()).verdict(on: capture).cause)
    #expect(cause.id == "read.norm.over-more", "\(cause)")
    #expect(
      cause.name == "the mean square is that of layers/000/kv_latent and layers/000/k_shared together")
  }

  /// A stack of matrices [in, out], each of which is read as if it were stored [out, in].
  @Test func anExpertsMatrixReadTransposedIsNamed() throws {
    let verdict = try Self.verdict(on: Self.models[2], at: "mlp_out", seed: 26) { site in
      let stored = site.parameters[0]
      let (inputs, outputs) = (stored.shape[1], stored.shape[2])
      return site.evaluated(changingParameter: 0) { matrix in
        for offset in matrix.values.indices {
          let (first, own) = (offset / (inputs * outputs) * inputs * outputs, offset % (inputs * outputs))
          matrix.values[offset] = stored.values[first + own % outputs * inputs + own / outputs]
        }
      }
    }
    #expect(verdict.cause?.id == "weights.transposed", "\(verdict.notes)")
  }

  /// What is read off an expert with many rows is not written into one with few.
  @Test(arguments: 30...35 as ClosedRange<UInt64>) func expertsHaveRowsOfTheirOwn(_ seed: UInt64) throws {
    let verdict = try Self.verdict(on: Self.models[2], at: "mlp_gate", seed: seed) { site in
      site.edited { y in
        for row in 0..<y.rowCount {
          let own = Array(y.row(row))
          y.setRow(row) { own[($0 + 2) % own.count] }
        }
      }
    }
    #expect(verdict.outcome == .mismatch && verdict.cause != nil, "\(verdict.notes)")
  }

  /// Every kind of fault anywhere in such a model, and no false alarm.
  @Test(.clause("GRA-1"), arguments: models.indices) func mostFaultsOfSuchAModelAreCaught(_ index: Int) throws
  {
    let weights = try Self.weights(Self.models[index], seed: UInt64(30 + index))
    let table = try PowerTable(weights: weights, inputs: Self.inputs(weights.graph), temperature: 0.7)
    #expect(table.falseAlarms.isEmpty)
    #expect(table.total().share > 0.9, "\(table.total()), surviving \(table.survivors)")
  }

  /// Rows of an expert that are not as many as the tokens that chose it.
  @Test(.clause("MOE-5")) func rowsThatNobodyChoseAreAWrongShape() throws {
    let weights = try Self.weights(Self.models[0], seed: 3)
    let inputs = try Self.inputs(weights.graph)
    var capture = RecordedActivations(weights: weights, inputs: inputs)
    let name = try #require(
      weights.graph.operations.map(\.output).first {
        capture.tensors[$0] != nil && $0.name.hasSuffix("/mlp_up")
      })
    let tensor = try #require(capture.tensors[name])
    capture.tensors[name] = Tensor(
      tensor.values + tensor.row(0), shape: [tensor.rowCount + 1, tensor.rowWidth])
    let flagged = try Judge(weights: weights).verdict(on: capture).flagged
    #expect(flagged.contains { $0.activation == name && $0.problem?.contains("shape") == true }, "\(flagged)")
  }
}
