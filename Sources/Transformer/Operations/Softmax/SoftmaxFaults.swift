import TouchstoneGraph

extension Softmax: Faulty {
  static let traits: FaultTraits = .softmax
  /// All but those of its temperature are attention's as well.
  static let faults: [Fault] = []
}
