import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// Every fault of the catalogue; ids are unique and do not change.
  public static let catalogue: [Fault] = ofKinds + ofManyKinds

  /// The faults that have a place in a model.
  public static func catalogue(of graph: Graph) -> [Fault] {
    catalogue.filter { fault in graph.operations.contains { fault.canSpoil($0, in: graph) } }
  }

  /// The fault of this id, where there is one.
  public static func named(_ id: String) -> Fault? {
    catalogue.first { $0.id == id }
  }

  /// Those of one kind of operation each, which stand in its room.
  private static let ofKinds = Operation.Kind.Name.allCases.flatMap { $0.faulty.faults }

  private static let ofManyKinds: [Fault] = [
    normFaults, cacheFaults, probabilityFaults, weightFaults, biasFaults, tailFaults, stalenessFaults,
    precisionFaults, wiringFaults, readoutFaults, rotaryFaults, partialRotaryFaults, stretchFaults,
    siblingFaults, familyFaults, expertFaults,
  ].flatMap(\.self)
}
