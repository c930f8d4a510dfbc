import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Fault {
  /// Tokens and positions.
  static let embeddingFaults: [Fault] = [
    positionFaults, tableFaults,
  ].flatMap { $0 }

  private static let positionFaults: [Fault] = [
    variant(
      "one-later", "positions start at 1", "the position is counted after the token instead of before",
      { position, _ in position + 1 }
    ),
    variant(
      "one-earlier", "positions lag by 1", "the cache's length is read before it grows",
      { position, _ in position - 1 }
    ),
    variant(
      "all-first", "every token stands at position 0", "positions are not advanced while decoding",
      { _, _ in 0 }
    ),
    variant(
      "reversed", "positions run backwards", "a sequence padded on the left",
      { position, count in count - 1 - position }
    ),
    variant(
      "restart-after-8", "positions start again after eight tokens", "each chunk of a prompt counts from 0",
      { position, _ in position % 8 }
    ),
    variant(
      "offset-2", "positions start at 2", "the padding offset of another model family",
      { position, _ in position + 2 }
    ),
  ]

  private static let tableFaults: [Fault] = [
    Fault(
      "position.missing", "positions are not added", .embedding, at: [.embeddingSum],
      practice: "a model with rotary positions is assumed"
    ) { $0.activations[0] },
    Fault(
      "position.sinusoidal", "positions are sines and cosines", .embedding, at: [.positionEmbedding],
      practice: "the form of the 2017 paper for learned positions"
    ) { site in
      site.edited { value in
        for row in 0..<value.rowCount {
          for column in 0..<value.rowWidth {
            let rate = pow(10000, -Double(column / 2 * 2) / Double(value.rowWidth))
            let angle = Double(site.inputs.positionIDs[row]) * rate
            value[row, column] = column % 2 == 0 ? sin(angle) : cos(angle)
          }
        }
      }
    },
    Fault(
      "embedding.scaled", "token embeddings are multiplied by √D", .embedding, at: [.tokenEmbedding],
      practice: "the scale of another model family"
    ) { site in
      let scale = Double(site.configuration.width).squareRoot()
      return site.edited { $0.values = $0.values.map { $0 * scale } }
    },
    Fault(
      "embedding.next-token", "each token takes the embedding of the next id", .embedding,
      at: [.tokenEmbedding], practice: "ids that start at 1"
    ) { site in
      let last = site.configuration.vocabularySize - 1
      return embedding(site.inputs.tokenIDs.map { min($0 + 1, last) }, table: site.parameters[0])
    },
    Fault(
      "embedding.tokens-shifted", "each token takes the embedding of the token before", .embedding,
      at: [.tokenEmbedding], practice: "inputs shifted as for training"
    ) { site in
      guard site.inputs.count > 1 else { return nil }
      return embedding(
        [site.inputs.tokenIDs[0]] + site.inputs.tokenIDs.dropLast(), table: site.parameters[0])
    },
    Fault(
      "embedding.bytes-as-ids", "ids are taken modulo 256", .embedding, at: [.tokenEmbedding],
      practice: "an id is stored in a byte"
    ) { site in embedding(site.inputs.tokenIDs.map { $0 % 256 }, table: site.parameters[0]) },
    Fault(
      "embedding.table-in-half", "the table is rounded to float16", .embedding,
      at: [.tokenEmbedding, .positionEmbedding], practice: "embeddings are kept in half precision",
      storedAs: .float16
    ) { $0.evaluated() },
    Fault(
      "embedding.position-twice", "the position is added twice", .embedding, at: [.embeddingSum],
      practice: "a table that already holds it"
    ) { site in sum(site.evaluated(), site.activations[1]) },
  ]

  /// From the stream to probabilities.
  static let readoutFaults: [Fault] = [
    Fault(
      "readout.without-norm", "logits are made from the stream without the final norm", .readout,
      at: [.logits], practice: "the final norm is computed and not used"
    ) { site in
      let last = site.configuration.layerCount - 1
      return site.activation(Activation(.residualOut, layer: last)).map { site.evaluated(activations: [$0]) }
    },
    Fault(
      "readout.tied", "the token embedding is used for the separate unembedding", .readout, at: [.logits],
      practice: "weights are tied though config.json says otherwise"
    ) { site in
      guard !site.configuration.tiesEmbeddings else { return nil }
      return site.parameter(Parameter(.tokenEmbedding)).map { site.evaluated(parameters: [$0]) }
    },
    Fault(
      "readout.scaled", "logits are divided by √D", .readout, at: [.logits],
      practice: "the scale of another model family"
    ) { site in
      let scale = 1 / Double(site.configuration.width).squareRoot()
      return site.edited { $0.values = $0.values.map { $0 * scale } }
    },
    Fault(
      "readout.soft-cap-30", "logits are capped by 30·tanh(z/30)", .readout, at: [.logits],
      practice: "an option of another model family is on"
    ) { site in site.edited { $0.values = $0.values.map { 30 * tanh($0 / 30) } } },
    Fault(
      "readout.last-token-missing", "the last entry of the vocabulary gets no logit", .readout, at: [.logits],
      practice: "a padded vocabulary is cut one short"
    ) { site in
      site.edited { value in
        for row in 0..<value.rowCount { value[row, value.rowWidth - 1] = 0 }
      }
    },
    Fault(
      "readout.shifted", "logits belong to the ids one lower", .readout, at: [.logits],
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
      "readout.last-row-only", "every row holds the last token's logits", .readout, at: [.logits],
      practice: "an engine that computes the last row only fills the others with it"
    ) { site in
      site.edited { value in
        let last = Array(value.row(value.rowCount - 1))
        for row in 0..<value.rowCount { value.setRow(row) { last[$0] } }
      }
    },
    Fault(
      "readout.temperature-ignored", "logits are not divided by the temperature", .readout,
      at: [.probabilities],
      practice: "an option is not handed on"
    ) { site in site.temperature == 1 ? nil : site.evaluated(temperature: 1) },
    Fault(
      "readout.temperature-multiplied", "logits are multiplied by the temperature", .readout,
      at: [.probabilities], practice: "a reciprocal is forgotten"
    ) { site in site.temperature == 1 ? nil : site.evaluated(temperature: 1 / site.temperature) },
    Fault(
      "readout.temperature-twice", "logits are divided by the temperature twice", .readout,
      at: [.probabilities], practice: "sampler and model both apply it"
    ) { site in
      site.temperature == 1 ? nil : site.evaluated(temperature: site.temperature * site.temperature)
    },
    Fault(
      "readout.temperature-on-probabilities", "probabilities are divided by the temperature", .readout,
      at: [.probabilities], practice: "the division comes after softmax"
    ) { site in
      guard site.temperature != 1 else { return nil }
      let plain = site.evaluated(temperature: 1)
      return Tensor(plain.values.map { $0 / site.temperature }, shape: plain.shape)
    },
  ]

  private static func variant(
    _ id: String, _ name: String, _ practice: String, _ position: @escaping @Sendable (Int, Int) -> Int
  ) -> Fault {
    Fault("position.\(id)", name, .embedding, at: [.positionEmbedding], practice: practice) { site in
      let last = site.configuration.contextLength - 1
      let positions = site.inputs.positionIDs.map { min(max(position($0, site.inputs.count), 0), last) }
      return embedding(positions, table: site.parameters[0])
    }
  }
}
