/// A buffer of the workspace, by what stands in it most of the time.
enum Buffer: Int, CaseIterable, Sendable {
  /// The residual stream.
  case stream
  /// What a norm made.
  case normed
  /// What another norm made, where the first is still read: in blocks whose halves stand side by side.
  case normedToo
  /// Queries, keys and values side by side.
  case projections
  /// The heads' contexts side by side.
  case context
  /// What is added to the stream.
  case projected
  /// What is added besides.
  case projectedToo
  /// The inside of the feed-forward block.
  case inner
  /// What a nonlinearity was given, kept for an observer.
  case before
  /// The gate times what it lets through.
  case gated
  /// What one expert is given.
  case gathered
  /// What the experts made, weighted and added.
  case mixed
  /// Keys of two parts side by side.
  case keys
  /// What all tokens are modulated by, in the first row.
  case condition
  /// What a block makes of it, in the first row.
  case modulations
}

/// Where an activation stands: neighbouring columns of the rows of a buffer.
struct Place: Hashable, Sendable {
  let buffer: Buffer
  /// The first of the columns.
  var column = 0
  /// How many.
  let width: Int
  /// How many heads they are split into; nil for none.
  var heads: Int?

  /// The columns of one head.
  var headWidth: Int { width / (heads ?? 1) }

  func overlaps(_ other: Place) -> Bool {
    buffer == other.buffer && column < other.column + other.width && other.column < column + width
  }
}
