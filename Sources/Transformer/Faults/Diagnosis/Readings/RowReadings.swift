import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Reading {
  /// Outputs of a matrix, or rows of a table, that are others than those due.
  static let rows: [Reading] = [
    Reading("linear.other-outputs", .weights, of: Linear.self) { own, site, got in
      let bias = site.site.operands.parameters.dropFirst().first
      return [true, false].compactMap { isBiasMoved in
        guard isBiasMoved || bias != nil else { return nil }
        // Whole rows, of the matrix and the bias alike, or of the matrix alone.
        var (all, due, read) = (site.evaluatedWhole(), site.evaluated(as: Linear()), got.byToken)
        if let bias, !isBiasMoved {
          let whole = ParameterValues(site.parameters[1], site.operation.parameters[1].whole)
          for offset in all.values.indices { all.values[offset] -= whole[offset % all.rowWidth] }
          for offset in due.values.indices {
            due.values[offset] -= bias[offset % due.rowWidth]
            read.values[offset] -= bias[offset % due.rowWidth]
          }
        }
        if isBiasMoved {
          // What is clipped is told apart once it is.
          all.values = all.values.map { own.clipped($0) }
          due.values = due.values.map { own.clipped($0) }
        }
        guard let order = all.order(of: read), let right = all.order(of: due), order != right else {
          return nil
        }
        let name =
          inWords(order, due: right, heads: own.heads ?? 1) + (isBiasMoved ? "" : ", the bias in its own")
        return Guess(name) { [all, order] site in
          let width = order.count / (own.heads ?? 1)
          return site.edited { y in
            for (place, output) in order.enumerated() {
              let bias = isBiasMoved ? 0 : site.site.operands.parameters[1][place]
              for token in 0..<all.rowCount {
                y.values[(place / width * all.rowCount + token) * width + place % width] = own.clipped(
                  all[token, output] + bias)
              }
            }
          }
        }
      }
    },
    Reading("embedding.other-rows", .embedding, at: .of(Embedding.self).union(.of(Sum.self))) { site, got in
      StoredTables(site)?.otherRows(got, of: site) ?? []
    },
    Reading("weights.of-other", .weights, at: Place.products.union(.norms)) { site, got in
      let own = site.operation
      let product = (own.kind.payload as? Linear).flatMap { ReadProduct($0, site, got) }
      return site.graph.operations.filter { other in
        other.kind.payload is Linear == own.kind.payload is Linear && other.parameters != own.parameters
          && other.parameters.map(\.shape) == own.parameters.map(\.shape)
          && (own.kind.payload is any Normalising || other.output.block == own.output.block
            || other.output.name == own.output.name)
      }.map { other in
        Guess("the parameters are those of \(other.output)") { site in
          let parameters = other.parameters.compactMap { view in
            site.parameter(view.parameter).map { ParameterValues($0, view) }
          }
          guard parameters.count == other.parameters.count,
            product?.mayBe(
              weight: parameters[0],
              bias: { output in
                parameters.count > 1 ? parameters[1][output] : 0
              }) ?? true
          else { return nil }
          let operands = Operands(site.activations, parameters: parameters)
          return site.operation.kind.value(operands, in: site.inputs)
        }
      }
    },
  ]

  /// What an order of outputs is: that of the other pairs of a rotation, another within each head, or another at all.
  private static func inWords(_ read: [Int], due: [Int], heads: Int) -> String {
    let width = read.count / heads
    // Outputs that are equal at every token may stand for each other more than once.
    let place = Dictionary(zip(due, due.indices)) { first, _ in first }
    let within = read.enumerated().map { offset, output in
      place[output].map { $0 - offset / width * width }
    }
    let ofFirst = Array(within.prefix(width))
    if heads > 1, let text = headsInWords(read.map { place[$0] }, width: width) { return text }
    if let text = groupsInWords(read.map { place[$0] }) { return text }
    let isOneOrder = within.indices.allSatisfy {
      within[$0] == ofFirst[$0 % width] && (0..<width).contains(within[$0] ?? -1)
    }
    guard isOneOrder, heads > 1 else {
      let others = read.indices.filter { read[$0] != due[$0] }
      let taken = others.map { place[read[$0]] ?? read[$0] }
      return "\(inWords(places: others)) of the matrix \(others.count == 1 ? "is that" : "are those") of "
        + (others.count == 1 ? "\(taken[0])" : inWords(places: taken).replacing("outputs ", with: ""))
    }
    let order = ofFirst.compactMap(\.self)
    for turning in stride(from: width / 2 * 2, through: 4, by: -2) {
      let rest = Array(turning..<width)
      let toNeighbours = (0..<turning).map { $0 % 2 * (turning / 2) + $0 / 2 }
      let toHalves = (0..<turning).map { $0 < turning / 2 ? 2 * $0 : 2 * ($0 - turning / 2) + 1 }
      let permuted = "each head's first \(turning) rows are permuted for the other pairs of a rotation, "
      if order == toNeighbours + rest { return permuted + "halves to neighbours" }
      if order == toHalves + rest { return permuted + "neighbours to halves" }
    }
    let first = order.indices.first { order[$0] != $0 } ?? 0
    return "each head's rows\(first > 0 ? " from \(first) on" : "") are in the order "
      + words(order[first...])
  }

  /// Whole heads in the places of others; nil where they are not whole.
  private static func headsInWords(_ read: [Int?], width: Int) -> String? {
    var heads: [Int] = []
    for first in stride(from: 0, to: read.count, by: width) {
      guard let source = read[first], source.isMultiple(of: width),
        (0..<width).allSatisfy({ read[first + $0] == source + $0 })
      else { return nil }
      heads.append(source / width)
    }
    let wrong = heads.indices.filter { heads[$0] != $0 }
    if wrong.count == 2, heads[wrong[0]] == wrong[1], heads[wrong[1]] == wrong[0] {
      return "heads \(wrong[0]) and \(wrong[1]) are exchanged"
    }
    if wrong.count == 1 { return "head \(wrong[0]) repeats head \(heads[wrong[0]])" }
    return "heads are in the order \(words(heads))"
  }

  /// One order in every few outputs; nil where there is none.
  private static func groupsInWords(_ read: [Int?]) -> String? {
    for size in [2, 4, 8, 16, 32, 64] where size < read.count && read.count.isMultiple(of: size) {
      let first = read.prefix(size).compactMap(\.self)
      guard first.count == size, Set(first) == Set(0..<size) else { continue }
      if read.indices.allSatisfy({ read[$0] == $0 / size * size + first[$0 % size] }) {
        return "in every \(size), outputs of the matrix are in the order \(words(first))"
      }
    }
    return nil
  }

  /// The places of outputs, those of a run by its ends.
  private static func inWords(places: [Int]) -> String {
    guard let first = places.first, let last = places.last else { return "no outputs" }
    if places.count == 1 { return "output \(first)" }
    let isRun = places.indices.allSatisfy { places[$0] == first + $0 }
    return "outputs " + (isRun ? "\(first) to \(last)" : words(places))
  }
}

