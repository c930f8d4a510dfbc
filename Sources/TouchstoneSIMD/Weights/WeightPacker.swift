import TouchstoneGraph
import TouchstoneModel

/// Lays the stored tensors of a model out in one block of memory, converting each value to float32 once.
struct WeightPacker {
  private let weights: Weights
  private let memory: AlignedBuffer

  /// Bytes of a mapped file that are read before they are given back: else the model would be in memory twice.
  fileprivate static let releaseStep = 1 << 22

  /// - Parameter memory: zeros.
  init(_ weights: Weights, _ memory: AlignedBuffer) {
    self.weights = weights
    self.memory = memory
  }

  /// Packs some of a layout's items.
  func pack(_ items: Set<WeightLayout.Item>, _ layout: WeightLayout) {
    // In the order of the forward pass, which is likely that of the file.
    for item in items.sorted(by: { layout.place(of: $0).lowerBound < layout.place(of: $1).lowerBound }) {
      let offset = layout.place(of: item).lowerBound
      switch item {
      case .vector(let source): pack(source, at: memory.base + offset)
      case .table(let parameter):
        let width = parameter.shape.last ?? 1
        let target = memory.base + offset
        stored(parameter).withRows(width: width) { row, values in
          (target + row * width).update(from: values, count: width)
        }
      case .matrix(let source):
        guard let matrix = layout.matrices[source] else { continue }
        pack(source, to: matrix)
      }
    }
  }

  private func pack(_ source: VectorSource, at target: UnsafeMutablePointer<Float>) {
    for index in 0..<source.count { target[index] = source.addend }
    guard let view = source.view else { return }
    // Adding 0 would turn −0 into 0.
    forEachOutput(of: view) { output, value in
      target[output] = source.addend == 0 ? value : value + source.addend
    }
  }

  private func pack(_ source: MatrixSource, to matrix: PackedMatrix) {
    for (index, part) in source.parts.enumerated() {
      guard let bias = part.bias else { continue }
      let target = memory.base + matrix.bias
      forEachOutput(of: bias) { output, value in target[source.column(of: output, part: index)] = value }
    }
    // Several parts may be cut out of one tensor, which is read once.
    var parameters: [Parameter] = []
    for part in source.parts where !parameters.contains(part.weight.parameter) {
      parameters.append(part.weight.parameter)
    }
    for parameter in parameters {
      let columns = source.parts.enumerated().filter { $1.weight.parameter == parameter }
        .map { Columns($1.weight, part: $0, of: source) }
      pack(parameter, columns, to: matrix)
    }
  }

  private func pack(_ parameter: Parameter, _ columns: [Columns], to matrix: PackedMatrix) {
    let width = columns[0].rowWidth
    let panels = memory.base + matrix.panels
    let isAlike = columns.allSatisfy { $0.view.layout == columns[0].view.layout }
    precondition(isAlike, "\(parameter) is viewed in two layouts")
    stored(parameter).withRows(width: width) { row, values in
      for part in columns {
        guard let place = part.place(ofRow: row) else { continue }
        switch part.view.layout {
        case .inputsFirst:
          // One number of every output.
          for run in part.runs {
            let (panel, column) = run.column.quotientAndRemainder(dividingBy: Kernels.panelWidth)
            let target = panels + panel * matrix.panelStride + place * Kernels.panelWidth + column
            target.update(from: values + run.stored, count: run.count)
          }
        case .outputsFirst:
          // Every number of one output.
          let (panel, column) = place.quotientAndRemainder(dividingBy: Kernels.panelWidth)
          let target = panels + panel * matrix.panelStride + column
          for k in 0..<matrix.depth { target[k * Kernels.panelWidth] = values[k] }
        }
      }
    }
  }

  /// Calls `body(output, value)` for what a view keeps of a vector.
  private func forEachOutput(of view: ParameterView, _ body: (Int, Float) -> Void) {
    let values = ParameterValues(weights.float32(view.parameter), view)
    for output in 0..<values.outputCount { body(output, values[output]) }
  }

