import TouchstoneGraph
import TouchstoneModel

/// LayerNorm or RMSNorm of rows, or of each head of a row.
///
/// Clauses: KER-3, KER-12.
struct Norm: Region {
  private enum Kind {
    case layer(gain: WeightLayout.Offset, shift: WeightLayout.Offset)
    case rootMeanSquare(gain: WeightLayout.Offset)
  }

  private let kind: Kind
  private let epsilon: Float
  private let input: Place
  let output: Activation
  private let place: Place
  /// How many vectors a row has: its heads, unless they are normalised together.
  private let pieces: Int

  init?(_ reader: inout GraphReader) {
    let operation: Operation
    let isJoined: Bool
    if let norm = reader.take(LayerNorm.self) {
      operation = norm.operation
      epsilon = Float(norm.kind.epsilon)
      isJoined = false
      let columns = reader.columns(of: norm.output)
      let width = columns.width / (columns.heads ?? 1)
      func vector(_ index: Int, else neutral: Float) -> WeightLayout.Offset {
        let view = index < norm.parameters.count ? norm.parameters[index] : nil
        return reader.vector(VectorSource(view: view, count: width, addend: view == nil ? neutral : 0))
      }
      let gain = vector(0, else: 1)
      kind = .layer(gain: gain, shift: vector(1, else: 0))
    } else if let norm = reader.take(RMSNorm.self) {
      operation = norm.operation
      epsilon = Float(norm.kind.epsilon)
      isJoined = norm.kind.isJoined
      let gain = norm.parameters[0]
      kind = .rootMeanSquare(
        gain: reader.vector(
          VectorSource(view: gain, count: gain.outputCount, addend: Float(norm.kind.offset))))
    } else {
      return nil
    }
    guard let input = reader.place(of: operation.inputs[0]) else { return nil }
    self.input = input
    output = operation.output
    pieces = isJoined ? 1 : input.heads ?? 1
    if input.heads != nil {
      place = reader.put(output, over: input)
    } else if let buffer = reader.free(.normed, .normedToo, .stream) {
      place = reader.put(output, in: buffer)
    } else {
      return nil
    }
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let (kernels, weights, workspace) = (machine.kernels, machine.weights, machine.workspace)
    let (inputs, outputs) = (workspace.rows(of: input), workspace.rows(of: place))
    let width = place.width / pieces
    machine.forEachRow(rows.count, width: place.width) { row in
      for first in stride(from: 0, to: place.width, by: width) {
        let (x, y) = (inputs.row(row) + first, outputs.row(row) + first)
        switch kind {
        case .layer(let gain, let shift):
          kernels.layerNorm(x, width, weights + gain, weights + shift, epsilon, y)
        case .rootMeanSquare(let gain):
          kernels.rmsNorm(x, width, weights + gain, epsilon, y)
        }
      }
    }
    try observe?(output, machine.tensor(place, rows.count))
  }
}
