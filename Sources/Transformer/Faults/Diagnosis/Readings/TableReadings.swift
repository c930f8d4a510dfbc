import TouchstoneGraph
import TouchstoneModel

/// Rows of tables that are added up to one output, told by themselves or by their sum.
struct StoredTables: Sendable {
  /// One table that is read, as one addend of the output.
  private struct Table: Sendable {
    let output: Activation
    let values: Tensor<Double>
    let rows: [Int]
  }

  private let tables: [Table]
  /// The sum of all else that is added.
  private let rest: Tensor<Double>

  /// The tables that an operation reads, or the operations before it do; nil where there are none.
  init?(_ site: FaultSite) {
    let own = site.operation
    if let embedding = own.kind.payload as? Embedding {
      let rows = site.inputs.ids(embedding.ids).map { $0 + embedding.offset }
      tables = [Table(output: own.output, values: site.parameters[0], rows: rows)]
      rest = Tensor(repeating: 0, shape: [rows.count, site.parameters[0].rowWidth])
      return
    }
    var (tables, rest) = ([Table](), Tensor<Double>(repeating: 0, shape: site.activations[0].shape))
    for (input, value) in zip(own.inputs, site.activations) {
      if let maker = site.graph.operation(making: input), let embedding = maker.kind.payload as? Embedding,
        let table = site.parameter(maker.parameters[0].parameter)
      {
        let rows = site.inputs.ids(embedding.ids).map { $0 + embedding.offset }
        tables.append(Table(output: input, values: table, rows: rows))
      } else {
        for offset in rest.values.indices { rest.values[offset] += value.values[offset] }
      }
    }
    guard let width = tables.first?.values.rowWidth, rest.shape == [site.inputs.count, width] else {
      return nil
    }
    self.tables = tables
    self.rest = rest
  }

  /// The ways to store some of the tables that leave next to nothing of the error in a few rows.
  func guesses(_ got: Tensor<Double>, due want: Tensor<Double>) -> [Reading.Guess] {
    let sample = Array((0..<got.rowCount).prefix(4))
    let subsets = tables.count > 1 ? [Array(tables.indices)] + tables.indices.map { [$0] } : [[0]]
    let ways = Self.changes(rest.rowWidth).flatMap { stored in subsets.map { (stored: stored, subset: $0) } }
    let tried = ways.map { way in
      (way: way, rest: squares(value(sample, way.subset, way.stored), got))
    }
    return nearest(tried, of: squares(want.values, got, count: sample.count)).map { stored, subset in
      let how = stored.inWords ?? quantised(stored)
      let names = subset.map { tables[$0].output.path }.joined(separator: " and ")
      let text =
        tables.count == 1
        ? "the table is \(how)"
        : subset.count == 1 ? "the table of \(names) is \(how)" : "the tables of \(names) are \(how)"
      return Reading.Guess(text) { _ in
        Tensor(value(Array(0..<got.rowCount), subset, stored), shape: got.shape)
      }
    }
  }

  /// Other rows of one of the tables than those due.
  func otherRows(_ got: Tensor<Double>, of site: FaultSite) -> [Reading.Guess] {
    tables.indices.compactMap { index in
      // What is left of the output once all else is taken away.
      var own = got
      for token in 0..<got.rowCount {
        for column in 0..<got.rowWidth {
          let others = tables.indices.reduce(rest[token, column]) {
            $0 + ($1 == index ? 0 : tables[$1].values[tables[$1].rows[token], column])
          }
          own[token, column] -= others
        }
      }
      let table = tables[index].values
      guard let read = table.transposed.order(of: own.transposed), read != tables[index].rows else {
        return nil
      }
      let isIDs = site.graph.operation(making: tables[index].output).map {
        Place.tokenEmbeddings.contains($0, site.graph)
      }
      let subject =
        tables.count == 1 ? "" : isIDs == true ? "of the tokens' table, " : "of the positions' table, "
      return Reading.Guess(subject + inWords(read, due: tables[index].rows, of: table.rowCount)) { [own] _ in
        var y = got
        for token in 0..<got.rowCount {
          for column in 0..<got.rowWidth {
            y[token, column] += table[read[token], column] - own[token, column]
          }
        }
        return y
      }
    }
  }