  private func stored(_ parameter: Parameter) -> StoredTensor {
    guard let tensor = weights.stored[parameter.name] else {
      preconditionFailure("the model has no \(parameter)")
    }
    return tensor
  }
}

/// Which columns of a packed matrix the rows of a stored tensor become.
private struct Columns {
  /// Neighbouring outputs that stand in one panel.
  struct Run {
    /// The first of them in the tensor.
    let stored: Int
    /// The first of them in the packed matrix.
    let column: Int
    let count: Int
  }

  let view: ParameterView
  /// The kept outputs.
  let runs: [Run]
  /// The column of each stored output, nil for one that is not kept; only where a row is an output.
  private let columns: [Int?]
  /// The rows before the view's own: those of other experts.
  private let firstRow: Int
  private let rowCount: Int
  /// How many numbers a row has.
  let rowWidth: Int

  init(_ view: ParameterView, part: Int, of source: MatrixSource) {
    self.view = view
    var runs: [Run] = []
    var output = 0
    for range in view.storedOutputs {
      var stored = range.lowerBound
      while stored < range.upperBound {
        let column = source.column(of: output, part: part)
        let count = min(Kernels.panelWidth - column % Kernels.panelWidth, range.upperBound - stored)
        runs.append(Run(stored: stored, column: column, count: count))
        stored += count
        output += count
      }
    }
    self.runs = runs
    let inputs = view.inputCount ?? 1
    (rowCount, rowWidth) =
      view.layout == .inputsFirst
      ? (inputs, view.storedOutputCount) : (view.storedOutputCount, inputs)
    firstRow = (view.selection.expert ?? 0) * rowCount
    var columns: [Int?] = []
    if view.layout == .outputsFirst {
      columns = [Int?](repeating: nil, count: rowCount)
      for run in runs { for index in 0..<run.count { columns[run.stored + index] = run.column + index } }
    }
    self.columns = columns
  }

  /// Of a row of the tensor the input that it holds, or the column that it becomes; nil for none.
  func place(ofRow row: Int) -> Int? {
    guard (firstRow..<firstRow + rowCount).contains(row) else { return nil }
    return view.layout == .inputsFirst ? row - firstRow : columns[row - firstRow]
  }
}

extension StoredTensor {
  /// Calls `body(row, values)` for each row of `width` float32 values, which are valid during the call.
  fileprivate func withRows(width: Int, _ body: (Int, UnsafePointer<Float>) -> Void) {
    let rows = shape.reduce(1, *) / width
    let buffer = UnsafeMutablePointer<Float>.allocate(capacity: width)
    defer { buffer.deallocate() }
    bytes.withUnsafeBytes { raw in
      var released = 0
      for row in 0..<rows {
        copyRow(raw, first: row * width, count: width, to: buffer)
        body(row, buffer)
        let read = (row + 1) * width * type.byteCount
        guard read - released >= WeightPacker.releaseStep || row == rows - 1 else { continue }
        release(released..<read)
        released = read
      }
    }
  }

  private func copyRow(
    _ raw: UnsafeRawBufferPointer, first: Int, count: Int, to target: UnsafeMutablePointer<Float>
  ) {
    let start = first * type.byteCount
    switch type {
    case .float32:
      for index in 0..<count {
        let pattern = raw.loadUnaligned(fromByteOffset: start + index * 4, as: UInt32.self)
        target[index] = Float(bitPattern: UInt32(littleEndian: pattern))
      }
    case .float64:
      for index in 0..<count {
        let pattern = raw.loadUnaligned(fromByteOffset: start + index * 8, as: UInt64.self)
        target[index] = Float(Double(bitPattern: UInt64(littleEndian: pattern)))
      }
    case .float16, .bfloat16:
      for index in 0..<count {
        let pattern = raw.loadUnaligned(fromByteOffset: start + index * 2, as: UInt16.self)
        let little = UInt16(littleEndian: pattern)
        target[index] = type == .float16 ? widenFloat16(little) : widenBFloat16(little)
      }
    }
  }
}
