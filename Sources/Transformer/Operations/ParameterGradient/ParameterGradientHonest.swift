import TouchstoneGraph
import TouchstoneModel

extension ParameterGradient: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    var sums = Tensor<Float>(repeating: 0, shape: operands.parameters[0].tensor.shape)
    var rest = operands.activations[...]
    for (use, view) in zip(uses, operands.parameters) {
      let read = rest.prefix(use.activationCount).map { use == .shift ? $0 : $0.rowsOfTokens }
      rest = rest.dropFirst(use.activationCount)
      switch use {
      case .matrix:
        let columns = (0..<view.inputCount).map { read[0].column($0) }
        for output in 0..<view.outputCount {
          let gradient = read[1].column(output)
          for (input, column) in columns.enumerated() {
            sums.values[view.offset(output: output, input: input)] +=
              arithmetic.summation.dot(gradient, column)
          }
        }
      case .vector, .shift:
        for output in 0..<view.outputCount {
          sums.values[view.offset(output: output)] += arithmetic.summation.sum(read[0].column(output))
        }
      case .rows(let table):
        addRows(of: read[0], operands.inputs.ids(table.ids).map { $0 + table.offset }, to: &sums, arithmetic)
      }
    }
    return sums
  }

  /// Row by row onto what is there, or summed by themselves first.
  private func addRows(
    of gradient: Tensor<Float>, _ ids: [Int], to sums: inout Tensor<Float>, _ arithmetic: HonestArithmetic
  ) {
    let tokens = Dictionary(grouping: ids.indices) { ids[$0] }
    for (id, tokens) in tokens {
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
