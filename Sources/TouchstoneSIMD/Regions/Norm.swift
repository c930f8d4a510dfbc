import TouchstoneGraph
import TouchstoneModel

/// LayerNorm or RMSNorm of the stream's rows.
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
  private let output: Activation
  private let place: Place

  init?(_ reader: inout GraphReader) {
    let operation: Operation
    if let norm = reader.take(LayerNorm.self) {
      operation = norm.operation
      epsilon = Float(norm.kind.epsilon)
      let width = reader.columns(of: norm.output).width
      func vector(_ index: Int, else neutral: Float) -> WeightLayout.Offset {
        let view = index < norm.parameters.count ? norm.parameters[index] : nil
        return reader.vector(VectorSource(view: view, count: width, addend: view == nil ? neutral : 0))
      }
      let gain = vector(0, else: 1)
      kind = .layer(gain: gain, shift: vector(1, else: 0))
    } else if let norm = reader.take(RMSNorm.self, where: { !$0.kind.isJoined }) {
      operation = norm.operation
      epsilon = Float(norm.kind.epsilon)
      kind = .rootMeanSquare(
        gain: reader.vector(
          VectorSource(
            view: norm.parameters[0], count: reader.columns(of: norm.output).width,
            addend: Float(norm.kind.offset))))
    } else {
      return nil
    }
    guard let input = reader.place(of: operation.inputs[0]), input.buffer == .stream, input.heads == nil
    else {
      return nil
    }
    self.input = input
    output = operation.output
    place = reader.put(output, in: .normed)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let (kernels, weights, workspace) = (machine.kernels, machine.weights, machine.workspace)
    machine.forEachRow(rows.count, width: place.width) { row in
      let (x, y) = (workspace.row(row, of: input), workspace.row(row, of: place))
      switch kind {
      case .layer(let gain, let shift):
        kernels.layerNorm(x, place.width, weights + gain, weights + shift, epsilon, y)
      case .rootMeanSquare(let gain):
        kernels.rmsNorm(x, place.width, weights + gain, epsilon, y)
      }
    }
    try observe?(output, machine.tensor(place, rows.count))
  }
}

/// The same numbers under another name.
struct Rename: Region {
  private let output: Activation
  private let place: Place

  init?(_ reader: inout GraphReader) {
    guard let identity = reader.take(Identity.self), let place = reader.place(of: identity.inputs[0]) else {
      return nil
    }
    reader.put(identity.output, beside: identity.inputs[0])
    output = identity.output
    self.place = place
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    try observe?(output, machine.tensor(place, rows.count))
  }
}
