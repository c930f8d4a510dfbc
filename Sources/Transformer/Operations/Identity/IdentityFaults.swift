import TouchstoneGraph

extension Identity: Faulty {
  static let traits: FaultTraits = .copy
  /// What is read in its place is a fault of the wiring.
  static let faults: [Fault] = []
}
