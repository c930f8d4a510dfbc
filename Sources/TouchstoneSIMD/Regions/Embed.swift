import TouchstoneGraph
import TouchstoneModel

/// The embedding of each token, and of its type and position where there are tables of them, into the stream.
///
/// Clauses: EMB-1, POS-1, POS-3.
struct Embed: Region {
  /// Rows of a table, one for each id.
  private struct Table {
    let output: Activation
    /// The row of the id 0.
    let offset: Int
    let storage: Storage

    enum Storage {
      /// Row by row.
      case rows(WeightLayout.Offset)
      /// The columns of a packed matrix: the unembedding is the same table.
      case columns(PackedMatrix)
    }

    /// Where the row of an id begins, and how far apart its values stand.
    func row(_ id: Int, width: Int, in weights: UnsafePointer<Float>) -> (UnsafePointer<Float>, Int) {
      switch storage {
      case .rows(let first): return (weights + first + (id + offset) * width, 1)
      case .columns(let matrix):
        let (panel, column) = (id + offset).quotientAndRemainder(dividingBy: Kernels.panelWidth)
        return (weights + matrix.panels + panel * matrix.panelStride + column, Kernels.panelWidth)
      }
    }
  }

  private let tokens: Table
  /// What is added, in this order.
  private let others: [(ids: Input, table: Table)]
  private let sum: Activation?
  private let place: Place

  init?(_ reader: inout GraphReader) {
    guard let token = reader.take(Embedding.self, where: { $0.kind.ids.own == .tokenIDs }) else { return nil }
    let table = token.parameters[0].parameter
    let storage: Table.Storage =
      if let matrix = reader.graph.matrix(ofRowsOf: table) {
        .columns(reader.matrix(matrix))
      } else {
        .rows(reader.table(table))
      }
    tokens = Table(output: token.output, offset: token.kind.offset, storage: storage)
    var others: [(ids: Input, table: Table)] = []
    while let other = reader.take(Embedding.self, where: { $0.kind.ids.own != .tokenIDs }) {
      let rows = Table.Storage.rows(reader.table(other.parameters[0].parameter))
      others.append(
        (other.kind.ids, Table(output: other.output, offset: other.kind.offset, storage: rows)))
    }
    self.others = others
    guard !others.isEmpty else {
      sum = nil
      place = reader.put(token.output, in: .stream)
      return
    }
    let summands = [token.output] + others.map(\.table.output)
    guard let sum = reader.take(Sum.self, where: { $0.inputs == summands }) else { return nil }
    self.sum = sum.output
    place = reader.put(sum.output, in: .stream)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let (width, stream) = (place.width, machine.workspace[.stream])
    let (kernels, weights) = (machine.kernels, machine.weights)
    let tokenIDs = Array(rows.tokenIDs.suffix(rows.count))
    let otherIDs = others.map { Array(rows.ids($0.ids).suffix(rows.count)) }
    func copy(_ table: Table, _ id: Int, to row: Int) {
      let (first, stride) = table.row(id, width: width, in: weights)
      kernels.gather(first, stride, width, stream.row(row))
    }
    if let observe, !others.isEmpty {
      for (table, ids) in zip([tokens] + others.map(\.table), [tokenIDs] + otherIDs) {
        for (row, id) in ids.enumerated() { copy(table, id, to: row) }
        try observe(table.output, machine.tensor(place, rows.count))
      }
    }
    machine.forEachRow(rows.count, width: width) { row in
      copy(tokens, tokenIDs[row], to: row)
      for (other, ids) in zip(others, otherIDs) {
        let (addend, _) = other.table.row(ids[row], width: width, in: weights)
        kernels.add(stream.row(row), addend, width, stream.row(row))
      }
    }
    try observe?(sum ?? tokens.output, machine.tensor(place, rows.count))
  }
}

extension Rows {
  /// The ids that a table is looked up by.
  fileprivate func ids(_ input: Input) -> [Int] {
    switch input.own {
    case .positionIDs: positionIDs
    case .tokenTypeIDs: tokenTypeIDs
    default: tokenIDs
    }
  }
}

/// The embedding of each position by itself, where something is done to those of the tokens before they are added.
///
/// Clauses: POS-1.
struct EmbedPositions: Region {
  private let output: Activation
  private let offset: Int
  private let table: WeightLayout.Offset
  private let place: Place

  init?(_ reader: inout GraphReader) {
    guard let position = reader.take(Embedding.self, where: { $0.kind.ids.own == .positionIDs }),
      let buffer = reader.free(.stream, .normed, .normedToo)
    else { return nil }
    output = position.output
    offset = position.kind.offset
    table = reader.table(position.parameters[0].parameter)
    place = reader.put(output, in: buffer)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let positionIDs = Array(rows.positionIDs.suffix(rows.count))
    let (weights, target) = (machine.weights, machine.workspace.rows(of: place))
    machine.forEachRow(rows.count, width: place.width) { row in
      let source = weights + table + (positionIDs[row] + offset) * place.width
      target.row(row).update(from: source, count: place.width)
    }
    try observe?(output, machine.tensor(place, rows.count))
  }
}

extension Graph {
  /// The matrix of the linear operation that multiplies with the rows of a table; nil where there is none.
  fileprivate func matrix(ofRowsOf table: Parameter) -> MatrixSource? {
    operations.lazy.compactMap { operation -> MatrixSource? in
      guard operation.kind.payload is Linear, operation.parameters[0] == ParameterView(table) else {
        return nil
      }
      return MatrixSource(MatrixSource.Part(operation.parameters))
    }.first
  }
}
