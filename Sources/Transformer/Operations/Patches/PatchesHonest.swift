import TouchstoneGraph
import TouchstoneModel

extension Patches: Honest {
  func value(_ operands: HonestOperands, by arithmetic: HonestArithmetic) -> Tensor<Float> {
    let (x, filters) = (operands.activations[0], operands.parameters[0])
    let bias = operands.parameters.dropFirst().first
    let patches = places(in: x.shape, filters: filters.tensor.shape).map { $0.map { x.values[$0] } }
    let rows = (0..<filters.outputCount).map { output in
      (0..<filters.inputCount).map { filters[output, $0] }
    }
    let sums = patches.flatMap { patch in
      rows.indices.map { arithmetic.summation.dot(patch, rows[$0], start: bias?[$0] ?? 0) }
    }
    return Tensor(sums, shape: [patches.count, rows.count])
  }
}
