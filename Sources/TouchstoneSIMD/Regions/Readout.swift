import TouchstoneGraph
import TouchstoneModel

/// The logits, capped where the model caps them, and their softmax: what a model is asked for.
///
/// Clauses: KER-1, KER-5, KER-17.
struct Readout: Sendable {
  private let matrix: PackedMatrix
  private let input: Place
  private let product: Activation
  /// What caps the product, and where; nil where the product is the logits.
  private let capped: (activation: Activation, cap: Float)?
  private let probabilities: Activation?

  /// Rows of logits that are computed at once where all are wanted.
  private static let rowsAtOnce = 96

  /// Takes the operations that it computes from the front of what is left; nil where others stand there.
  init?(_ reader: inout GraphReader) {
    var attempt = reader
    let result = reader.graph.results.logits
    guard let linear = attempt.take(Linear.self, where: { $0.kind == Linear() }),
      let input = attempt.place(of: linear.inputs[0]), input.column == 0
    else { return nil }
    let cap = attempt.take(SoftCap.self, where: { $0.inputs == [linear.output] })
    guard (cap?.output ?? linear.output) == result else { return nil }
    matrix = attempt.matrix(MatrixSource(MatrixSource.Part(linear.parameters)))
    self.input = input
    product = linear.output
    capped = cap.map { ($0.output, Float($0.kind.cap)) }
    probabilities =
      attempt.take(Softmax.self, where: { $0.inputs == [result] && $0.kind.temperature == 1 })?.output
    reader = attempt
  }

  /// The logits of the first row: [V].
  func logits(on machine: Machine) -> [Float] {
    let buffer = RowBuffer(rows: 1, width: matrix.columns)
    machine.multiply(machine.workspace[input.buffer], matrix, to: buffer, rows: 1)
    if let cap = capped?.cap { machine.kernels.softCap(buffer.row(0), matrix.columns, 1, cap, nil) }
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
    try observe(product, logits)
    let kernels = machine.kernels
    /// Changes every row in place.
    func change(_ body: @escaping (UnsafeMutablePointer<Float>) -> Void) {
      logits.values.withUnsafeMutableBufferPointer { values in
        let base = values.baseAddress!
        machine.pool.run(chunks: rows) { row, _ in body(base + row * width) }
      }
    }
    if let (activation, cap) = capped {
      change { kernels.softCap($0, width, 1, cap, nil) }
      try observe(activation, logits)
    }
    guard let probabilities else { return }
    change { kernels.softmax($0, width, 1, nil) }
    try observe(probabilities, logits)
  }
}
