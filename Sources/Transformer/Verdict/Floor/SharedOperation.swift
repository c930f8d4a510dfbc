import CMoments
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// One operation as the reference computes it, shared out among all cores, without a widened copy of its parameters.
///
/// The outputs of a product are the reference's own loops over some columns of the matrix at a time, and rows of a table
/// are looked up where they are stored: every number is the one that the reference alone gives, whatever the number of
/// cores.
struct SharedOperation: Sendable {
  let operation: Operation
  /// The parameters that it reads, in float32.
  let parameters: [ParameterOperand]
  let inputs: Inputs
  private let weights: Weights

  init(_ operation: Operation, _ weights: Weights, _ inputs: Inputs) {
    self.operation = operation
    self.inputs = inputs
    self.weights = weights
    // Of a table only some rows are read.
    let isTable = operation.kind.payload is Embedding
    parameters = isTable ? [] : operation.parameters.map { Self.operand($0, weights) }
  }

  static func operand(_ view: ParameterView, _ weights: Weights) -> ParameterOperand {
    ParameterOperand(weights.storedFloat32(view.parameter), view)
  }

  /// Whether what it makes is made by all cores together; otherwise by the one that asks.
  var isShared: Bool { operation.kind.payload is Linear }

  /// What the reference makes of the activations that it reads.
  func value(_ activations: [Tensor<Double>]) -> Tensor<Double> {
    if let table = operation.kind.payload as? Embedding {
      let rows = inputs.ids(table.ids).map { $0 + table.offset }
      return weights.rows(rows, of: operation.parameters[0].parameter)
    }
    if let product = operation.kind.payload as? Linear { return value(of: product, activations[0]) }
    return operation.kind.value(
      Operands(activations, parameters: parameters.map(\.values)), in: inputs)
  }

  /// What it makes in each of several passes, by ``CMoments`` where it is a product: term by term in the order of the
  /// reference, and so the same numbers.
  func values(ofEach activations: [[Tensor<Double>]]) -> [Tensor<Double>] {
    if let product = operation.kind.payload as? Linear {
      return values(of: product, ofEach: activations.map { $0[0] })
    }
    let operands = parameters.map(\.values)
    return activations.indices.concurrentMap { pass in
      operation.kind.value(Operands(activations[pass], parameters: operands), in: inputs)
    }
  }

  // MARK: Products

  /// What a product makes: [T, out], or [n, T, d] where the outputs are split into n heads.
  private struct Outputs {
    let count: Int
    let rows: Int
    let heads: Int?

    var shape: [Int] { heads.map { [$0, rows, count / $0] } ?? [rows, count] }

    func place(row: Int, output: Int) -> Int {
      guard let heads else { return row * count + output }
      let (head, column) = output.quotientAndRemainder(dividingBy: count / heads)
      return (head * rows + row) * (count / heads) + column
    }
  }

  /// Outputs of a piece: enough to make its one transposition of the input cheap, few enough for all cores and for the
  /// memory of a widened piece.
  private static let pieceWidth = 128

  private func value(of product: Linear, _ x: Tensor<Double>) -> Tensor<Double> {
    let pieces = parameters.map { ParameterPieces($0.stored, $0.view) }
    let outputs = Outputs(
      count: parameters[0].view.outputCount, rows: x.rowCount, heads: product.heads)
    let plain = Linear(limit: product.limit)
    let width = Self.pieceWidth
    let values = [Double](count: outputs.count * outputs.rows) { values in
      _ = (0..<(outputs.count + width - 1) / width).concurrentMap { piece in
        let range = piece * width..<min(outputs.count, (piece + 1) * width)
        let y = plain.value(Operands([x], parameters: pieces.map { $0[range] }), in: inputs)
        for row in 0..<outputs.rows {
          for (column, output) in range.enumerated() {
            values.set(outputs.place(row: row, output: output), y[row, column])
          }
        }
      }
    }
    return Tensor(values, shape: outputs.shape)
  }

