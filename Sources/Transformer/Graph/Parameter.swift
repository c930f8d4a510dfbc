import TouchstoneModel

/// A learned tensor of a checkpoint, under the checkpoint's own full name.
public struct Parameter: Hashable, Sendable, CustomStringConvertible {
  /// Such as `model.layers.0.self_attn.q_proj.weight`.
  public let name: String
  /// Extent of each axis, outermost first.
  public let shape: [Int]

  /// Declares a tensor.
  public init(_ name: String, _ shape: [Int]) {
    self.name = name
    self.shape = shape
  }

  /// The name.
  public var description: String { name }

  /// The greatest extent of an axis.
  public static let greatestExtent = 1 << 24
  /// The greatest number of axes.
  static let greatestRank = 4
  /// The greatest number of elements.
  static let greatestCount = 1 << 40
  /// The greatest length of a name, in bytes.
  static let greatestNameLength = 200

  /// - Throws: ``BadInput`` for a name that no checkpoint should have, or extents beyond what a model needs.
  func check() throws(BadInput) {
    let isPrintable = name.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "/") }
    guard isPrintable, (1...Self.greatestNameLength).contains(name.utf8.count) else {
      throw BadInput(
        place: JSONValue.quoted(name), problem: "is no name of a tensor",
        remedy: "use up to \(Self.greatestNameLength) printable ASCII characters without slash or space")
    }
    guard (1...Self.greatestRank).contains(shape.count), shape.allSatisfy((1...Self.greatestExtent).contains),
      shape.reduce(1.0, { $0 * Double($1) }) <= Double(Self.greatestCount)
    else {
      throw BadInput(
        place: name, problem: "has the shape \(shape)",
        remedy: "give 1 to \(Self.greatestRank) extents of 1…\(Self.greatestExtent), "
          + "no more than \(Self.greatestCount) elements")
    }
  }
}

/// The part of a parameter that an operation reads, and how: one view covers every layout of checkpoints.
///
/// A parameter is a matrix, or a vector such as its bias, of *outputs*. After picking an expert and turning
/// [in, out] round, the output axis is read as [groups, parts, rest], and the parts `take` of each group are kept:
///
///     GPT-2's query      inputs first, 3 parts, 0 ..< 1
///     GPT-NeoX's query   H groups of 3 parts, 0 ..< 1
///     Falcon's query     KV groups of H/KV + 2 parts, 0 ..< H/KV
///     Phi-3's key        H + 2·KV parts, H ..< H + KV
///
/// The bias takes the same view as its matrix.
public struct ParameterView: Hashable, Sendable {
  /// Which axis of a matrix stands first.
  public enum Layout: String, Hashable, Sendable, CaseIterable {
    /// [out, in], as `nn.Linear` stores it.
    case outputsFirst = "oi"
    /// [in, out], as GPT-2's `Conv1D` stores it.
    case inputsFirst = "io"
  }

  /// Which outputs are kept.
  public struct Selection: Hashable, Sendable {
    /// How many runs of outputs are cut alike.
    public let groups: Int
    /// How many equal parts a group has.
    public let parts: Int
    /// Which of these are kept.
    public let take: Range<Int>
    /// Which matrix of a stack with a leading axis of experts; nil where there is no such axis.
    public let expert: Int?

    /// Every output.
    public static let whole = Selection()

    /// The parts `take` out of `parts` of each of `groups`.
    public init(groups: Int = 1, parts: Int = 1, take: Range<Int> = 0..<1, expert: Int? = nil) {
      self.groups = groups
      self.parts = parts
      self.take = take
      self.expert = expert
    }

    /// One of `count` equal parts side by side.
    public static func part(_ index: Int, of count: Int) -> Selection {
      Selection(parts: count, take: index..<index + 1)
    }
  }

  /// The tensor.
  public let parameter: Parameter
  /// How a matrix stands in it; without meaning for a vector.
  public let layout: Layout
  /// What of it is read.
  public let selection: Selection

  /// A view of `parameter`.
  public init(_ parameter: Parameter, _ layout: Layout = .outputsFirst, _ selection: Selection = .whole) {
    self.parameter = parameter
    self.layout = layout
    self.selection = selection
  }

  /// The shape without the axis of experts.
  private var ownShape: ArraySlice<Int> { parameter.shape.dropFirst(selection.expert == nil ? 0 : 1) }

  /// How many outputs the tensor has, kept or not.
  package var storedOutputCount: Int {
    let shape = ownShape
    return (layout == .inputsFirst ? shape.last : shape.first) ?? 0
  }

  /// How many outputs stand side by side in one part of one group.
  var partWidth: Int { storedOutputCount / (selection.groups * selection.parts) }

  /// How many outputs are kept.
  public var outputCount: Int { selection.groups * selection.take.count * partWidth }

  /// The kept outputs as they stand in the tensor: a run of neighbours for each group.
  package var storedOutputs: [Range<Int>] {
    (0..<selection.groups).map { group in
      let first = group * selection.parts
      return (first + selection.take.lowerBound) * partWidth..<(first + selection.take.upperBound) * partWidth
    }
  }

  /// How many inputs each output has; nil for a vector.
  ///
  /// Those of a filter, [in, width], stand side by side.
  public var inputCount: Int? {
    let shape = ownShape
    guard shape.count > 1 else { return nil }
    return layout == .inputsFirst ? shape.first : shape.dropFirst().reduce(1, *)
  }

  /// What the operation sees: [out, in], or [out] for a vector.
  public var shape: [Int] { [outputCount] + (inputCount.map { [$0] } ?? []) }

  /// - Throws: ``BadInput`` naming the parameter if the view does not fit it.
  func check() throws(BadInput) {
    try parameter.check()
    let (groups, parts) = (selection.groups, selection.parts)
    func unfit(_ problem: String) -> BadInput {
      BadInput(
        place: parameter.name, problem: "of shape \(parameter.shape) \(problem)",
        remedy: "correct the view or the shape")
    }
    guard (1...2).contains(ownShape.count) || (ownShape.count > 2 && layout == .outputsFirst) else {
      throw unfit("is viewed neither as a matrix nor as a vector")
    }
    if let expert = selection.expert {
      guard (0..<parameter.shape[0]).contains(expert) else { throw unfit("has no expert \(expert)") }
    }
    let extents = 1...Parameter.greatestExtent
    guard extents.contains(groups), extents.contains(parts), storedOutputCount.isMultiple(of: groups * parts)
    else { throw unfit("cannot be read as \(groups) groups of \(parts) parts") }
    let take = selection.take
    guard take.lowerBound >= 0, !take.isEmpty, take.upperBound <= parts else {
      throw unfit("has no parts \(take) of \(parts)")
    }
  }
}
