import TouchstoneGraph
import TouchstoneModel
import TouchstoneReports

/// The attention of some heads of a block, rendered.
public struct AttentionReport: Sendable {
  private let pattern: AttentionPattern
  private let heads: [Int]
  private let text: TokenText

  /// Joins a pattern with the names of its tokens.
  ///
  /// - Parameter heads: which heads to show.
  /// - Throws: ``BadInput`` for a head that is not there.
  public init(_ pattern: AttentionPattern, heads: [Int], text: TokenText) throws(BadInput) {
    if let bad = heads.first(where: { !(0..<pattern.headCount).contains($0) }) {
      throw BadInput(
        place: "head", problem: "\(bad) is outside 0…\(pattern.headCount - 1)",
        remedy: "name a head of the model")
    }
    self.pattern = pattern
    self.heads = heads
    self.text = text
  }

  /// For each head, each token and the three that it attends to most, for a person.
  public func terminal() -> String {
    heads.map { head in
      let weights = pattern.head(head)
      var table = AlignedColumns(
        [false, true, false, true, false, true, false].map { AlignedColumns.Column(isRight: $0) })
      for query in 0..<pattern.inputs.count {
        let keys = pattern.keys(seenFrom: query).sorted {
          (weights[query, $1], $1) < (weights[query, $0], $0)
        }.prefix(3)
        let cells = keys.flatMap { [percent(weights[query, $0], digits: 1), name($0, in: pattern.keys)] }
        table.add([name(query, in: pattern.inputs)] + cells + [String](repeating: "", count: 6 - cells.count))
      }
      let title = "layer \(pattern.layer), head \(head): each token and the three it attends to most"
      return ([title] + table.lines()).joined(separator: "\n") + "\n"
    }.joined(separator: "\n")
  }

  /// One JSON object with every weight.
  public func json() -> String {
    OrderedJSON.object(
      [
        ("layer", .integer(pattern.layer)),
        ("tokens", .array(members(pattern.inputs))),
      ]
        + (pattern.keys == pattern.inputs
          ? [] : [("keys", .array(members(pattern.keys)))]) + [
          (
            "heads",
            .array(
              heads.map { head in
                let weights = pattern.head(head)
                let rows = (0..<weights.rowCount).map {
                  OrderedJSON.array(weights.row($0).map { .number($0) })
                }
                return .object([("head", .integer(head)), ("weights", .array(rows))])
              })
          )
        ]
    ).text() + "\n"
  }

  /// A heat map of the same heads.
  ///
  /// - Throws: ``BadInput`` for a sequence too long to draw.
  public func svg() throws(BadInput) -> String {
    guard !pattern.keys.tokenIDs.isEmpty || pattern.inputs.tokenIDs.isEmpty else {
      return try AttentionPicture(
        pattern, heads: heads, labels: labels(pattern.inputs), frameCount: pattern.keys.count
      ).svg
    }
    return try AttentionPicture(
      pattern, heads: heads, labels: labels(pattern.inputs), keyLabels: labels(pattern.keys)
    ).svg
  }

  /// A token in quotes, or which moment of a sound it is.
  private func name(_ position: Int, in inputs: Inputs) -> String {
    !inputs.tokenIDs.isEmpty ? text.quoted(inputs.tokenIDs[position]) : "frame \(position)"
  }

  private func labels(_ inputs: Inputs) -> [String] {
    !inputs.tokenIDs.isEmpty ? inputs.tokenIDs.map(text.visible) : (0..<inputs.count).map { "\($0)" }
  }

  private func members(_ inputs: Inputs) -> [OrderedJSON] {
    !inputs.tokenIDs.isEmpty
      ? inputs.tokenIDs.map { .object(text.members($0)) }
      : (0..<inputs.count).map { .object([("frame", .integer($0))]) }
  }
}
