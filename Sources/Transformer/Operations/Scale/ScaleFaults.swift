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

extension Scale {
  static let readings: [Reading] = [
    Reading("scale.other-factor", .wiring, of: Scale.self) { own, site, got in
      guard let read = quotient(of: got.values, on: site.activations[0].values) else { return [] }
      return Reading.factors(near: read).map { name, factor in
        let name = "values are multiplied by \(name) instead of \(words(own.factor))"
        return Reading.Guess(name, numbers: 1) { site in site.evaluated(as: Scale(by: factor)) }
      }
    }
  ]
}
