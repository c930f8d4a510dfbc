import TouchstoneGraph
import TouchstoneModel

extension Replay {
  /// The replay of two rows alone, the last; nil where rows do not stand for themselves.
  ///
  /// An alternative that does not explain these explains nothing, and most are seen to be wrong here.
  var ofFewRows: Replay? {
    let isByRow = plan.steps.allSatisfy {
      ($0.operation.kind.bounded.isByRow || $0.operation.kind.bounded is ActivationFunction)
        && graph.selection(of: $0.operation.output) == nil
    }
    let count = inputs(of: plan.operation).count
    guard isByRow, count > 4 else { return nil }
    var few = self
    few.isOfFewRows = true
    few.recorded = recorded.mapValues { $0.rows(count - 2..<count) }
    return few
  }

  /// Whether every element of these rows is consistent.
  var explainsEverything: Bool {
    guard let got = recorded[plan.operation.output] else { return false }
    let comparison = ElementComparison(
      got: got.values, want: want(), greatest: rounding.greatestFinite(stored: got.type),
      isJudged: { _ in true })
    return comparison.zone == .consistent
  }

  /// Whether every element of a few rows is what storing it made, be it rounded or cut.
  var isNearlyExplained: Bool {
    guard let few = ofFewRows, let got = few.recorded[plan.operation.output] else { return true }
    let exact = few.computedOutput()
    return got.values.values.indices.allSatisfy { offset in
      let spacing = rounding.precision.type.spacing(around: exact.values.values[offset])
      return abs(got.values.values[offset] - exact.values.values[offset]) <= spacing
        + exact.bounds[offset].stat
    }
  }

  /// The same with parameters that are read rounded to the type, and nothing rounded before the output is stored.
  var sharpened: Replay {
    var sharp = self
    sharp.isSharp = true
    return sharp
  }

  /// What says that the output was not rounded to nearest when it was stored; nil where nothing does, or where that
  /// cannot be looked for.
  ///
  /// - Parameter operationCount: among how many operations it is looked for.
  func cutEvidence(among operationCount: Int) -> CutEvidence? {
    let type = rounding.precision.type
    let isProduct = plan.operation.isParametricProduct
    guard type.isNarrow, let got = recorded[plan.operation.output], got.type == type, hidden.isEmpty,
      !plan.operation.making.isExact, alternative?.steps.isEmpty ?? true, !isProduct || alternative == nil
    else { return nil }
    var evidence = CutEvidence.Search(type: type, operationCount: operationCount)
    if isProduct {
      guard let (input, parameters) = factors else { return nil }
      let sample = ProductSample(
        plan.operation, input: input, parameters: parameters, got: got.values, rounding: rounding)
      evidence.add(sample.got, sample.want) { _ in true }
    } else {
      let isJudged = plan.judgedElements(inputs, graph: graph)
      evidence.add(got.values.values, sharpened.computedOutput(), isJudged)
    }
    return evidence.found
  }

  /// What all elements together show that none shows by itself; nil where that is nothing.
  ///
  /// - Parameter operationCount: among how many operations it is looked for.
  func sharedEvidence(among operationCount: Int) -> Evidence? {
    guard rounding.precision.type.isNarrow, hidden.isEmpty, alternative == nil else { return nil }
    return cutParameters(among: operationCount).map(Evidence.cutParameters)
      ?? otherFunction(among: operationCount).map(Evidence.otherFunction)
  }

  /// What says that another nonlinearity was computed.
  private func otherFunction(among operationCount: Int) -> OtherFunction? {
    guard let own = plan.operation.kind.payload as? ActivationFunction, own.limit == nil,
      let got = recorded[plan.operation.output], let source = plan.operation.inputs.first,
      let input = recorded[source]
    else { return nil }
    return OtherFunction.found(
      own.function, input: input.values, got: got.values, want: computedOutput(),
      type: rounding.precision.type, among: operationCount)
  }

  /// What says that the parameters of a product were cut when they were brought into the type; nil where nothing does, or
  /// where that cannot be looked for.
  private func cutParameters(among operationCount: Int) -> CutParameters? {
    let type = rounding.precision.type
    guard plan.operation.isParametricProduct, let got = recorded[plan.operation.output],
      let (input, parameters) = factors
    else { return nil }
    return CutParameters.found(
      plan.operation, input: input, parameters: parameters, got: got.values, type: type,
      among: operationCount)
  }

  /// What a product multiplies, where its input is recorded in the type of the arithmetic.
  private var factors: (input: Tensor<Double>, parameters: [StoredTensor])? {
    guard let input = plan.operation.inputs.first, let read = recorded[input],
      read.type == rounding.precision.type, let weights
    else { return nil }
    return (read.values, plan.operation.parameters.map { weights.storedFloat32($0.parameter) })
  }
}
