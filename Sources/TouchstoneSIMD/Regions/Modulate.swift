import TouchstoneGraph
import TouchstoneModel

/// An array that the model is given, as it stands: vectors in the stream, or the row of a condition.
///
/// Clauses: PIC-1.
struct TakeGiven: Region {
  private let input: Input
  private let output: Activation
  private let place: Place

  init?(_ reader: inout GraphReader) {
    guard let given = reader.take(Given.self, where: { [.hidden, .condition].contains($0.kind.input) }) else {
      return nil
    }
    input = given.kind.input
    output = given.output
    place = reader.put(output, in: input == .hidden ? .stream : .condition)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    guard let array = rows.arrays[input] else { return }
    let target = machine.workspace.rows(of: place)
    for row in 0..<array.rowCount {
      for (column, value) in array.row(row).enumerated() { target.row(row)[column] = value }
    }
    try observe?(output, array)
  }
}

/// What a block makes of the condition: a nonlinearity, and a product of its one row.
///
/// Clauses: KER-1, KER-7 to KER-9, MOD-1.
struct ReadCondition: Region {
  private let condition: Place
  private let function: ActivationFunction.Function
  private let activated: (activation: Activation, place: Place)
  private let matrix: PackedMatrix
  private let made: (activation: Activation, place: Place)

  init?(_ reader: inout GraphReader) {
    guard let activated = reader.take(ActivationFunction.self, where: { $0.kind.limit == nil }),
      let condition = reader.place(of: activated.inputs[0]), condition.buffer == .condition,
      let linear = reader.take(Linear.self, where: { $0.kind == Linear() && $0.inputs == [activated.output] })
    else { return nil }
    self.condition = condition
    function = activated.kind.function
    self.activated = (activated.output, reader.put(activated.output, in: .gathered))
    matrix = reader.matrix(MatrixSource(MatrixSource.Part(linear.parameters)))
    made = (linear.output, reader.put(linear.output, in: .modulations))
  }

  func run(_: Rows, on machine: Machine, observe: Observer?) throws {
    let workspace = machine.workspace
    let row = workspace.row(0, of: activated.place)
    machine.kernels.function(function)(workspace.row(0, of: condition), condition.width, row)
    try observe?(activated.activation, machine.tensor(activated.place, 1))
    machine.multiply(workspace.buffer(activated.place), matrix, to: workspace.buffer(made.place), rows: 1)
    try observe?(made.activation, machine.tensor(made.place, 1))
  }
}

/// Rows modulated in their place.
///
/// Clauses: KER-27, MOD-2, MOD-3.
struct Modulate: Region {
  private let kind: Modulation
  private let output: Activation
  private let place: Place
  private let condition: Place

  init?(_ reader: inout GraphReader) {
    guard let modulation = reader.take(Modulation.self),
      let place = reader.place(of: modulation.inputs[0]), place.heads == nil,
      let condition = reader.place(of: modulation.inputs[1]), condition.buffer == .modulations
    else { return nil }
    kind = modulation.kind
    output = modulation.output
    self.place = reader.put(output, over: place)
    self.condition = condition
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let (kind, width) = (kind, place.width)
    let numbers = machine.workspace.row(0, of: condition)
    let target = machine.workspace.rows(of: place)
    let plus = Float(kind.plus)
    machine.forEachRow(rows.count, width: width) { row in
      let values = target.row(row)
      for column in 0..<width {
        let number = numbers[kind.scale * width + column]
        let product = values[column] * (plus == 0 ? number : plus + number)
        values[column] = kind.shift.map { product + numbers[$0 * width + column] } ?? product
      }
    }
    try observe?(output, machine.tensor(place, rows.count))
  }
}
