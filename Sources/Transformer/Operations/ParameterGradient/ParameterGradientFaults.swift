import TouchstoneGraph
import TouchstoneModel

extension ParameterGradient: Faulty {
  static let traits: FaultTraits = .contraction
  static let faults: [Fault] =
    ofTokens + ofTables + ofFilters + [
      fault("transposed", "the gradient is transposed", "x·dyᵀ for dy·xᵀ") { _, site in
        let value = site.evaluated()
        guard value.shape.count == 2, value.shape[0] == value.shape[1] else { return nil }
        let width = value.rowWidth
        return Tensor(
          value.values.indices.map { value.values[$0 % width * width + $0 / width] }, shape: value.shape)
      },
      fault("shifted", "inputs are those of one token earlier", "two buffers are a step apart") { own, site in
        guard own.uses.contains(.matrix) else { return nil }
        return site.evaluated(changing: own.firstInput) { x in
          let before = x
          for row in 0..<x.rowCount { x.setRow(row) { row == 0 ? 0 : before[row - 1, $0] } }
        }
      },
      fault("decayed", "weight decay is part of the gradient", "decay of 0.01 is added, not decoupled") {
        _, site in
        site.parameters.first.map { parameter in
          site.edited { value in
            for offset in value.values.indices { value.values[offset] += 0.01 * parameter.values[offset] }
          }
        }
      },
      fault("mean", "the gradient is divided by the tokens", "a mean for a sum") { _, site in
        site.times(1 / Double(site.inputs.count))
      },
      fault("twice", "the gradient is added twice", "a buffer is not cleared") { _, site in site.times(2) },
      fault("missing", "there is no gradient", "a parameter is frozen, or its kernel writes elsewhere") {
        _, site in
        site.times(0)
      },
    ]

  private static let ofTokens: [Fault] = [
    tokens("last-token", "only the last token counts", "= for += in the loop over tokens") {
      $0 == $1 - 1 ? 1 : 0
    },
    tokens("token-lost", "the last token is lost", "a loop ends one early") { $0 == $1 - 1 ? 0 : 1 },
    tokens("token-twice", "the last token counts twice", "loop and remainder overlap") {
      $0 == $1 - 1 ? 2 : 1
    },
    tokens("first-token-lost", "the first token is lost", "a loop starts at 1") { token, _ in
      token == 0 ? 0 : 1
    },
    tokens(
      "block-lost", "tokens after the last whole block of eight are lost", "a loop without its remainder"
    ) {
      $0 < $1 / 8 * 8 ? 1 : 0
    },
    fault("first-sequence", "only the first sequence counts", "the batch is not summed over") { own, site in
      guard site.inputs.sequenceCount > 1 else { return nil }
      return own.weighing(site) { token, _ in token < site.inputs.sequenceLength ? 1 : 0 }
    },
  ]

  private static let ofTables: [Fault] = [
    Fault(
      "table-gradient.other-direction", "the distance is that of key to query", .gradient,
      of: ParameterGradient.self, practice: "i − j for j − i"
    ) { own, site in
      guard case .buckets? = own.uses.first else { return nil }
      return site.evaluated(changing: 0) { dy in
        let (original, count) = (dy, dy.rowWidth)
        for row in 0..<dy.rowCount {
          let (head, query) = row.quotientAndRemainder(dividingBy: count)
          for key in 0..<count { dy[head, query, key] = original[head, key, query] }
        }
      }
    },
    table("repeated-overwritten", "of a repeated token the last place counts alone", "= for += in a scatter")
    {
      own, site in
      own.weighingRows(site) { token, ids in ids.lastIndex(of: ids[token]) == token ? 1 : 0 }
    },
    table("divided-by-frequency", "rows are divided by how often they are looked up", "scale_grad_by_freq") {
      own, site in
      own.weighingRows(site) { token, ids in 1 / Double(ids.count { $0 == ids[token] }) }
    },
    table("row-of-0-missing", "the row of the id 0 has no gradient", "padding_idx, which no golden declares")
    {
      own, site in own.weighingRows(site) { token, ids in ids[token] == 0 ? 0 : 1 }
    },
    table(
      "row-of-first-missing", "the row of the first token's id has no gradient",
      "padding_idx, which no golden declares, where a decoder begins with it"
    ) { own, site in own.weighingRows(site) { token, ids in ids[token] == ids[0] ? 0 : 1 } },
    table(
      "row-of-last-missing", "the row of the last token's id has no gradient",
      "padding_idx, which no golden declares, where a text is filled up with it"
    ) { own, site in own.weighingRows(site) { token, ids in ids[token] == ids[ids.count - 1] ? 0 : 1 } },
    table("row-of-padding-learned", "the row of padding has a gradient", "padding_idx is forgotten") {
      own, site in
      let all = own.uses.map { use in
        if case .rows(let table, _?) = use { ParameterGradient.Use.rows(table) } else { use }
      }
      return all == own.uses ? nil : site.evaluated(as: ParameterGradient(all))
    },
    table("scaled", "rows are scaled by the root of the width", "the scale of another model's embedding") {
      own, site in own.weighingRows(site) { _, _ in Double(site.evaluated().rowWidth).squareRoot() }
    },
    table("one-row-off", "rows are added one row further down", "an offset") { _, site in
      site.edited { value in
        let (original, rows) = (value, value.rowCount)
        for row in 0..<rows { value.setRow(row) { original[(row + rows - 1) % rows, $0] } }
      }
    },
    table("lookup-missing", "what is looked up gives no gradient", "only the head of a tied table learns") {
      own, site in
      own.uses.contains(.matrix) ? own.weighingRows(site) { _, _ in 0 } : nil
    },
    table("lookup-twice", "what is looked up counts twice", "both names of a tied table are accumulated") {
      own, site in
      own.uses.contains(.matrix) ? own.weighingRows(site) { _, _ in 2 } : nil
    },
    table("head-missing", "the head gives no gradient", "only the lookup of a tied table learns") {
      own, site in
      own.uses.contains(.matrix) ? own.weighing(site, only: .matrix) { _, _ in 0 } : nil
    },
  ]

