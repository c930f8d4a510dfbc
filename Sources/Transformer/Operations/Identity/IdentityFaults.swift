import TouchstoneGraph

extension Identity: Faulty {
  static let traits: FaultTraits = .copy
  /// Copying has none; what is read in its place is wiring.
  static let faults: [Fault] = []
}
