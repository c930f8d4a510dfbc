import TouchstoneGraph
import TouchstoneModel

/// Queries, keys and values: products of one vector, in one packed matrix, side by side, and clipped where they are; behind
/// others that are still read.
///
/// Clauses: KER-1, ATT-30.
struct ProjectHeads: Region {
  private let matrix: PackedMatrix
  private let input: Place
  private let outputs: [(activation: Activation, place: Place)]
  /// The first of their columns.
  private let column: Int
  /// Beyond which all are clipped; nil for none.
  private let clipping: Linear?

  init?(_ reader: inout GraphReader) {
    guard let first = reader.take(Linear.self, where: { $0.kind.heads != nil }),
      let input = reader.place(of: first.inputs[0])
    else { return nil }
    var products = [first]
    while let other = reader.take(
      Linear.self,
      where: {
        $0.kind.heads != nil && $0.inputs == first.inputs && $0.kind.limit == first.kind.limit
      })
    {
      products.append(other)
    }
    // Pairs of panels are written whole.
    let taken = reader.placesStillRead.filter { $0.buffer == .projections }.map { $0.column + $0.width }.max()
    column = roundedUp(taken ?? 0, to: Kernels.pairWidth)
    var next = column
    var outputs: [(Activation, Place)] = []
    for product in products {
      let place = reader.put(product.output, in: .projections, column: next)
      outputs.append((product.output, place))
      next += place.width
    }
    guard input.buffer != .projections else { return nil }
    clipping = first.kind.limit == nil ? nil : first.kind
    matrix = reader.matrix(MatrixSource(products.map { MatrixSource.Part($0.parameters) }))
    self.input = input
    self.outputs = outputs
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let buffer = machine.workspace[.projections].from(column: column)
    let clip = clipping.map { clipping in
      { (row: Int, column: Int, count: Int) in
        let values = buffer.row(row) + column
        for index in 0..<count { values[index] = clipping.clipped(values[index]) }
      }
    }
    machine.multiply(
      machine.workspace.buffer(input), matrix, to: buffer, rows: rows.count, finish: clip)
    guard let observe else { return }
    for (activation, place) in outputs { try observe(activation, machine.tensor(place, rows.count)) }
  }
}

/// A product that is added to what stands in a buffer: the stream.
///
/// Clauses: KER-1, RES-3, RES-4.
struct ProjectOnto: Region {
  private let project: Project
  private let sum: (activation: Activation, place: Place)

  init?(_ reader: inout GraphReader) {
    guard let project = Project(&reader),
      let sum = reader.take(
        Sum.self, where: { $0.inputs.count == 2 && $0.inputs.contains(project.output.activation) }),
      let stream = sum.inputs.first(where: { $0 != project.output.activation }),
      let place = reader.place(of: stream), place.heads == nil,
      ![project.output.place.buffer, project.input.buffer].contains(place.buffer)
    else { return nil }
    self.project = project
    self.sum = (sum.output, reader.put(sum.output, over: place))
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let (workspace, kernels) = (machine.workspace, machine.kernels)
    let (product, stream) = (workspace[project.output.place.buffer], workspace.buffer(sum.place))
    project.multiply(rows, on: machine) { row, column, count in
      let target = stream.row(row) + column
      kernels.add(target, product.row(row) + column, count, target)
    }
    try project.show(rows, on: machine, observe: observe)
    try observe?(sum.activation, machine.tensor(sum.place, rows.count))
  }
}

/// A product by itself.
///
/// Clauses: KER-1.
struct Project: Region {
  let input: Place
  let output: (activation: Activation, place: Place)
  private let matrix: PackedMatrix

  init?(_ reader: inout GraphReader) {
    guard let linear = reader.take(Linear.self, where: { $0.kind == Linear() }),
      let input = reader.place(of: linear.inputs[0]),
      let buffer = reader.free(.projected, .projectedToo), buffer != input.buffer
    else { return nil }
    matrix = reader.matrix(MatrixSource(MatrixSource.Part(linear.parameters)))
    self.input = input
    output = (linear.output, reader.put(linear.output, in: buffer))
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    multiply(rows, on: machine)
    try show(rows, on: machine, observe: observe)
  }

  func multiply(
    _ rows: Rows, on machine: Machine, finish: ((_ row: Int, _ column: Int, _ count: Int) -> Void)? = nil
  ) {
    let workspace = machine.workspace
    machine.multiply(
      workspace.buffer(input), matrix, to: workspace[output.place.buffer], rows: rows.count, finish: finish)
  }

  func show(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    try observe?(output.activation, machine.tensor(output.place, rows.count))
  }
}
