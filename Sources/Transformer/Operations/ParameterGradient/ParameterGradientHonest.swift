import TouchstoneGraph
import TouchstoneModel

extension ParameterGradient: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    var sums = Tensor<Float>(repeating: 0, shape: operands.parameters[0].tensor.shape)
    var rest = operands.activations[...]
    for (use, view) in zip(uses, operands.parameters) {
      let read = rest.prefix(use.activationCount).map { use.isOfTokens ? $0.rowsOfTokens : $0 }
      rest = rest.dropFirst(use.activationCount)
      switch use {
      case .matrix:
        guard read[0].rowCount > 0 else { continue }
        addProducts(of: read[0], { read[1].column($0) }, view, to: &sums, arithmetic)
      case .filters(let convolution):
        let x = read.count > 1 ? read[0] : operands.inputs.features.converted(to: Float.self)
        let width = view.tensor.rowWidth
        let met = convolution.met(x.values, channels: x.rowCount, width: width, zero: 0)
        let depth = x.rowCount * width
        addProducts(
          of: Tensor(met, shape: [met.count / depth, depth]), { Array(read[read.count - 1].row($0)) }, view,
          to: &sums, arithmetic)
      case .channels:
        for output in 0..<view.outputCount {
          sums.values[view.offset(output: output)] += arithmetic.summation.sum(Array(read[0].row(output)))
        }
      case .vector, .shift:
        for output in 0..<view.outputCount {
          sums.values[view.offset(output: output)] += arithmetic.summation.sum(read[0].column(output))
        }
      case .rows(let table, let unlearned):
        addRows(
          of: read[0], operands.inputs.ids(table.ids).map { $0 == unlearned ? nil : $0 + table.offset },
          to: &sums, arithmetic)
      case .buckets(let bias): addBuckets(of: read[0], bias, to: &sums, arithmetic)
      }
    }
    return sums
  }

  /// One sum over the rows for each number of a matrix.
  private func addProducts(
    of x: Tensor<Float>, _ gradient: (_ output: Int) -> [Float], _ view: ParameterValues<Float>,
    to sums: inout Tensor<Float>, _ arithmetic: HonestArithmetic
  ) {
    let columns = (0..<view.inputCount).map { x.column($0) }
    for output in 0..<view.outputCount {
      let gradient = gradient(output)
      for (input, column) in columns.enumerated() {
        sums.values[view.offset(output: output, input: input)] += arithmetic.summation.dot(gradient, column)
      }
    }
  }

  /// The pairs of each bucket in their order.
  private func addBuckets(
    of gradient: Tensor<Float>, _ bias: RelativeBias, to sums: inout Tensor<Float>,
    _ arithmetic: HonestArithmetic
  ) {
    let count = gradient.rowWidth
    for head in 0..<gradient.shape[0] {
      var members: [Int: [Float]] = [:]
      for query in 0..<count {
        for key in 0..<count {
          members[bias.bucket(of: key - query, by: arithmetic), default: []].append(
            gradient[head, query, key])
        }
      }
      for (bucket, values) in members { sums[bucket, head] += arithmetic.summation.sum(values) }
    }
  }

  /// Row by row onto what is there, or summed by themselves first.
  private func addRows(
    of gradient: Tensor<Float>, _ ids: [Int?], to sums: inout Tensor<Float>, _ arithmetic: HonestArithmetic
  ) {
    let tokens = Dictionary(grouping: ids.indices) { ids[$0] }
    for case (let id?, let tokens) in tokens {
      for column in 0..<sums.rowWidth {
        let values = tokens.map { gradient[$0, column] }
        if arithmetic.fusesResidual {
          for value in values { sums[id, column] += value }
        } else {
          sums[id, column] += arithmetic.summation.sum(values)
        }
      }
    }
  }
}

extension ParameterGradient.Use {
  /// Whether the numbers of each token stand side by side, whatever heads they are of.
  fileprivate var isOfTokens: Bool {
    switch self {
    case .matrix, .vector, .rows: true
    case .shift, .filters, .channels, .buckets: false
    }
  }
}