  /// Which rows are read instead of those due.
  private func inWords(_ read: [Int], due: [Int], of count: Int) -> String {
    let wrong = read.indices.filter { read[$0] != due[$0] }
    guard let first = wrong.first else { return "rows are right" }
    if wrong.count == 1 {
      return "row \(read[first]) is read for token \(first) instead of row \(due[first])"
    }
    let from = first == 0 ? "" : "from token \(first) on "
    if first > 0, (first..<read.count).allSatisfy({ read[$0] == due[$0 - 1] }), Set(read[first...]).count > 1
    {
      return "\(from)each row is that of the token before"
    }
    if let text = ruleInWords(read, due: due, of: count) { return text }
    let tail = Array(first..<read.count)
    let step = read[first] - due[first]
    let (size, sense) = (abs(step), step < 0 ? "too small" : "too large")
    let run = tail.prefix { read[$0] - due[$0] == step }
    if run.count == tail.count { return "\(from)rows are \(size) \(sense)" }
    if run.count > 1, let last = run.last, Set(read[(last + 1)...]).count == 1 {
      return "\(from)rows are \(size) \(sense), and from token \(last + 1) on row \(read[last + 1])"
    }
    if Set(read[first...]).count == 1 { return "\(from)every row is row \(read[first])" }
    if tail.allSatisfy({ read[$0] == read[first] + $0 - first }) {
      return
        "\(from)rows are counted on from \(read[first]) (\(read[first]), \(read[first] + 1), …) instead of "
        + words(due[first...])
    }
    if wrong.count == tail.count {
      return from + "rows are \(words(read[first...])) instead of \(words(due[first...]))"
    }
    return
      "for tokens \(runs(wrong)) rows are \(words(wrong.map { read[$0] })) instead of \(words(wrong.map { due[$0] }))"
  }

  /// One rule for all rows: a constant that is added, around the end of the table too, or the lowest bits alone.
  private func ruleInWords(_ read: [Int], due: [Int], of count: Int) -> String? {
    let step = ((read[0] - due[0]) % count + count) % count
    let isShifted = read.indices.allSatisfy { (read[$0] - due[$0] - step) % count == 0 }
    if isShifted, step > 0, Set(due).count > 1 {
      let size = 2 * step > count ? count - step : step
      return "every row is \(size) too \(2 * step > count ? "small" : "large")"
    }
    for bits in 1..<20 where read != due {
      if read.indices.allSatisfy({ read[$0] == due[$0] % (1 << bits) }) {
        return "rows are read modulo \(1 << bits): \(bits) bits of an id"
      }
    }
    return nil
  }

  /// Rows of the output where some of the tables are stored otherwise.
  private func value(_ tokens: [Int], _ subset: [Int], _ stored: StoredProduct.Change) -> [Double] {
    tokens.flatMap { token in
      tables.indices.reduce(Array(rest.row(token))) { sum, index in
        let row = Array(tables[index].values.row(tables[index].rows[token]))
        return zip(sum, subset.contains(index) ? stored.changed(row) : row).map { $0 + $1 }
      }
    }
  }

  private static func changes(_ width: Int) -> [StoredProduct.Change] {
    let formats: [NumberFormat] = [.float16, .bfloat16, .tensorFloat32, .float8]
    let groups = [16, 32, 64, 128, 256].filter { $0 < width } + [width]
    return formats.map { .rounded($0) } + formats.map { .cut($0) }
      + groups.flatMap { group in Quantisation.all.map { .quantised($0, .inputs(group)) } }
  }

  private func quantised(_ change: StoredProduct.Change) -> String {
    guard case .quantised(let scheme, .inputs(let size)) = change else { return "stored otherwise" }
    return "quantised to \(scheme.inWords) " + (size == rest.rowWidth ? "by row" : "in groups of \(size)")
      + scheme.shiftInWords
  }

  /// The squared difference over the first rows.
  private func squares(_ value: [Double], _ got: Tensor<Double>, count: Int? = nil) -> Double {
    value.prefix(count.map { $0 * got.rowWidth } ?? value.count).indices.reduce(0) {
      $0 + (got.values[$1] - value[$1]) * (got.values[$1] - value[$1])
    }
  }
}
