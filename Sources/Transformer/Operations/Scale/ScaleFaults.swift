import TouchstoneGraph

extension Scale: Faulty {
  static let traits: FaultTraits = []
  /// 
  static let faults: [Fault] = []
}
