import TouchstoneGraph
import TouchstoneModel

/// The same numbers under another name.
struct Rename: Region {
  private let output: Activation
  private let place: Place

  init?(_ reader: inout GraphReader) {
    guard let identity = reader.take(Identity.self), let place = reader.place(of: identity.inputs[0]) else {
      return nil
    }
    reader.put(identity.output, beside: identity.inputs[0])
    output = identity.output
    self.place = place
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    try observe?(output, machine.tensor(place, rows.count))
  }
}

/// The numbers times a constant, in their place.
///
/// Clauses: KER-16.
struct Scaled: Region {
  private let output: Activation
  private let factor: Float
  private let place: Place

  init?(_ reader: inout GraphReader) {
    guard let scale = reader.take(Scale.self), let place = reader.place(of: scale.inputs[0]) else {
      return nil
    }
    output = scale.output
    factor = Float(scale.kind.factor)
    self.place = reader.put(output, over: place)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let target = machine.workspace.rows(of: place)
    machine.forEachRow(rows.count, width: place.width) { row in
      let values = target.row(row)
      for index in 0..<place.width { values[index] *= factor }
    }
    try observe?(output, machine.tensor(place, rows.count))
  }
}

/// The sum of what stands in several buffers, over the first or second of them.
///
/// Clauses: KER-16, RES-3, RES-4.
struct Combine: Region {
  private let output: Activation
  private let place: Place
  /// What is added, in this order.
  private let others: [Place]

  init?(_ reader: inout GraphReader) {
    guard let sum = reader.take(Sum.self) else { return nil }
    var places: [Place] = []
    for input in sum.inputs {
      guard let place = reader.place(of: input), place.heads == nil else { return nil }
      places.append(place)
    }
    // a + b is b + a: the stream takes the sum where it is one of the first two, else the first does.
    let target = places.prefix(2).firstIndex { $0.buffer == .stream } ?? 0
    place = reader.put(sum.output, over: places.remove(at: target))
    guard !places.contains(where: place.overlaps) else { return nil }
    others = places
    output = sum.output
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let (workspace, kernels) = (machine.workspace, machine.kernels)
    let (target, others) = (workspace.rows(of: place), others.map(workspace.rows(of:)))
    machine.forEachRow(rows.count, width: place.width) { row in
      let values = target.row(row)
      for other in others { kernels.add(values, other.row(row), place.width, values) }
    }
    try observe?(output, machine.tensor(place, rows.count))
  }
}
