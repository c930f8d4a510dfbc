import TouchstoneModel

/// Rotary positions: pairs of columns turn by an angle that grows with the position.
///
/// Su et al. 2021, §3.2.2.
///
/// One activation [n, T, d]. Of the columns `first ..< first + width` pair p turns by φ = position·ω_p; the other columns
/// stay as they are, bit for bit. (a, b) becomes magnitude·(a·cos φ − b·sin φ, b·cos φ + a·sin φ).
public struct Rotate: OperationKind {
  /// Which columns make a pair, counted from `first`, and where its two numbers are put.
  public enum Style: String, Hashable, Sendable, CaseIterable {
    /// p and p + width/2 (Hugging Face's Llama).
    case half
    /// 2·p and 2·p + 1 (Su et al. 2021; GPT-J).
    case interleaved
    /// Taken from 2·p and 2·p + 1, put at p and p + width/2 (DeepSeek-V3).
    case interleavedToHalf
  }

  /// How many columns turn; even.
  public let width: Int
  /// The first of them.
  public let first: Int
  /// Which columns make a pair.
  public let style: Style
  /// ω of each pair.
  public let frequencies: RotaryFrequencies
  /// What cosine and sine are multiplied by; 1 unless yarn or longrope says otherwise.
  public let magnitude: Double
  /// Whether pairs turn back, from where they are put to where they stand, as their gradients do.
  public let isTransposed: Bool

  /// Turns `width` columns.
  public init(
    width: Int, first: Int = 0, style: Style = .half, frequencies: RotaryFrequencies, magnitude: Double = 1,
    isTransposed: Bool = false
  ) {
    self.width = width
    self.first = first
    self.style = style
    self.frequencies = frequencies
    self.magnitude = magnitude
    self.isTransposed = isTransposed
  }

  package static let name = Operation.Kind.Name.rotate
  package var kind: Operation.Kind { .rotate(self) }
  package var sequenceInputs: [Input] { [.positionIDs] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single()
    let columns = try OperandAxes.heads(of: axes).width
    guard width >= 2, width.isMultiple(of: 2) else {
      throw .graph("turns \(width) columns, which are no pairs")
    }
    guard (0...columns - min(width, columns)).contains(first), width <= columns else {
      throw .graph("turns \(width) columns from \(first) on where a head has \(columns)")
    }
    try frequencies.check(pairs: width / 2)
    return axes
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      ("width", .integer(width)), ("first", .integer(first)), ("style", .string(style.rawValue)),
      ("frequencies", frequencies.stored), ("magnitude", .number(magnitude)),
    ] + (isTransposed ? [("transposed", .bool(true))] : [])
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      width: try fields.required("width", try fields.integer("width")),
      first: try fields.required("first", try fields.integer("first")),
      style: try fields.choice("style"),
      frequencies: try RotaryFrequencies(
        stored: try fields.required("frequencies", try fields.object("frequencies"))),
      magnitude: try fields.required("magnitude", try fields.number("magnitude")),
      isTransposed: try fields.bool("transposed") ?? false)
  }

  /// Where the two numbers of a pair stand, and where they are put.
  package func columns(of pair: Int) -> (from: (Int, Int), to: (Int, Int)) {
    let half = (first + pair, first + pair + width / 2)
    let interleaved = (first + 2 * pair, first + 2 * pair + 1)
    let (from, to) =
      switch style {
      case .half: (half, half)
      case .interleaved: (interleaved, interleaved)
      case .interleavedToHalf: (interleaved, half)
      }
    return isTransposed ? (to, from) : (from, to)
  }

  /// 1, or −1 where pairs turn back.
  package var direction: Double { isTransposed ? -1 : 1 }

  /// What turned a pair turns its gradient back.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.give(
      input: 0, of: operation,
      Rotate(
        width: width, first: first, style: style, frequencies: frequencies, magnitude: magnitude,
        isTransposed: !isTransposed), from: [gradient])
  }
}
