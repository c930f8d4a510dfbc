import TouchstoneGraph

extension Softmax: Faulty {
  static let traits: FaultTraits = .softmax
  /// Attention's probabilities share all of its faults but those of the temperature, which are the readout's.
  static let faults: [Fault] = []
}
