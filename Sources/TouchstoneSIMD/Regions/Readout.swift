import TouchstoneGraph
import TouchstoneModel

/// The logits, and their softmax: what a model is asked for.
///
/// Clauses: KER-1, KER-5.
struct Readout: Sendable {
  private let matrix: PackedMatrix
  private let input: Place
  private let logits: Activation
  private let probabilities: Activation?

  /// Rows of logits that are computed at once where all are wanted.
  private static let rowsAtOnce = 96

  /// Takes the operations that it computes from the front of what is left; nil where others stand there.
  init?(_ reader: inout GraphReader) {
    var attempt = reader
    let result = reader.graph.results.logits
    guard let linear = attempt.take(Linear.self, where: { $0.kind.heads == nil && $0.output == result }),
      let input = attempt.place(of: linear.inputs[0]), input.column == 0
    else { return nil }
    matrix = attempt.matrix(MatrixSource(MatrixSource.Part(linear.parameters)))
    self.input = input
    logits = linear.output
    probabilities =
      attempt.take(Softmax.self, where: { $0.inputs == [linear.output] && $0.kind.temperature == 1 })?.output
    reader = attempt
  }

  /// The logits of the first row: [V].
  func logits(on machine: Machine) -> [Float] {
    let buffer = RowBuffer(rows: 1, width: matrix.columns)
    machine.multiply(machine.workspace[input.buffer], matrix, to: buffer, rows: 1)
    return Array(UnsafeBufferPointer(start: buffer.row(0), count: matrix.columns))
  }

  /// Logits and probabilities of the first rows, for an observer.
  func run(rows: Int, on machine: Machine, observe: Observer) throws {
    let width = matrix.columns
    var logits = Tensor<Float>(repeating: 0, shape: [rows, width])
    let piece = RowBuffer(rows: min(rows, Self.rowsAtOnce), width: width)
    for first in stride(from: 0, to: rows, by: Self.rowsAtOnce) {
      let count = min(Self.rowsAtOnce, rows - first)
      machine.multiply(machine.workspace[input.buffer].dropping(first), matrix, to: piece, rows: count)
      logits.values.withUnsafeMutableBufferPointer { values in
        for row in 0..<count {
          (values.baseAddress! + (first + row) * width).update(from: piece.row(row), count: width)
        }
      }
    }
    try observe(self.logits, logits)

    guard let probabilities else { return }
    var values = logits
    values.values.withUnsafeMutableBufferPointer { values in
      let base = values.baseAddress!
      let kernels = machine.kernels
      machine.pool.run(chunks: rows) { row, _ in kernels.softmax(base + row * width, width, 1, nil) }
    }
    try observe(probabilities, values)
  }
}