  private static let ofFilters: [Fault] = [
    filters("reversed", "the gradient by filters is reversed in time", "the convolution of mathematics") {
      value, index in value[index[0], index[1], value.rowWidth - 1 - index[2]]
    },
    filters("transposed", "the gradient is laid out as [out, width, in]", "the layout of another framework") {
      value, index in
      let (inputs, width) = (value.shape[1], value.rowWidth)
      return value.values[(index[0] * width + index[2]) * inputs + index[1]]
    },
    filters("first-tap-missing", "the first number of each filter has no gradient", "a loop starts at 1") {
      value, index in index[2] == 0 ? 0 : value[index[0], index[1], index[2]]
    },
    filters("last-tap-missing", "the last number of each filter has no gradient", "a loop ends one early") {
      value, index in index[2] == value.rowWidth - 1 ? 0 : value[index[0], index[1], index[2]]
    },
    moved("stride-forgotten", "positions are those of neighbouring frames", "the stride is not read") {
      own, _ in
      (1, own.padding)
    },
    moved("padding-forgotten", "positions begin with the first frame", "frames are read without padding") {
      own, _ in (own.stride, 0)
    },
    moved("causal", "positions see no later frame", "all padding stands before the first frame") {
      own, width in
      (own.stride, width - 1)
    },
  ]

  private static func filters(
    _ id: String, _ name: String, _ practice: String,
    _ number: @escaping @Sendable (Tensor<Double>, [Int]) -> Double
  ) -> Fault {
    filter(id, name, practice) { _, _, site in
      site.edited { value in
        let own = value
        for offset in own.values.indices { value.values[offset] = number(own, own.index(of: offset)) }
      }
    }
  }

  /// Another place of the filters; nil where it is the same.
  private static func moved(
    _ id: String, _ name: String, _ practice: String,
    _ place: @escaping @Sendable (Convolution, Int) -> (stride: Int, padding: Int)
  ) -> Fault {
    filter(id, name, practice) { own, convolution, site in
      let (stride, padding) = place(convolution, site.parameters[0].rowWidth)
      guard (stride, padding) != (convolution.stride, convolution.padding) else { return nil }
      let other = Convolution(stride: stride, padding: padding, frames: convolution.frames)
      return site.evaluated(as: ParameterGradient([.filters(other)] + own.uses.dropFirst()))
    }
  }

  /// Of filters that slide along frames.
  private static func filter(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (ParameterGradient, Convolution, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault(
      "filter-gradient.\(id)", name, .gradient, of: ParameterGradient.self, practice: practice
    ) { own, site in
      guard case .filters(let convolution)? = own.uses.first else { return nil }
      return output(own, convolution, site)
    }
  }

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (ParameterGradient, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault(
      "weight-gradient.\(id)", name, .gradient, of: ParameterGradient.self, practice: practice, output: output
    )
  }

  /// Of a table that is looked up alone.
  private static func table(
    _ id: String, _ name: String, _ practice: String,
    _ output: @escaping @Sendable (ParameterGradient, FaultSite) -> Tensor<Double>?
  ) -> Fault {
    Fault(
      "table-gradient.\(id)", name, .gradient, of: ParameterGradient.self, practice: practice
    ) { own, site in
      own.uses.contains { if case .rows = $0 { true } else { false } } ? output(own, site) : nil
    }
  }

  /// A sum over tokens that count a number of times each.
  private static func tokens(
    _ id: String, _ name: String, _ practice: String, _ weight: @escaping @Sendable (Int, Int) -> Double
  ) -> Fault {
    fault(id, name, practice) { own, site in own.weighing(site, weight) }
  }

  /// The place of the input of the first product.
  private var firstInput: Int {
    uses.prefix { $0 != .matrix }.reduce(0) { $0 + $1.activationCount }
  }

  /// The value where each token of every reader, or of those of one use, counts `weight(token, tokens)` times.
  private func weighing(
    _ site: FaultSite, only: Use? = nil, _ weight: (Int, Int) -> Double
  ) -> Tensor<Double> {
    weighing(site, where: { only == nil || $0 == only }) { token, tokens, _ in weight(token, tokens) }
  }

  /// The value where each row that is looked up counts `weight(token, ids)` times.
  private func weighingRows(_ site: FaultSite, _ weight: (Int, [Int]) -> Double) -> Tensor<Double> {
    weighing(site, where: { if case .rows = $0 { true } else { false } }) { token, _, use in
      guard case .rows(let table, _) = use else { return 1 }
      return weight(token, site.inputs.ids(table.ids))
    }
  }

  private func weighing(
    _ site: FaultSite, where isChanged: (Use) -> Bool, _ weight: (Int, Int, Use) -> Double
  ) -> Tensor<Double> {
    var read = site.activations
    var place = -1
    for use in uses {
      place += use.activationCount
      guard isChanged(use) else { continue }
      let shape = read[place].shape
      let tokens = use.isOfFrames ? shape[1] : shape[shape.count - 2]
      for row in 0..<read[place].rowCount {
        let factor = use.isOfFrames ? nil : weight(row % tokens, tokens, use)
        for column in 0..<read[place].rowWidth {
          read[place][row, column] *= factor ?? weight(column, tokens, use)
        }
      }
    }
    return site.evaluated(activations: read)
  }
}
