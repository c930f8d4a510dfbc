/// What the elements along one axis of an activation are.
public enum Axis: Hashable, Sendable {
  /// The tokens of the sequence: T.
  case token
  /// Some of the tokens.
  case rows(TokenSelection)
  /// The tokens that ask, one row of scores each: T.
  case query
  /// The tokens that are asked, one column of scores each: T.
  case key
  /// The tokens of the source that are asked, one column of scores each: S.
  case sourceKey
  /// Attention heads.
  case head(Int)
  /// Numbers of a vector: the residual stream's, a head's, the feed-forward block's.
  case unit(Int)
  /// The experts that a token goes to, best first.
  case slot(Int)
  /// Moments of a sound.
  case frame(Int)
  /// Rows that are no tokens: patches of a picture, or the one of a condition.
  case row(Int)
  /// Token ids.
  case vocabulary(Int)

  /// Whether it counts tokens, all or some.
  package var isOfTokens: Bool { if case .rows = self { true } else { self == .token } }

  /// Whether it counts what is asked.
  package var isOfKeys: Bool { self == .key || self == .sourceKey }

  /// How many elements there are, for a sequence of `tokenCount` tokens; of some tokens, for as many of those.
  ///
  /// - Parameter sourceCount: how many tokens the source has that is attended to; as many unless given.
  public func extent(tokenCount: Int, sourceCount: Int? = nil) -> Int {
    switch self {
    case .token, .rows, .query, .key: tokenCount
    case .sourceKey: sourceCount ?? tokenCount
    case .head(let count), .unit(let count), .slot(let count), .frame(let count), .row(let count),
      .vocabulary(let count):
      count
    }
  }

  /// The word before an index along this axis, as in `token 7, unit 211`.
  public var name: String {
    switch self {
    case .token: "token"
    case .rows: "row"
    case .query: "query"
    case .key, .sourceKey: "key"
    case .head: "head"
    case .unit: "unit"
    case .slot: "choice"
    case .frame: "frame"
    case .row: "row"
    case .vocabulary: "vocabulary id"
    }
  }
}

extension [Axis] {
  /// The extents, outermost first.
  public func shape(tokenCount: Int, sourceCount: Int? = nil) -> [Int] {
    map { $0.extent(tokenCount: tokenCount, sourceCount: sourceCount) }
  }

  /// For example `[head 5, token, unit 6]`.
  var inWords: String {
    let words = map { axis in
      switch axis {
      case .token, .query, .key: axis.name
      case .sourceKey: "key of the source"
      case .rows(.expert(let expert, _)): "rows of expert \(expert)"
      case .rows(.picked): "picked row"
      case .head(let count), .unit(let count), .slot(let count), .frame(let count), .row(let count),
        .vocabulary(let count):
        "\(axis.name) \(count)"
      }
    }
    return "[" + words.joined(separator: ", ") + "]"
  }
}
