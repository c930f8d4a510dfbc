import TouchstoneGraph

extension Given: Faulty {
  static let traits: FaultTraits = .copy
  /// Another array is another run, which is refused; what reads it wrongly is a fault of the reader.
  static let faults: [Fault] = []
}
