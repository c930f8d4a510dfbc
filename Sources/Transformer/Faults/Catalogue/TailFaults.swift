import TouchstoneGraph
import TouchstoneModel

extension Fault {
  /// What goes wrong at the edges of loops.
  static let tailFaults: [Fault] = laneFaults + termFaults + edgeFaults

  private static let laneFaults: [Fault] = [4, 8, 16].flatMap { (width: Int) -> [Fault] in
    [
      Fault(
        "tail.modulo-\(width)", "the last n mod \(width) terms of each sum are dropped", .tail,
        at: .products,
        practice: "a vector loop of \(width) lanes without its remainder"
      ) { site in
        let depth = site.activations[0].rowWidth
        return depth % width == 0 ? nil : site.withTerms { $0 < depth / width * width ? 1 : 0 }
      },
      Fault(
        "tail.outputs-modulo-\(width)", "the last n mod \(width) outputs stay zero", .tail,
        at: .computed.subtracting(.attention).subtracting(.softmaxes),
        practice: "a vector loop of \(width) lanes without its remainder"
      ) { site in
        site.edited { value in
          for row in 0..<value.rowCount {
            for column in value.rowWidth / width * width..<value.rowWidth { value[row, column] = 0 }
          }
        }
      },
    ]
  }

  private static let termFaults: [Fault] = [
    terms("last-dropped", "the last term of each sum is dropped", "a loop ends one early") { term, depth in
      term == depth - 1 ? 0 : 1
    },
    terms("first-dropped", "the first term of each sum is dropped", "a loop starts at 1") { term, _ in
      term == 0 ? 0 : 1
    },
    terms("last-twice", "the last term of each sum is added twice", "remainder and vector loop overlap") {
      term, depth in term == depth - 1 ? 2 : 1
    },
    terms(
      "last-four-twice", "the last four terms of each sum are added twice",
      "remainder and vector loop overlap"
    ) { term, depth in term >= depth - 4 ? 2 : 1 },
    terms("block-dropped", "a block of eight terms of each sum is dropped", "a partial sum is not added") {
      term, depth in term / 8 == depth / 16 ? 0 : 1
    },
    terms("block-twice", "a block of eight terms of each sum is added twice", "a partial sum is added again")
    {
      term, depth in term / 8 == depth / 16 ? 2 : 1
    },
  ]

  /// A product in which each term counts a number of times that depends on its place.
  private static func terms(
    _ id: String, _ name: String, _ practice: String, _ factor: @escaping @Sendable (Int, Int) -> Double
  ) -> Fault {
    Fault("tail.\(id)", name, .tail, at: .products, practice: practice) { site in
      let depth = site.activations[0].rowWidth
      return depth < 2 ? nil : site.withTerms { factor($0, depth) }
    }
  }

  private static let edgeFaults: [Fault] = [
    Fault(
      "tail.score-terms", "the last d mod 8 terms of q·k are dropped", .tail, at: .of(AttentionScores.self),
      practice: "a vector loop without its remainder"
    ) { site in
      let width = site.activations[0].rowWidth
      return width % 8 == 0 ? nil : site.withTerms { $0 < width / 8 * 8 ? 1 : 0 }
    },
    Fault(
      "tail.last-key", "the last visible key of each query is dropped from its context", .tail,
      at: .of(AttentionContext.self), practice: "a loop ends one early"
    ) { site in
      let last = site.operation.readsSource ? site.activations[1].shape[1] - 1 : nil
      return site.rawContext { probabilities, head, row, column in
        column == last ?? row ? 0 : probabilities[head, row, column]
      }
    },
    Fault(
      "tail.keys-modulo-8", "the last T mod 8 keys are dropped from the context", .tail,
      at: .of(AttentionContext.self), practice: "a vector loop without its remainder"
    ) { site in
      let keys = site.activations[1].shape[1]
      let whole = keys / 8 * 8
      guard whole < keys else { return nil }
      return site.rawContext { probabilities, head, row, column in
        column >= whole ? 0 : probabilities[head, row, column]
      }
    },
    Fault(
      "tail.last-token", "the last token's row stays zero", .tail,
      at: .rowsOfTokens.subtracting(.of(AttentionScores.self)).subtracting(.softmaxes).subtracting(
        .embeddingSums),
      practice: "a loop over tokens ends one early"
    ) { site in
      let last = site.inputs.count - 1
      return site.edited { value in
        value.takeTokens(from: Tensor(repeating: 0, shape: value.shape)) { $0 == last }
      }
    },
  ]

  /// What is left over from another moment: races, stale buffers, lost writes.
  static let stalenessFaults: [Fault] = [
    Fault(
      "stale.last-token", "the last token's row repeats the one before", .staleness, at: .rowsOfTokens,
      practice: "a buffer is read before it is written"
    ) { site in
      let last = site.inputs.count - 1
      guard last > 0 else { return nil }
      return site.edited { value in
        var before = value
        let tokens = value.shape[value.shape.count - 2]
        for row in 0..<value.rowCount where row % tokens == last {
          before.setRow(row) { value[row - 1, $0] }
        }
        value.takeTokens(from: before) { $0 == last }
      }
    },
    Fault(
      "stale.one-element", "one element stays zero", .staleness, at: .computed, practice: "a lost write"
    ) { site in
      site.edited { value in value.values[value.count - 1 - value.rowWidth / 3] = 0 }
    },
    Fault(
      "stale.tile", "a tile of four columns repeats the four before it", .staleness, at: .products,
      practice: "a tile of the output is written from the wrong accumulator"
    ) { site in
      let shape = site.graph.shape(of: site.operation.output, in: site.inputs)
      guard let width = shape?.last, width >= 8 else { return nil }
      return site.edited { value in
        for row in 0..<value.rowCount {
          for column in 4..<8 { value[row, column] = value[row, column - 4] }
        }
      }
    },
    Fault(
      "stale.accumulator", "each token's sum starts from the one before", .staleness, at: .products,
      practice: "an accumulator is not cleared"
    ) { site in
      guard site.inputs.count > 1 else { return nil }
      return site.edited { value in
        let once = value
        let tokens = value.shape[value.shape.count - 2]
        for row in 0..<value.rowCount where row % tokens > 0 {
          for column in 0..<value.rowWidth { value[row, column] += once[row - 1, column] }
        }
      }
    },
    Fault(
      "stale.rows-exchanged", "two tokens' rows are exchanged", .staleness, at: .rowsOfTokens,
      practice: "two threads write each other's rows"
    ) { site in
      guard site.inputs.count > 2 else { return nil }
      return site.edited { value in
        let original = value
        let tokens = value.shape[value.shape.count - 2]
        for row in 0..<value.rowCount where (1...2).contains(row % tokens) {
          let other = row % tokens == 1 ? row + 1 : row - 1
          value.setRow(row) { original[other, $0] }
        }
      }
    },
  ]
}

extension FaultSite {
  /// The operation's value where every term k of a sum along the rows counts `factor(k)` times.
  func withTerms(_ factor: (Int) -> Double) -> Tensor<Double> {
    evaluated(changing: 0) { x in
      for offset in x.values.indices { x.values[offset] *= factor(offset % x.rowWidth) }
    }
  }
}
