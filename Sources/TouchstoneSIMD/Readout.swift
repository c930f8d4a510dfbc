import TouchstoneGraph
import TouchstoneModel

extension ForwardPass {
  /// Rows of logits that are computed at once where all are wanted.
  private static let rowsAtOnce = 96

  /// The final LayerNorm of the stream's first rows, into `normed`.
  func finalNorm(rows: Int) {
    norm(workspace.stream, model.finalNorm, rows)
  }

  /// The logits of the first row of `normed`: [V].
  func logits() -> [Float] {
    let buffer = RowBuffer(rows: 1, width: configuration.vocabularySize)
    linear(workspace.normed, model.unembedding, to: buffer, rows: 1)
    return Array(UnsafeBufferPointer(start: buffer.row(0), count: configuration.vocabularySize))
  }

  /// Final LayerNorm, logits and probabilities of every row, for an observer.
  func observeReadout(rows: Int, _ observe: Observer) throws {
    finalNorm(rows: rows)
    try observe(Activation(.finalLayerNorm), tensor(workspace.normed, rows))

    let width = configuration.vocabularySize
    var logits = Tensor<Float>(repeating: 0, shape: [rows, width])
    let piece = RowBuffer(rows: min(rows, Self.rowsAtOnce), width: width)
    for first in stride(from: 0, to: rows, by: Self.rowsAtOnce) {
      let count = min(Self.rowsAtOnce, rows - first)
      linear(workspace.normed.dropping(first), model.unembedding, to: piece, rows: count)
      logits.values.withUnsafeMutableBufferPointer { values in
        for row in 0..<count {
          (values.baseAddress! + (first + row) * width).update(from: piece.row(row), count: width)
        }
      }
    }
    try observe(Activation(.logits), logits)

    var probabilities = logits
    probabilities.values.withUnsafeMutableBufferPointer { values in
      let base = values.baseAddress!
      let kernels = kernels
      pool.run(chunks: rows) { row, _ in kernels.softmax(base + row * width, width, 1, nil) }
    }
    try observe(Activation(.probabilities), probabilities)
  }
}
