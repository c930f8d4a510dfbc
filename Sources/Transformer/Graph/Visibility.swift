import TouchstoneModel

/// Which keys a query may see, by their places in the sequence; a mask of the inputs excludes keys besides.
public struct Visibility: Hashable, Sendable {
  /// Whether a token sees none that is later.
  public let isCausal: Bool
  /// How far it sees: causal i − j < w, that is w keys with itself; both ways |i − j| ≤ w; nil for all the way.
  public let window: Int?
  /// Whether the keys are those of the source, all of which every token sees: cross attention.
  public let readsSource: Bool

  /// Every earlier token, and itself.
  public static let causal = Visibility(isCausal: true)

  /// A rule.
  public init(isCausal: Bool, window: Int? = nil) {
    self.isCausal = isCausal
    self.window = window
    readsSource = false
  }

  private init(readsSource: Bool) {
    isCausal = false
    window = nil
    self.readsSource = readsSource
  }

  /// Every token of the source.
  public static let source = Visibility(readsSource: true)

  /// What the columns of scores count.
  package var keyAxis: Axis { readsSource ? .sourceKey : .key }

  /// Whether the rule lets the token at `query` see the one at `key`.
  public func allows(key: Int, from query: Int) -> Bool {
    if isCausal {
      return key <= query && query - key < window ?? .max
    }
    return abs(query - key) <= window ?? .max
  }
}

/// The stored form: an object with `causal` and `window`, and `source` where the keys are the source's.
extension Visibility {
  var stored: JSONText {
    .object(
      [("causal", .bool(isCausal)), ("window", .optional(window))]
        + (readsSource ? [("source", .bool(true))] : []))
  }

  /// Reads the member `visibility` of an operation.
  init(fields: inout JSONFields) throws(BadInput) {
    var own = try fields.required("visibility", try fields.object("visibility"))
    let rule = Visibility(
      isCausal: try own.required("causal", try own.bool("causal")), window: try own.integer("window"))
    let readsSource = try own.bool("source") ?? false
    try own.finish()
    guard !readsSource || rule == Visibility(isCausal: false) else {
      throw .graph("sees a part of the source only")
    }
    self = readsSource ? .source : rule
  }

  /// - Throws: ``BadInput``, without a place, for a window through which nothing is seen.
  func check() throws(BadInput) {
    guard window ?? 1 >= (isCausal ? 1 : 0) else { throw .graph("sees through a window of \(window ?? 0)") }
  }
}
