import TouchstoneModel

/// The numbers by which one step changes one parameter.
///
/// In a file they stand as attributes of the step, and a parameter group may have its own (OPT-1).
public struct StepSettings: Sendable, Hashable {
  /// Which optimiser.
  public enum Kind: String, Sendable, CaseIterable {
    /// Loshchilov & Hutter 2019: moments of the gradient, decay of the parameter itself.
    case adamw
    /// Gradient descent with or without momentum, decay added to the gradient.
    case sgd
  }

  /// Where ε stands in AdamW's denominator; v̂ = v/(1 − β₂ᵗ).
  public enum EpsilonPlacement: String, Sendable, CaseIterable {
    /// √v̂ + ε: PyTorch, Optax, llm.c.
    case after
    /// √v + ε, the correction in the learning rate: Kingma & Ba 2015, end of §2; TensorFlow.
    case before
    /// √(v̂ + ε): Optax's `eps_root`.
    case inside
  }

  /// Which optimiser.
  public var kind: Kind
  /// The number of the step, of which the first is 1.
  public var t: Int
  /// The learning rate.
  public var lr: Double
  /// β₁: what remains of the first moment.
  public var beta1 = 0.0
  /// β₂: what remains of the second moment.
  public var beta2 = 0.0
  /// ε.
  public var epsilon = 0.0
  /// Where ε stands.
  public var epsilonPlacement = EpsilonPlacement.after
  /// λ: the weight decay.
  public var weightDecay = 0.0
  /// μ: what remains of SGD's momentum.
  public var momentum = 0.0
  /// τ: by how much of itself SGD's gradient is damped before it enters the momentum.
  public var dampening = 0.0
  /// Whether SGD looks ahead.
  public var nesterov = false

  /// Settings that are 0 but for these.
  public init(_ kind: Kind, t: Int, lr: Double) {
    (self.kind, self.t, self.lr) = (kind, t, lr)
  }

  /// The numbers as float32 holds them, which engines in C compute with.
  var rounded: StepSettings {
    var copy = self
    for number in Self.numbers.values { copy[keyPath: number] = Double(Float(copy[keyPath: number])) }
    return copy
  }

  /// Whether momentum is kept: SGD without it has nothing but the parameter.
  public var keepsMomentum: Bool { kind == .sgd && momentum != 0 }

  /// The numbers by their names in a file.
  static let numbers: [String: WritableKeyPath<StepSettings, Double> & Sendable] = [
    "lr": \.lr, "beta1": \.beta1, "beta2": \.beta2, "epsilon": \.epsilon, "weight_decay": \.weightDecay,
    "momentum": \.momentum, "dampening": \.dampening,
  ]

  /// The names of everything that a file may say of a parameter.
  public static let fields = numbers.keys.sorted() + ["epsilon_placement", "nesterov", "t"]
}

/// Reading and writing them.
extension StepSettings {
  /// Reads what a file says of a step.
  ///
  /// - Parameter fields: by name, as ``fields`` has them, and `kind`; others are not looked at.
  /// - Throws: `BadInput` naming the field that is missing or has no sense.
  public init(_ fields: [String: JSONValue]) throws(BadInput) {
    guard let name = fields["kind"]?.string, let kind = Kind(rawValue: name) else {
      throw BadInput(
        place: "kind", problem: "is \(fields["kind"].map { Self.text($0) } ?? "missing")",
        remedy: "store one of " + Kind.allCases.map(\.rawValue).joined(separator: ", "))
    }
    self.init(kind, t: 0, lr: .nan)
    let due = ["lr", "t"] + (kind == .adamw ? ["beta1", "beta2", "epsilon"] : [])
    for name in due where fields[name] == nil {
      throw BadInput(place: name, problem: "is missing", remedy: "store the \(kind.rawValue) step's own")
    }
    try read(fields)
  }

  /// The same with what a parameter group says otherwise.
  ///
  /// - Throws: `BadInput` naming the field that has no sense.
  public func with(_ fields: [String: JSONValue]) throws(BadInput) -> StepSettings {
    var copy = self
    try copy.read(fields)
    return copy
  }

  private mutating func read(_ fields: [String: JSONValue]) throws(BadInput) {
    for (name, number) in Self.numbers {
      guard let field = fields[name] else { continue }
      let isShare = ["beta1", "beta2"].contains(name)
      guard let value = field.double, value.isFinite, isShare ? (0..<1).contains(value) : value >= 0 else {
        throw BadInput(
          place: name, problem: "is \(Self.text(field))",
          remedy: isShare ? "store a number from 0 to below 1" : "store a number that is not negative")
      }
      self[keyPath: number] = value
    }
    if let field = fields["t"] {
      guard let value = field.double.flatMap({ Int(exactly: $0) }), (1...Self.greatestStep).contains(value)
      else {
        throw BadInput(place: "t", problem: "is \(Self.text(field))", remedy: "count steps from 1")
      }
      t = value
    }
    if let field = fields["epsilon_placement"] {
      guard let placement = field.string.flatMap(EpsilonPlacement.init(rawValue:)) else {
        throw BadInput(
          place: "epsilon_placement", problem: "is \(Self.text(field))",
          remedy: "store one of " + EpsilonPlacement.allCases.map(\.rawValue).joined(separator: ", "))
      }
      epsilonPlacement = placement
    }
    if let field = fields["nesterov"] {
      switch field {
      case .bool(let value): nesterov = value
      case .integer(let value) where value == 0 || value == 1: nesterov = value == 1
      default: throw BadInput(place: "nesterov", problem: "is \(Self.text(field))", remedy: "store 0 or 1")
      }
    }
  }

  /// What a file says of them, in a fixed order; what is 0 for its kind is left out.
  public var members: [(name: String, value: JSONValue)] {
    let ofKind =
      kind == .adamw
      ? ["lr", "beta1", "beta2", "epsilon", "weight_decay"] : ["lr", "momentum", "dampening", "weight_decay"]
    let numbers: [(String, JSONValue)] = ofKind.compactMap { name in
      Self.numbers[name].map { (name, .number(self[keyPath: $0])) }
    }
    let words: [(String, JSONValue)] =
      kind == .adamw
      ? [("epsilon_placement", .string(epsilonPlacement.rawValue))]
      : [("nesterov", .bool(nesterov))]
    return [("t", .integer(t))] + numbers + words
  }

  /// Beyond it a double does not hold βᵗ of any β that is in use.
  private static let greatestStep = 1 << 40

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): JSONValue.quoted(text)
    case .integer(let value): String(value)
    case .number(let value): String(value)
    case .bool(let value): String(value)
    default: "no number"
    }
  }
}
