import TouchstoneModel

/// What is said of one step, but for its tensors.
public struct StepDescription: Sendable {
  /// Parameters that have settings of their own.
  public struct Group: Sendable, Hashable {
    /// The names of the parameters.
    public let names: [String]
    /// Their settings.
    public let settings: StepSettings

    /// Gives settings to parameters.
    public init(names: [String], settings: StepSettings) {
      (self.names, self.settings) = (names, settings)
    }
  }

  /// Where it stands in its file: `step`, or `steps/003`.
  public let place: String
  /// The parameter groups; every parameter is in one of them.
  public let groups: [Group]
  /// The parameters, sorted.
  public let parameters: [String]
  /// By how much the loss was multiplied.
  public var lossScale = 1.0
  /// To what norm the gradients of all parameters together are clipped; nil where they are not.
  public var clipNorm: Double?
  /// What is added to the norm before it divides.
  public var clipEpsilon = 1e-6
  /// The norm that the engine found; nil where it is not recorded.
  public var norm: Double?
  /// How many micro-batches were accumulated; 0 where they are not recorded.
  public var microBatchCount = 0
  /// Whether the file holds some of the parameters alone, so that no norm follows from it.
  public var isPartial = false
  /// Whether the step before it in the file is the one before it in the run.
  public var follows = false

  private let settingsOf: [String: Int]

  /// Describes a step.
  ///
  /// - Throws: `BadInput` for a parameter that is in no group or in two.
  public init(place: String, groups: [Group], parameters: [String]) throws(BadInput) {
    (self.place, self.groups, self.parameters) = (place, groups, parameters)
    var settingsOf: [String: Int] = [:]
    for (index, group) in groups.enumerated() {
      for name in group.names where settingsOf.updateValue(index, forKey: name) != nil {
        throw BadInput(
          place: place + "/groups", problem: "names \(name) twice",
          remedy: "put each parameter into one group")
      }
    }
    if let name = parameters.first(where: { settingsOf[$0] == nil }) {
      throw BadInput(
        place: place + "/groups", problem: "does not name \(name)",
        remedy: "put each parameter into one group")
    }
    self.settingsOf = settingsOf
  }

  /// The settings of a parameter.
  public func settings(of parameter: String) -> StepSettings {
    groups[settingsOf[parameter, default: 0]].settings
  }

  /// The group of a parameter.
  func group(of parameter: String) -> Int { settingsOf[parameter, default: 0] }

  /// Where a quantity of a parameter stands.
  public func path(_ quantity: StepQuantity, of parameter: String) -> String {
    "\(place)/\(quantity.rawValue)/\(parameter)"
  }
}

/// Recorded steps of an optimiser: a file, or values in memory.
public protocol StepSource: Sendable {
  /// The steps, in the order in which they were taken.
  var steps: [StepDescription] { get }
  /// The arithmetic that made the values: float32 or float64.
  var precision: Precision { get }
  /// The shape of a quantity; nil where it is not recorded.
  func shape(_ quantity: StepQuantity, of parameter: String, in step: Int) -> [Int]?
  /// A quantity, widened exactly; nil where it is not recorded.
  ///
  /// - Throws: `BadInput` where the file does not hold what it declares.
  func tensor(
    _ quantity: StepQuantity, of parameter: String, in step: Int
  ) throws(BadInput) -> Tensor<Double>?
  /// The scaled gradient that a micro-batch gave; nil where it is not recorded.
  ///
  /// - Throws: `BadInput` where the file does not hold what it declares.
  func microGradient(
    _ microBatch: Int, of parameter: String, in step: Int
  ) throws(BadInput) -> Tensor<Double>?
}

extension StepSource {
  /// What a step begins with: as it is recorded, or as the step before it has left it (OPT-2).
  func before(
    _ quantity: StepQuantity, of parameter: String, in step: Int
  ) throws(BadInput) -> Tensor<Double>? {
    if let recorded = try tensor(quantity, of: parameter, in: step) { return recorded }
    guard steps[step].follows, let left = quantity.after else { return nil }
    return try tensor(left, of: parameter, in: step - 1)
  }
}
