import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Reading {
  /// Outputs of a matrix, or rows of a table, that are others than those due.
  static let rows: [Reading] = [
    Reading("linear.other-outputs", .weights, of: Linear.self) { own, site, got in
      let all = site.evaluated(as: Linear(), selecting: .whole)
      let due = site.operation.kind.payload as? Linear == Linear() ? all : site.evaluated()
      guard let read = all.order(of: got.byToken), let right = all.order(of: due.byToken), read != right
      else { return [] }
      return [
        Guess(inWords(read, due: right, heads: own.heads ?? 1)) { site in
          let width = read.count / (own.heads ?? 1)
          return site.edited { y in
            for (place, output) in read.enumerated() {
              for token in 0..<all.rowCount {
                y.values[(place / width * all.rowCount + token) * width + place % width] = own.clipped(
                  all[token, output])
              }
            }
          }
        }
      ]
    },
    Reading("embedding.other-rows", .embedding, of: Embedding.self) { own, site, got in
      let table = site.parameters[0]
      guard let read = table.transposed.order(of: got.transposed) else { return [] }
      let due = site.inputs.ids(own.ids)
      let ids = read.map { $0 - own.offset }
      guard let first = ids.indices.first(where: { ids[$0] != due[$0] }) else { return [] }
      let others = ids[first...]
      let steps = Set(zip(others, due[first...]).map { $0 - $1 })
      let from = first > 0 ? "from token \(first) on " : ""
      let name =
        if steps.count == 1, let step = steps.first {
          from + "every row is \(abs(step)) \(step < 0 ? "earlier" : "later") in the table"
        } else if others.count > 1, Set(others).count == 1 {
          from + "every row is that of \(ids[first])"
        } else {
          "rows are those of " + words(ids, instead: due)
        }
      return [
        Guess(name) { _ in Tensor(read.flatMap { table.row($0) }, shape: [read.count, table.rowWidth]) }
      ]
    },
    Reading("weights.of-other", .weights, at: Place.products.union(.norms)) { site, _ in
      let own = site.operation
      return site.graph.operations.filter { other in
        other.kind.payload is Linear == own.kind.payload is Linear && other.parameters != own.parameters
          && other.parameters.map(\.shape) == own.parameters.map(\.shape)
          && (own.kind.payload is any Normalising || other.output.block == own.output.block)
      }.map { other in
        Guess("the parameters are those of \(other.output)") { site in
          let parameters = other.parameters.compactMap { view in
            site.parameter(view.parameter).map { ParameterValues($0, view) }
          }
          guard parameters.count == other.parameters.count else { return nil }
          let operands = Operands(site.activations, parameters: parameters)
          return site.operation.kind.value(operands, in: site.inputs)
        }
      }
    },
  ]

  /// What an order of outputs is: that of the other pairs of a rotation, another within each head, or another at all.
  private static func inWords(_ read: [Int], due: [Int], heads: Int) -> String {
    let width = read.count / heads
    let place = Dictionary(uniqueKeysWithValues: zip(due, due.indices))
    let within = read.enumerated().map { offset, output in
      place[output].map { $0 - offset / width * width }
    }
    let ofFirst = Array(within.prefix(width))
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

  /// The places of outputs, those of a run by its ends.
  private static func inWords(places: [Int]) -> String {
    guard let first = places.first, let last = places.last else { return "no outputs" }
    if places.count == 1 { return "output \(first)" }
    let isRun = places.indices.allSatisfy { places[$0] == first + $0 }
    return "outputs " + (isRun ? "\(first) to \(last)" : words(places))
  }
}

extension FaultSite {
  /// The operation's value as another kind's, where other outputs of its parameters are read.
  fileprivate func evaluated(
    as kind: any OperationKind, selecting selection: ParameterView.Selection
  ) -> Tensor<Double> {
    let viewed = zip(parameters, operation.parameters).map { tensor, view in
      ParameterValues(tensor, ParameterView(view.parameter, view.layout, selection))
    }
    return kind.kind.value(Operands(activations, parameters: viewed), in: inputs)
  }
}

extension Tensor<Double> {
  /// [T, n], heads side by side.
  fileprivate var byToken: Tensor<Double> { shape.count == 3 ? joinedHeads() : self }

  /// The matrix with its axes exchanged.
  fileprivate var transposed: Tensor<Double> {
    var y = Tensor(repeating: 0, shape: [rowWidth, rowCount])
    for row in 0..<rowCount {
      for column in 0..<rowWidth { y[column, row] = self[row, column] }
    }
    return y
  }

  /// Which column of this matrix each column of another is, nearly; nil where one is none of them.
  fileprivate func order(of other: Tensor<Double>) -> [Int]? {
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
