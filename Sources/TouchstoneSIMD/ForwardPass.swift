import TouchstoneGraph
import TouchstoneModel

/// One block of consecutive rows through the model, on top of what the cache holds of the rows before it.
struct ForwardPass {
  typealias Observer = (Activation, Tensor<Float>) throws -> Void

  let model: PackedModel
  let kernels: Kernels
  let pool: ThreadPool
  let cache: KeyValueCache
  let workspace: Workspace

  var configuration: Configuration { model.configuration }

  private var attention: Attention {
    Attention(configuration: configuration, kernels: kernels, pool: pool, cache: cache, workspace: workspace)
  }

  /// The positions in the sequence of the rows that are being computed.
  struct Rows {
    let first: Int
    let count: Int
  }

  /// Runs every block; afterwards the stream holds the last `kept` rows' values, from row 0 of the
  /// workspace on.
  ///
  /// Without an observer the last block computes, past its keys and values, only the rows that are kept.
  func run(
    tokenIDs: ArraySlice<Int>, positionIDs: ArraySlice<Int>, first: Int, kept: Int, observe: Observer?
  ) throws {
    var rows = Rows(first: first, count: tokenIDs.count)
    try embed(tokenIDs, positionIDs, observe)
    for layer in 0..<configuration.layerCount {
      try observe?(Activation(.residualIn, layer: layer), tensor(workspace.stream, rows.count))
      try projectHeads(layer, rows, observe)
      let computed = rows
      let isLast = layer == configuration.layerCount - 1
      if isLast && observe == nil && kept < rows.count {
        dropRows(rows.count - kept, keeping: kept)
        rows = Rows(first: first + rows.count - kept, count: kept)
      }
      try attend(layer, storing: computed, rows, observe)
      if rows.count == 0 { return }
      try projectContext(layer, rows, observe)
      try feedForward(layer, rows, observe)
    }
  }

  /// Moves the last rows of the stream and of the queries to the front.
  private func dropRows(_ dropped: Int, keeping kept: Int) {
    let (stream, projections) = (workspace.stream, workspace.projections)
    for row in 0..<kept {
      stream.row(row).update(from: stream.row(row + dropped), count: configuration.width)
      projections.row(row).update(from: projections.row(row + dropped), count: configuration.width)
    }
  }

  // MARK: The steps, in order

  private func embed(
    _ tokenIDs: ArraySlice<Int>, _ positionIDs: ArraySlice<Int>, _ observe: Observer?
  ) throws {
    let width = configuration.width
    let (tokens, positions) = (Array(tokenIDs), Array(positionIDs))
    if let observe {
      for row in tokens.indices { copyTokenEmbedding(tokens[row], to: workspace.stream.row(row)) }
      try observe(Activation(.tokenEmbedding), tensor(workspace.stream, tokens.count))
      for row in tokens.indices {
        workspace.stream.row(row).update(from: model.positionEmbedding(positions[row]), count: width)
      }
      try observe(Activation(.positionEmbedding), tensor(workspace.stream, tokens.count))
    }
    let (model, kernels, stream) = (model, kernels, workspace.stream)
    let rowsPerChunk = max(1, 16384 / width)
    pool.run(chunks: (tokens.count + rowsPerChunk - 1) / rowsPerChunk) { chunk, _ in
      for row in chunk * rowsPerChunk..<min(tokens.count, (chunk + 1) * rowsPerChunk) {
        let target = stream.row(row)
        copyTokenEmbedding(tokens[row], to: target)
        kernels.add(target, model.positionEmbedding(positions[row]), width, target)
      }
    }
    try observe?(Activation(.embeddingSum), tensor(workspace.stream, tokens.count))
  }

  private func copyTokenEmbedding(_ token: Int, to row: UnsafeMutablePointer<Float>) {
    let (first, stride) = model.tokenEmbedding(token)
    kernels.gather(first, stride, configuration.width, row)
  }

