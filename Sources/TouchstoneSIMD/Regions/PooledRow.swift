import TouchstoneGraph
import TouchstoneModel

/// The row that stands for the text, and what is projected of it alone.
///
/// Clauses: KER-1, ENC-2, ENC-3.
struct PooledRow: Region {
  private let picked: (activation: Activation, place: Place)
  private let source: Place
  private let rule: PickedRow.Rule
  private let pooled: FeedForwardInput?
  private let output: Project?

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
    pooled = next(FeedForwardInput.self, reading: row.output)
    output = next(Project.self, reading: pooled?.result ?? row.output)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let workspace = machine.workspace
    let token = rule.token(of: rows.tokenIDs) - rows.dropped
    workspace.row(0, of: picked.place).update(from: workspace.row(token, of: source), count: source.width)
    let one = rows.last(1)
    try observe?(picked.activation, machine.tensor(picked.place, 1))
    try pooled?.run(one, on: machine, observe: observe)
    try output?.run(one, on: machine, observe: observe)
  }
}