  /// Strips of eight columns that are multiplied together.
  private static let stripCount = 4

  private func values(of product: Linear, ofEach x: [Tensor<Double>]) -> [Tensor<Double>] {
    let matrix = parameters[0].matrix
    let bias = parameters.dropFirst().first?.vector
    let outputs = Outputs(count: matrix.columns, rows: x[0].rowCount, heads: product.heads)
    let width = 8 * Self.stripCount
    return Self.arrays(x.count, of: outputs.count * outputs.rows) { passes in
      _ = (0..<(outputs.count + width - 1) / width).concurrentMap { group in
        let columns = group * width..<min(outputs.count, (group + 1) * width)
        var strips: [SIMD8<Double>] = []
        var starts: [SIMD8<Double>] = []
        for first in stride(from: columns.lowerBound, to: columns.upperBound, by: 8) {
          strips += matrix.strip(from: first)
          var start = SIMD8<Double>.zero
          for lane in 0..<min(8, columns.upperBound - first) { start[lane] = bias?[first + lane] ?? 0 }
          starts.append(start)
        }
        var sums = [SIMD8<Double>](repeating: .zero, count: outputs.rows * starts.count)
        for (pass, x) in zip(passes, x) where outputs.rows > 0 {
          touchstone_sums(x.values, outputs.rows, matrix.rows, strips, starts.count, starts, &sums)
          for row in 0..<outputs.rows {
            for output in columns {
              let (strip, lane) = (output - columns.lowerBound).quotientAndRemainder(dividingBy: 8)
              let sum = sums[row * starts.count + strip][lane]
              pass.set(
                outputs.place(row: row, output: output), product.limit == nil ? sum : product.clipped(sum))
            }
          }
        }
      }
    }.map { Tensor($0, shape: outputs.shape) }
  }

  /// Several arrays that are filled side by side.
  private static func arrays(
    _ count: Int, of size: Int, filledBy fill: ([Slots<Double>]) -> Void
  ) -> [[Double]] {
    var others: [[Double]] = []
    func array(_ left: Int, _ slots: [Slots<Double>]) {
      guard left > 0 else { return fill(slots) }
      others.append([Double](count: size) { array(left - 1, slots + [$0]) })
    }
    array(count, [])
    // The innermost is complete first.
    return others.reversed()
  }
}

/// The reference on all cores, for models that are large: the same numbers, sooner and in less memory.
public struct SharedReference: Transformer {
  private let weights: Weights

  /// The model it computes.
  public var graph: Graph { weights.graph }

  /// The reference of one model.
  public init(_ weights: Weights) {
    self.weights = weights
  }

  /// Computes a whole sequence and hands every activation to `observe`, in the order of computation.
  public func forward(
    _ inputs: Inputs, observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    try forward(inputs, through: nil, observe: observe)
  }

  /// The same, no further than the last operation of some layers; nil for all.
  public func forward(
    _ inputs: Inputs, through layers: LayerRange?, observe: (Activation, Tensor<Double>) throws -> Void
  ) rethrows {
    try Executor(weights, inputs).walk(
      through: layers.map(graph.prefix(through:)), from: { _ in nil },
      computing: { operation, activations, inputs in
        defer { weights.release(operation) }
        return SharedOperation(operation, weights, inputs).value(activations)
      }, observing: observe)
  }
}

extension Weights {
  /// Some rows of a table, widened exactly to float64.
  fileprivate func rows(_ rows: [Int], of parameter: Parameter) -> Tensor<Double> {
    guard let table = stored[parameter.name] else { preconditionFailure("the model has no \(parameter)") }
    return table.rows(rows).float32().converted(to: Double.self)
  }

  /// Gives back the memory of a mapped file that an operation's parameters take.
  func release(_ operation: Operation) {
    for view in operation.parameters { stored[view.parameter.name]?.release() }
  }
}