extension FaultSite {
  /// A product with all outputs of its parameters: [T, n].
  fileprivate func evaluatedWhole() -> Tensor<Double> {
    let viewed = zip(parameters, operation.parameters).map { ParameterValues($0, $1.whole) }
    return Linear().value(Operands(activations, parameters: viewed), in: inputs)
  }
}

extension ParameterView {
  /// All that is stored of it, of the same expert.
  fileprivate var whole: ParameterView {
    ParameterView(parameter, layout, Selection(expert: selection.expert))
  }
}

extension Tensor<Double> {
  /// [T, n], heads side by side.
  fileprivate var byToken: Tensor<Double> { shape.count == 3 ? joinedHeads() : self }

  /// The matrix with its axes exchanged.
  var transposed: Tensor<Double> {
    var y = Tensor(repeating: 0, shape: [rowWidth, rowCount])
    for row in 0..<rowCount {
      for column in 0..<rowWidth { y[column, row] = self[row, column] }
    }
    return y
  }

  /// Which column of this matrix each column of another is, nearly; nil where one is none of them.
  func order(of other: Tensor<Double>) -> [Int]? {
    guard rowCount == other.rowCount, rowCount > 0, other.values.allSatisfy(\.isFinite) else { return nil }
    let square = other.values.reduce(0) { $0 + $1 * $1 } / Double(Swift.max(other.count, 1))
    let tolerance = 1e-3 * square.squareRoot()
    let sorted = (0..<rowWidth).sorted { self[0, $0] < self[0, $1] }
    var order: [Int] = []
    for column in 0..<other.rowWidth {
      // Those near in the first row, by bisection.
      var (low, high) = (0, sorted.count)
      while low < high {
        let middle = (low + high) / 2
        if self[0, sorted[middle]] < other[0, column] - tolerance { low = middle + 1 } else { high = middle }
      }
      var best: (place: Int, distance: Double)?
      while low < sorted.count, self[0, sorted[low]] <= other[0, column] + tolerance {
        let place = sorted[low]
        let distance = (0..<rowCount).reduce(0) { Swift.max($0, abs(self[$1, place] - other[$1, column])) }
        if distance <= tolerance, distance < best?.distance ?? .infinity { best = (place, distance) }
        low += 1
      }
      guard let best else { return nil }
      order.append(best.place)
    }
    return order
  }
}
