import TouchstoneGraph
import TouchstoneModel

/// Queries, keys and values: products of one vector, in one packed matrix, side by side.
///
/// Clauses: KER-1.
struct ProjectHeads: Region {
  private let matrix: PackedMatrix
  private let input: Place
  private let outputs: [(activation: Activation, place: Place)]

  init?(_ reader: inout GraphReader) {
    guard let first = reader.take(Linear.self, where: { $0.kind.heads != nil }),
      let input = reader.place(of: first.inputs[0])
    else { return nil }
    var products = [first]
    while let other = reader.take(Linear.self, where: { $0.kind.heads != nil && $0.inputs == first.inputs }) {
      products.append(other)
    }
    var column = 0
    var outputs: [(Activation, Place)] = []
    for product in products {
      let place = reader.put(product.output, in: .projections, column: column)
      outputs.append((product.output, place))
      column += place.width
    }
    guard input.buffer != .projections else { return nil }
    matrix = reader.matrix(MatrixSource(products.map { MatrixSource.Part($0.parameters) }))
    self.input = input
    self.outputs = outputs
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    machine.multiply(
      machine.workspace.buffer(input), matrix, to: machine.workspace[.projections], rows: rows.count)
    guard let observe else { return }
    for (activation, place) in outputs { try observe(activation, machine.tensor(place, rows.count)) }
  }
}

/// A product that is added to the stream.
///
/// Clauses: KER-1, RES-3, RES-4.
struct ProjectOnto: Region {
  private let matrix: PackedMatrix
  private let input: Place
  private let product: (activation: Activation, place: Place)
  private let sum: (activation: Activation, place: Place)

  init?(_ reader: inout GraphReader) {
    guard let linear = reader.take(Linear.self, where: { $0.kind.heads == nil }),
      let input = reader.place(of: linear.inputs[0]), ![.stream, .projected].contains(input.buffer),
      let sum = reader.take(
        Sum.self, where: { $0.inputs.count == 2 && $0.inputs.contains(linear.output) }),
      let stream = sum.inputs.first(where: { $0 != linear.output }), let place = reader.place(of: stream),
      place.buffer == .stream
    else { return nil }
    matrix = reader.matrix(MatrixSource(MatrixSource.Part(linear.parameters)))
    self.input = input
    product = (linear.output, reader.put(linear.output, in: .projected))
    self.sum = (sum.output, reader.put(sum.output, in: .stream))
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let (stream, projected) = (machine.workspace[.stream], machine.workspace[.projected])
    let kernels = machine.kernels
    machine.multiply(machine.workspace.buffer(input), matrix, to: projected, rows: rows.count) {
      row, column, count in
      let target = stream.row(row) + column
      kernels.add(target, projected.row(row) + column, count, target)
    }
    try observe?(product.activation, machine.tensor(product.place, rows.count))
    try observe?(sum.activation, machine.tensor(sum.place, rows.count))
  }
}
