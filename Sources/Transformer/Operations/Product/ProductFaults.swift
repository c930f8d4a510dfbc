import TouchstoneGraph

extension Product: Faulty {
  static let traits: FaultTraits = []
  /// None yet that wiring, tails and precision do not have.
  static let faults: [Fault] = []
}
