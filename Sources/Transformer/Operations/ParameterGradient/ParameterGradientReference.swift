import TouchstoneGraph
import TouchstoneModel

extension ParameterGradient: Evaluated {
  /// What each reader gives, added in the order of readers and, in each, of tokens.
  ///
  /// Clauses: BWD-4 to BWD-6, BWD-22, BWD-24.
  package func value(_ operands: Operands, in inputs: Inputs) -> Tensor<Double> {
    var sums = Tensor<Double>(repeating: 0, shape: operands.parameters[0].tensor.shape)
    var rest = operands.activations[...]
    for (use, view) in zip(uses, operands.parameters) {
      let read = Array(rest.prefix(use.activationCount))
      rest = rest.dropFirst(use.activationCount)
      switch use {
      case .matrix: addMatrix(of: read[0], read[1], view, to: &sums)
      case .vector: addVector(of: read[0], view, to: &sums)
      case .shift: addRows(of: read[0], view, to: &sums)
      case .filters(let convolution):
        let x = read.count > 1 ? read[0] : inputs.features
        addFilters(of: x, read[read.count - 1], convolution, view, to: &sums)
      case .channels:
        for output in 0..<view.outputCount {
          sums.values[view.offset(output: output)] += read[0].row(output).reduce(0, +)
        }
      case .rows(let table, let unlearned):
        for (token, id) in inputs.ids(table.ids).enumerated() where id != unlearned {
          add(Array(read[0].row(token)), times: 1, to: &sums, row: id + table.offset)
        }
      case .buckets(let bias): addBuckets(of: read[0], bias, to: &sums)
      }
    }
    return sums
  }

  /// dW(j, i) += Σₜ dy[t, j]·x[t, i].
  private func addMatrix(
    of x: Tensor<Double>, _ dy: Tensor<Double>, _ view: ParameterValues<Double>, to sums: inout Tensor<Double>
  ) {
    let rows = (0..<x.rowCount).map { Array(x.row($0)) }
    for output in 0..<view.outputCount {
      var row = Tensor<Double>(repeating: 0, shape: [1, view.inputCount])
      for token in 0..<x.rowCount {
        add(rows[token], times: dy.value(token: token, column: output), to: &row, row: 0)
      }
      for input in 0..<view.inputCount {
        sums.values[view.offset(output: output, input: input)] += row.values[input]
      }
    }
  }

  /// dW(o, i, k) += Σₚ dy[o, p]·x[i, p·stride − padding + k].
  private func addFilters(
    of x: Tensor<Double>, _ dy: Tensor<Double>, _ convolution: Convolution,
    _ view: ParameterValues<Double>, to sums: inout Tensor<Double>
  ) {
    let width = view.tensor.rowWidth
    for tap in 0..<width {
      let met = (0..<dy.rowWidth).map { convolution.frame(at: $0, tap, of: x.rowWidth) }
      for output in 0..<view.outputCount {
        for channel in 0..<x.rowCount {
          var sum = 0.0
          for (position, frame) in met.enumerated() {
            guard let frame else { continue }
            sum += dy[output, position] * x[channel, frame]
          }
          sums.values[view.offset(output: output, input: channel * width + tap)] += sum
        }
      }
    }
  }

  /// db(j) += Σₜ dy[t, j].
  private func addVector(
    of dy: Tensor<Double>, _ view: ParameterValues<Double>, to sums: inout Tensor<Double>
  ) {
    let tokenCount = dy.shape[dy.shape.count - 2]
    for output in 0..<view.outputCount {
      var sum = 0.0
      for token in 0..<tokenCount { sum += dy.value(token: token, column: output) }
      sums.values[view.offset(output: output)] += sum
    }
  }

  /// dW(b, h) += Σ of dy[h, i, j] over the pairs whose distance has bucket b.
  private func addBuckets(of dy: Tensor<Double>, _ bias: RelativeBias, to sums: inout Tensor<Double>) {
    let count = dy.rowWidth
    let buckets = (0..<2 * count - 1).map { bias.bucket(of: $0 - count + 1) }
    for row in 0..<dy.rowCount {
      for key in 0..<count {
        sums[buckets[key - row % count + count - 1], row / count] += dy[row, key]
      }
    }
  }

  /// db(c) += Σ of dy[…, c] over all rows.
  private func addRows(
    of dy: Tensor<Double>, _ view: ParameterValues<Double>, to sums: inout Tensor<Double>
  ) {
    for output in 0..<view.outputCount {
      var sum = 0.0
      for row in 0..<dy.rowCount { sum += dy[row, output] }
      sums.values[view.offset(output: output)] += sum
    }
  }
}
