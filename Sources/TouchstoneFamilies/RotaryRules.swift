import TouchstoneGraph
import TouchstoneModel

/// What a family's rotary positions have of their own.
public struct RotaryRules: Sendable {
  /// The part of a head's columns that turns where `partial_rotary_factor` is absent; nil in a family that always turns
  /// whole heads, which refuses another part.
  public let share: Double?
  /// θ where no field says it.
  public let theta: Double
  /// o, the positions of the first training, where no field says it; nil for M.
  public let originalPositions: Int?
  /// What each name of a kind of scaling means.
  public let types: [String: String]
  /// What the object of rotary positions holds where there is none.
  let object: [String: JSONValue]

  /// Whole heads, every kind of scaling under its own name.
  public static let wholeHeads = RotaryRules()

  /// Every kind of scaling by its own name (Hugging Face's `modeling_rope_utils.py`).
  public static let allTypes = Dictionary(
    uniqueKeysWithValues: ["default", "dynamic", "linear", "llama3", "longrope", "proportional", "yarn"]
      .map { ($0, $0) })

  /// The rules of a family.
  public init(
    share: Double? = nil, theta: Double = 10_000, originalPositions: Int? = nil,
    types: [String: String] = Self.allTypes, object: [String: JSONValue] = [:]
  ) {
    self.share = share
    self.theta = theta
    self.originalPositions = originalPositions
    self.types = types
    self.object = object
  }

  func type(_ name: String) -> String? { types[name] }
}

/// What a rotation needs to know beyond its own object.
struct RotaryTraining {
  /// d: the columns of a head.
  let width: Int
  /// M: the positions that the model is made for.
  let positions: Int
  let rules: RotaryRules
  /// o: the positions that it was first trained on, where the top level says so.
  var originalPositions: Int?

  init(width: Int, positions: Int, rules: RotaryRules) {
    self.width = width
    self.positions = positions
    self.rules = rules
  }

  /// r: how many columns of a head turn, ⌊share·d⌋, all of them where the kind of scaling reads the share itself.
  ///
  /// - Throws: ``BadInput`` naming the field for a share that the family does not compute, and for columns that are no
  ///   pairs.
  func turnedColumns(share: Double, type: String) throws(BadInput) -> Int {
    let isWhole = share == 1 || type == "proportional"
    guard isWhole || rules.share != nil else {
      throw BadInput(
        place: "partial_rotary_factor", problem: "is \(share), which this family does not compute",
        remedy: "use a model that turns whole heads")
    }
    guard isWhole || (0...1).contains(share) else {
      throw BadInput(
        place: "partial_rotary_factor", problem: "is \(share)", remedy: "give a number from 0 to 1")
    }
    let turned = isWhole ? width : Int(share * Double(width))
    guard turned >= 2, turned.isMultiple(of: 2) else {
      throw BadInput(
        place: isWhole ? nil : "partial_rotary_factor",
        problem: "turns \(turned) of the \(width) columns of a head, which are no pairs",
        remedy: "use an even number of columns")
    }
    return turned
  }
}
