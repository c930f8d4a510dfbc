/// A named value that one operation hands to the next.
///
/// Names are open: a family chooses them, and a golden file spells them as paths, `layers/003/mlp_act`.
public struct Activation: Hashable, Sendable, CustomStringConvertible {
  /// One block of a stack of equal ones.
  public struct Block: Hashable, Sendable {
    /// The stack's path: `layers`, or `encoder/layers` and `decoder/layers` in a model that has two.
    public let stack: String
    /// Which block, from 0.
    public let index: Int

    /// The block `index` of `stack`.
    public init(_ index: Int, of stack: String = "layers") {
      self.stack = stack
      self.index = index
    }
  }

  /// The block it belongs to; nil outside the blocks.
  public let block: Block?
  /// What it is called there: `mlp_act` in a block, `final/logits` outside.
  public let name: String

  /// Names a value.
  public init(_ name: String, in block: Block? = nil) {
    self.block = block
    self.name = name
  }

  /// Where the value stands in a golden file; a block's index has three digits or more.
  public var path: String {
    guard let block else { return name }
    let digits = String(block.index)
    let zeros = String(repeating: "0", count: max(0, 3 - digits.count))
    return "\(block.stack)/\(zeros)\(digits)/\(name)"
  }

  /// The path.
  public var description: String { path }

  /// The greatest length of a path, in bytes.
  static let greatestPathLength = 200

  /// Top-level groups of a golden file that hold no activations.
  private static let otherGroups: Set = [
    "extra", "floor", "inputs", "model", "provenance", "sketch", "weights",
  ]

  /// Where arrays stand that a model is given.
  private static let given = Set(Input.allCases.filter(\.isArray).map { Activation(given: $0).name })

  /// Whether it is an array that a model is given.
  package var isGiven: Bool { block == nil && Self.given.contains(name) }

  /// Names an array that a model is given, which stands among the inputs.
  package init(given input: Input) { self.init("inputs/" + input.rawValue) }

  /// Reads a path; nil for one that no activation has.
  ///
  /// A path is lower-case letters, digits and underscores between slashes. `layers`, alone or behind one other
  /// part, and that behind `grad`, begins a block and is followed by its index. Behind `grad/weights/` stands the name of a
  /// parameter.
  public init?(path: String) {
    if path.hasPrefix(Self.parameterGradients) {
      let parameter = Parameter(String(path.dropFirst(Self.parameterGradients.utf8.count)), [1])
      guard (try? parameter.check()) != nil else { return nil }
      self.init(gradientOf: parameter)
      return
    }
    guard path.utf8.count <= Self.greatestPathLength else { return nil }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.allSatisfy(Self.isWord), let first = parts.first,
      !Self.otherGroups.contains(String(first)) || Self.given.contains(path)
    else {
      return nil
    }
    guard let layers = parts.prefix(first == Self.gradientGroup[...] ? 3 : 2).firstIndex(of: "layers") else {
      self.init(path)
      return
    }
    guard layers + 2 < parts.count, let index = Int(parts[layers + 1]),
      index < Int32.max
    else { return nil }
    self.init(
      parts[(layers + 2)...].joined(separator: "/"),
      in: Block(index, of: parts[...layers].joined(separator: "/")))
    // Digits that would be written otherwise, such as 0003.
    guard self.path == path else { return nil }
  }

  private static func isWord(_ part: Substring) -> Bool {
    !part.isEmpty
      && part.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}
