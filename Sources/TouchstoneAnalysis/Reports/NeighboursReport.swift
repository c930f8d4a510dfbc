import TouchstoneGraph
import TouchstoneModel
import TouchstoneReports
import TouchstoneVerdict

/// The tokens nearest to a point of the embedding space, rendered.
public struct NeighboursReport: Sendable {
  private let point: String
  private let similarity: EmbeddingSpace.Similarity
  private let neighbours: [EmbeddingSpace.Neighbour]
  private let text: TokenText

  /// Joins what was asked with what was found.
  ///
  /// - Parameter point: the point as a formula over words, such as `" your" - " you" + " thou"`.
  public init(
    point: String, similarity: EmbeddingSpace.Similarity, neighbours: [EmbeddingSpace.Neighbour],
    text: TokenText
  ) {
    self.point = point
    self.similarity = similarity
    self.neighbours = neighbours
    self.text = text
  }

  /// A list for a person.
  public func terminal() -> String {
    var table = AlignedColumns([true, false, true].map { AlignedColumns.Column(isRight: $0) })
    table.add([similarity.rawValue, "token", "id"])
    for neighbour in neighbours {
      table.add([fixed(neighbour.similarity, 3), text.quoted(neighbour.id), String(neighbour.id)])
    }
    return (["nearest to \(Escaping.line(point))"] + table.lines()).joined(separator: "\n") + "\n"
  }

  /// One JSON object.
  public func json() -> String {
    OrderedJSON.object([
      ("nearest_to", .string(point)),
      ("similarity", .string(similarity.rawValue)),
      (
        "tokens",
        .array(
          neighbours.map {
            .object(text.members($0.id) + [("similarity", .number($0.similarity))])
          })
      ),
    ]).text() + "\n"
  }
}

/// How far pairs of words lie along a direction of the embedding space, rendered.
public struct DirectionReport: Sendable {
  private let from: Word
  private let to: Word
  private let pairs: [(from: Word, to: Word)]
  private let projections: [(from: Double, to: Double)]

  /// Measures pairs of words along the step from one word to another.
  public init(from: Word, to: Word, pairs: [(from: Word, to: Word)], space: EmbeddingSpace) {
    let direction = space.direction(from: from.token, to: to.token)
    self.from = from
    self.to = to
    self.pairs = pairs
    projections = pairs.map {
      (space.projection(of: $0.from.token, on: direction), space.projection(of: $0.to.token, on: direction))
    }
  }

  /// A table for a person.
  public func terminal() -> String {
    var table = AlignedColumns([false, true, false, true, true].map { AlignedColumns.Column(isRight: $0) })
    table.add(["from", "along", "to", "along", "step"])
    for (pair, along) in zip(pairs, projections) {
      table.add([
        "\(pair.from)", fixed(along.from, 3), "\(pair.to)", fixed(along.to, 3),
        (along.to < along.from ? "" : "+") + fixed(along.to - along.from, 3),
      ])
    }
    return
      (["the direction from \(from) to \(to)"] + table.lines()
      + ["\(rising) of \(counted(pairs.count, "pair")) \(pairs.count == 1 ? "lies" : "lie") along it"])
      .joined(separator: "\n") + "\n"
  }

  /// One JSON object.
  public func json() -> String {
    OrderedJSON.object([
      ("from", .string(from.text)), ("to", .string(to.text)), ("along", .integer(rising)),
      (
        "pairs",
        .array(
          zip(pairs, projections).map { pair, along in
            .object([
              ("from", .string(pair.from.text)), ("from_along", .number(along.from)),
              ("to", .string(pair.to.text)), ("to_along", .number(along.to)),
            ])
          })
      ),
    ]).text() + "\n"
  }

  private var rising: Int { projections.count { $0.to > $0.from } }
}
