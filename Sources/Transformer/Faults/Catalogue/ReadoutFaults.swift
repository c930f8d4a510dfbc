import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// From the stream to probabilities.
  static let readoutFaults: [Fault] = [
    Fault(
      "readout.without-norm", "logits are made from the stream without the final norm", .readout,
      at: .unembedding, practice: "the final norm is computed and not used"
    ) { site in
      site.evaluated(reading: site.graph.norm(readBy: site.operation)?.inputs.first)
    },
    Fault(
      "readout.tied", "the token embedding is used for the separate unembedding", .readout, at: .unembedding,
      practice: "weights are tied though config.json says otherwise"
    ) { site in
      let embedding = site.graph.operations.first { Place.tokenEmbeddings.contains($0, site.graph) }
      guard let table = embedding?.parameters.first?.parameter, let own = site.operation.parameters.first,
        table != own.parameter, table.shape == own.parameter.shape
      else { return nil }
      return site.parameter(table).map { site.evaluated(parameters: [$0] + site.parameters.dropFirst()) }
    },
    Fault(
      "readout.scaled", "logits are divided by √D", .readout, at: .logits,
      practice: "the scale of another model family"
    ) { site in
      let scale = 1 / Double(site.activations[0].rowWidth).squareRoot()
      return site.edited { $0.values = $0.values.map { $0 * scale } }
    },
    Fault(
      "readout.soft-cap-30", "logits are capped by 30·tanh(z/30)", .readout, at: .logits,
      practice: "an option of another model family is on"
    ) { site in site.edited { $0.values = $0.values.map { 30 * tanh($0 / 30) } } },
    Fault(
      "readout.last-token-missing", "the last entry of the vocabulary gets no logit", .readout, at: .logits,
      practice: "a padded vocabulary is cut one short"
    ) { site in
      site.edited { value in
        for row in 0..<value.rowCount { value[row, value.rowWidth - 1] = 0 }
      }
    },
    Fault(
      "readout.shifted", "logits belong to the ids one lower", .readout, at: .logits,
      practice: "an offset into the table is off by one row"
    ) { site in
      site.edited { value in
        let original = value
        for row in 0..<value.rowCount {
          value.setRow(row) { original[row, min($0 + 1, original.rowWidth - 1)] }
        }
      }
    },
    Fault(
      "readout.last-row-only", "every row holds the last token's logits", .readout, at: .logits,
      practice: "an engine that computes the last row only fills the others with it"
    ) { site in
      site.edited { value in
        let last = Array(value.row(value.rowCount - 1))
        for row in 0..<value.rowCount { value.setRow(row) { last[$0] } }
      }
    },
    temperature("ignored", "logits are not divided by the temperature", "an option is not handed on") { _ in 1
    },
    temperature("multiplied", "logits are multiplied by the temperature", "a reciprocal is forgotten") {
      1 / $0
    },
    temperature("twice", "logits are divided by the temperature twice", "sampler and model both apply it") {
      $0 * $0
    },
    Fault(
      "readout.temperature-on-probabilities", "probabilities are divided by the temperature", .readout,
      of: Softmax.self, practice: "the division comes after softmax"
    ) { softmax, site in
      guard softmax.temperature != 1 else { return nil }
      let plain = site.evaluated(as: Softmax())
      return Tensor(plain.values.map { $0 / softmax.temperature }, shape: plain.shape)
    },
  ]

  /// The last softmax with another temperature in place of the right one.
  private static func temperature(
    _ id: String, _ name: String, _ practice: String, _ other: @escaping @Sendable (Double) -> Double
  ) -> Fault {
    Fault("readout.temperature-\(id)", name, .readout, of: Softmax.self, practice: practice) {
      softmax, site in
      guard softmax.temperature != 1 else { return nil }
      return site.evaluated(as: Softmax(temperature: other(softmax.temperature)))
    }
  }
}
