import TouchstoneGraph
import TouchstoneModel

/// Keys of two parts: each head's own columns, and turned ones that all heads share; queries that turn before them too.
///
/// Clauses: KER-14.
struct JoinedKeys: Region {
  private let turned: [(output: Activation, place: Place, turn: Turn)]
  private let joined: (activation: Activation, place: Place)
  private let own: Place
  private let shared: Place

  init?(_ reader: inout GraphReader) {
    var turned: [(Activation, Place, Turn)] = []
    while let rotate = reader.take(Rotate.self) {
      guard let place = reader.place(of: rotate.inputs[0]) else { return nil }
      let turn = Turn(rotate.kind, number: reader.rotation(rotate.kind))
      turned.append((rotate.output, reader.put(rotate.output, over: place), turn))
    }
    guard let joined = reader.take(JoinedColumns.self), let own = reader.place(of: joined.inputs[0]),
      let shared = reader.place(of: joined.inputs[1]), ![own.buffer, shared.buffer].contains(.keys)
    else { return nil }
    self.turned = turned
    self.own = own
    self.shared = shared
    self.joined = (joined.output, reader.put(joined.output, in: .keys))
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let workspace = machine.workspace
    for (_, place, turn) in turned {
      let stride = workspace[place.buffer].stride
      for head in 0..<(place.heads ?? 1) {
        turn.turn(
          workspace.row(0, of: place) + head * place.headWidth, stride: stride, rows: 0..<rows.count,
          with: machine)
      }
    }
    let (left, right) = (workspace.rows(of: own), workspace.rows(of: shared))
    let (target, heads) = (workspace.rows(of: joined.place), joined.place.heads ?? 1)
    let (width, ownWidth, sharedWidth) = (joined.place.headWidth, own.headWidth, shared.headWidth)
    machine.forEachRow(rows.count, width: joined.place.width) { row in
      for head in 0..<heads {
        let key = target.row(row) + head * width
        key.update(from: left.row(row) + head * ownWidth, count: ownWidth)
        let other = shared.heads == 1 ? 0 : head
        (key + ownWidth).update(from: right.row(row) + other * sharedWidth, count: sharedWidth)
      }
    }
    guard let observe else { return }
    for (activation, place, _) in turned { try observe(activation, machine.tensor(place, rows.count)) }
    try observe(joined.activation, machine.tensor(joined.place, rows.count))
  }
}
