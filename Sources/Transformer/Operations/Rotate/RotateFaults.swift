import TouchstoneGraph

extension Rotate: Faulty {
  static let traits: FaultTraits = []
  /// 
  static let faults: [Fault] = []
}
