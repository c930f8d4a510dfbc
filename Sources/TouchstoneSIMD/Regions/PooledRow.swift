import TouchstoneGraph
import TouchstoneModel

/// The row that stands for the whole, and what is made of it alone: its norm, projections, probabilities.
///
/// Clauses: KER-1, KER-3, KER-5, ENC-2, ENC-3.
struct PooledRow: Region {
  private let picked: (activation: Activation, place: Place)
  private let source: Place
  private let rule: PickedRow.Rule
  private let norm: Norm?
  private let pooled: FeedForwardInput?
  private let output: Project?
  private let probabilities: Activation?

  init?(_ reader: inout GraphReader) {
    guard let row = reader.take(PickedRow.self), let source = reader.place(of: row.inputs[0]) else {
      return nil
    }
    self.source = source
    rule = row.kind.rule
    picked = (row.output, reader.put(row.output, in: .gathered))
    /// A region of what was made of the row; nil where what comes next reads something else.
    func next<Kind: Region>(_: Kind.Type, reading activation: Activation?) -> Kind? {
      guard let activation, reader.next?.inputs == [activation] else { return nil }
      var attempt = reader
      guard let region = Kind(&attempt) else { return nil }
      reader = attempt
      return region
    }
    norm = next(Norm.self, reading: row.output)
    let read = norm?.output ?? row.output
    pooled = next(FeedForwardInput.self, reading: read)
    let output = next(Project.self, reading: pooled?.result ?? read)
    self.output = output
    probabilities =
      reader.take(
        Softmax.self,
        where: { output.map { [$0.output.activation] } == $0.inputs && $0.kind.temperature == 1 }
      )?.output
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let workspace = machine.workspace
    let token = rule.token(of: rows.tokenIDs) - rows.dropped
    workspace.row(0, of: picked.place).update(from: workspace.row(token, of: source), count: source.width)
    let one = rows.last(1)
    try observe?(picked.activation, machine.tensor(picked.place, 1))
    try norm?.run(one, on: machine, observe: observe)
    try pooled?.run(one, on: machine, observe: observe)
    try output?.run(one, on: machine, observe: observe)
    guard let probabilities, let place = output?.output.place else { return }
    machine.kernels.softmax(workspace.row(0, of: place), place.width, 1, nil)
    try observe?(probabilities, machine.tensor(place, 1))
  }
}
