import TouchstoneModel
import TouchstoneReference

extension Fault {
  static let wiringFaults: [Fault] = [
    Fault(
      "residual.doubled", "the stream is added twice", .wiring, at: [.residualMiddle, .residualOut],
      practice: "a kernel that already adds the residual is followed by the addition"
    ) { site in sum(site.activations[0], site.evaluated()) },
    Fault(
      "residual.missing", "the stream is not added", .wiring, at: [.residualMiddle, .residualOut],
      practice: "the addition is forgotten"
    ) { $0.activations[1] },
  ]

  static let embeddingFaults: [Fault] = [
    Fault(
      "position.one-later", "positions start at 1", .embedding, at: [.positionEmbedding],
      practice: "the position is counted after the token instead of before"
    ) { site in
      let last = site.configuration.contextLength - 1
      return embedding(site.inputs.positionIDs.map { min($0 + 1, last) }, table: site.parameters[0])
    },
    Fault(
      "position.one-earlier", "positions lag by 1", .embedding, at: [.positionEmbedding],
      practice: "the cache's length is read before it grows"
    ) { site in embedding(site.inputs.positionIDs.map { max($0 - 1, 0) }, table: site.parameters[0]) },
  ]
}
