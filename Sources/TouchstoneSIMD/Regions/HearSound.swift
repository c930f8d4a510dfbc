import TouchstoneGraph
import TouchstoneModel

/// What an encoder hears, from features or samples to a row for each token of the source: convolutions, each with its
/// nonlinearity, as products of what their filters meet.
///
/// Clauses: KER-1, KER-7 to KER-9, KER-24, KER-25.
struct HearSound: Region {
  /// A convolution and its nonlinearity.
  private struct Step {
    let convolution: Convolution
    /// The width of its filters.
    let width: Int
    let matrix: PackedMatrix
    let output: Activation
    let function: ActivationFunction.Function
    let activated: Activation
  }

  private let logMel: (kind: LogMel, output: Activation)?
  private let steps: [Step]
  private let output: Activation
  private let place: Place

  init?(_ reader: inout GraphReader) {
    let logMel = reader.take(LogMel.self)
    self.logMel = logMel.map { ($0.kind, $0.output) }
    var read = logMel.map { [$0.output] } ?? []
    var steps: [Step] = []
    while let convolution = reader.take(Convolution.self, where: { $0.inputs == read }) {
      guard
        let activated = reader.take(
          ActivationFunction.self, where: { $0.inputs == [convolution.output] && $0.kind.limit == nil })
      else { return nil }
      let filters = convolution.parameters[0].parameter
      steps.append(
        Step(
          convolution: convolution.kind, width: filters.shape[2],
          matrix: reader.matrix(MatrixSource(MatrixSource.Part(convolution.parameters))),
          output: convolution.output, function: activated.kind.function, activated: activated.output))
      read = [activated.output]
    }
    guard !steps.isEmpty, let turned = reader.take(Transpose.self, where: { $0.inputs == read }) else {
      return nil
    }
    self.steps = steps
    output = turned.output
    place = reader.put(turned.output, in: .stream)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    guard let sound = rows.sound else { return }
    var x = sound.features
    if let logMel {
      x = logMel.kind.float32(sound)
      try observe?(logMel.output, x)
    }
    for step in steps {
      let met = step.convolution.met(x.values, channels: x.rowCount, width: step.width, zero: 0)
      let (depth, outputs) = (step.matrix.depth, step.matrix.columns)
      let positions = met.count / depth
      let (read, made) = (
        RowBuffer(rows: positions, width: depth), RowBuffer(rows: positions, width: outputs)
      )
      for position in 0..<positions {
        for index in 0..<depth { read.row(position)[index] = met[position * depth + index] }
      }
      machine.multiply(read, step.matrix, to: made, rows: positions)
      func turned() -> Tensor<Float> {
        Tensor(
          made.tensor(positions, outputs).values.transposed(columns: outputs), shape: [outputs, positions])
      }
      try observe?(step.output, turned())
      let kernel = machine.kernels.function(step.function)
      machine.forEachRow(positions, width: outputs) { kernel(made.row($0), outputs, made.row($0)) }
      x = turned()
      try observe?(step.activated, x)
    }
    let target = machine.workspace.rows(of: place)
    for row in 0..<rows.count {
      for column in 0..<place.width { target.row(row)[column] = x[column, row] }
    }
    try observe?(output, machine.tensor(place, rows.count))
  }
}
