import TouchstoneModel

/// Which keys a query may see, by their places in the sequence; a mask of the inputs excludes keys besides.
public struct Visibility: Hashable, Sendable {
  /// Whether a token sees none that is later.
  public let isCausal: Bool
  /// How far it sees: causal i − j < w, that is w keys with itself; both ways |i − j| ≤ w; nil for all the way.
  public let window: Int?

  /// Every earlier token, and itself.
  public static let causal = Visibility(isCausal: true)

  /// A rule.
  public init(isCausal: Bool, window: Int? = nil) {
    self.isCausal = isCausal
    self.window = window
  }

  /// Whether the rule lets the token at `query` see the one at `key`.
  public func allows(key: Int, from query: Int) -> Bool {
    if isCausal {
      return key <= query && query - key < window ?? .max
    }
    return abs(query - key) <= window ?? .max
  }
}

/// The stored form: an object with `causal` and `window`.
extension Visibility {
  var stored: JSONText { .object([("causal", .bool(isCausal)), ("window", .optional(window))]) }

  /// Reads the member `visibility` of an operation.
  init(fields: inout JSONFields) throws(BadInput) {
    var own = try fields.required("visibility", try fields.object("visibility"))
    self.init(
      isCausal: try own.required("causal", try own.bool("causal")), window: try own.integer("window"))
    try own.finish()
  }

  /// - Throws: ``BadInput``, without a place, for a window through which nothing is seen.
  func check() throws(BadInput) {
    guard window ?? 1 >= (isCausal ? 1 : 0) else { throw .graph("sees through a window of \(window ?? 0)") }
  }
}
