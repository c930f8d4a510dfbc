import TouchstoneGraph
import TouchstoneModel

extension Scale: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    Fault(
      "scale.missing", "the value is not scaled", .wiring, of: Scale.self,
      practice: "the factor on the embedding is forgotten"
    ) { _, site in site.activations[0] },
    Fault(
      "scale.twice", "the value is scaled twice", .wiring, of: Scale.self,
      practice: "a table is stored scaled, or D is taken for √D"
    ) { own, site in site.evaluated(as: Scale(by: own.factor * own.factor)) },
  ]
}