  private func projectHeads(_ index: Int, _ rows: Rows, _ observe: Observer?) throws {
    let layer = model.layers[index]
    norm(workspace.stream, layer.norm1, rows.count)
    try observe?(Activation(.layerNorm1, layer: index), tensor(workspace.normed, rows.count))
    linear(workspace.normed, layer.attentionInput, to: workspace.projections, rows: rows.count)
    if let observe {
      for (part, point) in [Activation.Point.query, .key, .value].enumerated() {
        try observe(Activation(point, layer: index), heads(part: part, rows.count))
      }
    }
  }

  private func attend(_ index: Int, storing stored: Rows, _ rows: Rows, _ observe: Observer?) throws {
    let observed = observe.map { _ in
      ObservedAttention(heads: configuration.headCount, tokens: rows.count)
    }
    attention.run(index, storing: stored, rows, scale: model.layers[index].scoreScale, observed: observed)
    guard let observe, let observed else { return }
    try observe(Activation(.attentionScores, layer: index), observed.scoresTensor())
    try observe(Activation(.attentionProbabilities, layer: index), observed.probabilitiesTensor())
    try observe(Activation(.attentionContext, layer: index), tensor(workspace.context, rows.count))
  }

  private func projectContext(_ index: Int, _ rows: Rows, _ observe: Observer?) throws {
    let layer = model.layers[index]
    addLinear(workspace.context, layer.attentionOutput, rows: rows.count)
    try observe?(Activation(.attentionOutput, layer: index), tensor(workspace.projected, rows.count))
    try observe?(Activation(.residualMiddle, layer: index), tensor(workspace.stream, rows.count))
  }

  private func feedForward(_ index: Int, _ rows: Rows, _ observe: Observer?) throws {
    let layer = model.layers[index]
    norm(workspace.stream, layer.norm2, rows.count)
    try observe?(Activation(.layerNorm2, layer: index), tensor(workspace.normed, rows.count))
    // In place where nobody wants to see what went in.
    let inner = workspace.inner
    let activated = observe == nil ? inner : workspace.innerActivated
    let function = kernels.function(configuration.activationFunction)
    linear(workspace.normed, layer.feedForwardInput, to: inner, rows: rows.count) { row, column, count in
      function(inner.row(row) + column, count, activated.row(row) + column)
    }
    try observe?(
      Activation(.feedForwardInput, layer: index),
      tensor(inner, rows.count, width: layer.feedForwardInput.columns))
    try observe?(
      Activation(.feedForwardActivation, layer: index),
      tensor(activated, rows.count, width: layer.feedForwardInput.columns))
    addLinear(activated, layer.feedForwardOutput, rows: rows.count)
    try observe?(Activation(.feedForwardOutput, layer: index), tensor(workspace.projected, rows.count))
    try observe?(Activation(.residualOut, layer: index), tensor(workspace.stream, rows.count))
  }

  /// LayerNorm of rows of the stream into `normed`.
  func norm(_ x: RowBuffer, _ norm: PackedNorm, _ rows: Int) {
    let (width, epsilon) = (configuration.width, Float(configuration.layerNormEpsilon))
    let (normed, kernels) = (workspace.normed, kernels)
    let rowsPerChunk = max(1, 16384 / width)
    pool.run(chunks: (rows + rowsPerChunk - 1) / rowsPerChunk) { chunk, _ in
      for row in chunk * rowsPerChunk..<min(rows, (chunk + 1) * rowsPerChunk) {
        kernels.layerNorm(x.row(row), width, norm.weight, norm.bias, epsilon, normed.row(row))
      }
    }
  }

  /// projected = x·W + b, then stream += projected.
  private func addLinear(_ x: RowBuffer, _ matrix: PackedMatrix, rows: Int) {
    let (stream, projected, kernels) = (workspace.stream, workspace.projected, kernels)
    linear(x, matrix, to: projected, rows: rows) { row, column, count in
      let target = stream.row(row) + column
      kernels.add(target, projected.row(row) + column, count, target)
    }
  }
}

extension Kernels {
  /// The kernel of a feed-forward nonlinearity.
  func function(_ function: ActivationFunction) -> Elementwise {
    switch function {
    case .geluTanh: geluTanh
    case .geluErf: geluErf
    case .relu: relu
    }
  }
}
