import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Embedding: Faulty {
  static let traits: FaultTraits = .copy
  static let faults: [Fault] = positionFaults + offsetFaults + waveFaults + tableFaults + typeFaults

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

  /// Of tables whose first rows belong to no position, and of positions that a mask decides.
  private static let offsetFaults: [Fault] = [
    Fault(
      "position.no-offset", "the rows in front of position 0 are taken for positions", .embedding,
      at: offsetTables, practice: "the offset into the table is left out"
    ) { site in
      guard let own = site.operation.kind.payload as? Embedding else { return nil }
      return site.rows(site.inputs.positionIDs.map { $0 - own.offset })
    },
    Fault(
      "position.mask-not-counted", "positions count what is masked", .embedding,
      at: Place.positionEmbeddings.filtered { operation, _ in
        (operation.kind.payload as? Embedding)?.countsVisible ?? false
      },
      practice: "0 … T−1 for a family that counts over the mask"
    ) { site in site.rows(Array(0..<site.inputs.count)) },
  ]

  /// Of tables of token types, and of positions that are counted over padding.
  private static let typeFaults: [Fault] = [
    Fault(
      "token-type.first-for-all", "every token is of the first type", .embedding, at: types,
      practice: "token_type_ids are not handed on"
    ) { site in site.rows(site.inputs.tokenTypeIDs.map { _ in 0 }) },
    Fault(
      "token-type.exchanged", "the types of the two texts are exchanged", .embedding, at: types,
      practice: "types are counted from the end"
    ) { site in
      let last = site.parameters[0].rowCount - 1
      return site.rows(site.inputs.tokenTypeIDs.map { last - $0 })
    },
    Fault(
      "token-type.missing", "no type is added", .embedding, at: types,
      practice: "a model without types is assumed"
    ) { site in site.edited { $0.values = $0.values.map { _ in 0 } } },
    Fault(
      "position.from-zero", "positions are counted from 0", .embedding,
      at: Place.positionEmbeddings.filtered { operation, _ in
        (operation.kind.payload as? Embedding)?.padding != nil
      },
      practice: "the offset behind the padding's id is left out"
    ) { site in site.rows(Array(0..<site.inputs.count)) },
  ]

  private static let types = Place.of(Embedding.self).filtered { operation, _ in
    (operation.kind.payload as? Embedding)?.ids == .tokenTypeIDs
  }

  private static let offsetTables = Place.positionEmbeddings.filtered { operation, _ in
    (operation.kind.payload as? Embedding).map { $0.offset > 0 } ?? false
  }

  /// Waves in place of what the table holds, in the forms that there are.
  private static let waveFaults: [Fault] = [
    waves("sinusoidal", "positions are sines and cosines", .interleaved),
    waves("sinusoidal-halves", "positions are sines, then cosines", .halves),
    waves(
      "sinusoidal-to-the-end", "positions are sines and cosines, to 10000 with the last", .interleaved,
      isToTheEnd: true),
    waves(
      "sinusoidal-halves-to-the-end", "positions are sines, then cosines, to 10000 with the last", .halves,
      isToTheEnd: true),
  ]

  private static func waves(
    _ id: String, _ name: String, _ form: Sinusoid.Form, isToTheEnd: Bool = false
  ) -> Fault {
    Fault(
      "position.\(id)", name, .embedding, at: .positionEmbeddings,
      practice: "a form of the 2017 paper's for what is stored"
    ) { site in
      let width = site.parameters[0].rowWidth
      let step = isToTheEnd ? -2 / Double(width - 2) : -2 / Double(width)
      guard width > 2 else { return nil }
      let wave = Sinusoid(.positionIDs, width: width, form: form)
      return site.edited { value in
        for (row, position) in site.inputs.positionIDs.enumerated() {
          for column in 0..<width {
            let (pair, isCosine) = wave.term(of: column)
            let angle = Double(position) * pow(10_000, step * Double(pair))
            value[row, column] = isCosine ? cos(angle) : sin(angle)
          }
        }
      }
    }
  }

  private static let tableFaults: [Fault] = [
    Fault(
      "embedding.scaled", "token embeddings are multiplied by √D", .embedding, at: .tokenEmbeddings,
      practice: "the scale of another model family"
    ) { site in
      let scale = Double(site.parameters[0].rowWidth).squareRoot()
      return site.edited { $0.values = $0.values.map { $0 * scale } }
    },
    Fault(
      "embedding.next-token", "each token takes the embedding of the next id", .embedding,
      at: .tokenEmbeddings, practice: "ids that start at 1"
    ) { site in
      site.rows(site.inputs.tokenIDs.map { $0 + 1 })
    },
    Fault(
      "embedding.tokens-shifted", "each token takes the embedding of the token before", .embedding,
      at: .tokenEmbeddings, practice: "inputs shifted as for training"
    ) { site in
      guard site.inputs.count > 1 else { return nil }
      return site.rows([site.inputs.tokenIDs[0]] + site.inputs.tokenIDs.dropLast())
    },
    Fault(
      "embedding.bytes-as-ids", "ids are taken modulo 256", .embedding, at: .tokenEmbeddings,
      practice: "an id is stored in a byte"
    ) { site in site.rows(site.inputs.tokenIDs.map { $0 % 256 }) },
    Fault(
      "embedding.table-in-half", "the table is rounded to float16", .embedding,
      at: .of(Embedding.self), practice: "embeddings are kept in half precision",
      storedAs: .float16
    ) { $0.evaluated() },
  ]

  private static func variant(
    _ id: String, _ name: String, _ practice: String, _ position: @escaping @Sendable (Int, Int) -> Int
  ) -> Fault {
    Fault("position.\(id)", name, .embedding, at: .positionEmbeddings, practice: practice) { site in
      site.rows(site.inputs.positionIDs.map { position($0, site.inputs.count) })
    }
  }
}

extension FaultSite {
  /// The table's rows for other ids, the nearest for those that it has not.
  fileprivate func rows(_ ids: [Int]) -> Tensor<Double>? {
    guard let offset = (operation.kind.payload as? Embedding)?.offset else { return nil }
    let table = parameters[0]
    let rows = ids.map { min(max($0 + offset, 0), table.rowCount - 1) }
    return Tensor(rows.flatMap { table.row($0) }, shape: [rows.count, table.rowWidth])
  }
}

extension Embedding {
  static let readings: [Reading] = [
    Reading("embedding.scaled", .embedding, of: Embedding.self) { _, site, got in
      guard let read = quotient(of: got.values, on: site.evaluated().values) else { return [] }
      return Reading.factors(near: read).map { name, factor in
        Reading.Guess("the rows of the table are multiplied by \(name)", numbers: 1) { site in
          site.edited { $0.values = $0.values.map { $0 * factor } }
        }
      }
    },
    Reading("embedding.zero-rows", .embedding, of: Embedding.self) { _, _, got in
      let empty = (0..<got.rowCount).filter { got.row($0).allSatisfy { $0 == 0 } }
      guard !empty.isEmpty else { return [] }
      let which =
        empty.count == got.rowCount
        ? "every row is" : empty.count == 1 ? "row \(empty[0]) is" : "rows \(runs(empty)) are"
      return [
        Reading.Guess("\(which) 0: none is read from the table") { site in
          site.edited { y in
            for row in empty where row < y.rowCount { y.setRow(row) { _ in 0 } }
          }
        }
      ]
    },
    Reading("embedding.resampled", .embedding, of: Embedding.self) { _, site, got in
      GridResampling.found(site, got).map { resampling in
        Reading.Guess(resampling.inWords, numbers: 1) { resampling.value(of: $0) }
      }
    },
  ]
}
