import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Linear {
  /// Experts that stand in another order, and parts of a joint matrix, or of its bias, that are others.
  static let expertReadings: [Reading] = [
    order("before", "experts have the weights of the one before") { expert, count in
      (expert + count - 1) % count
    },
    order("reversed", "experts have each other's weights, the last one the first one's") { expert, count in
      count - 1 - expert
    },
    order("by-text", "experts are in the order of their numbers as text: 0, 1, 10, 11, …") { expert, count in
      (0..<count).sorted { "\($0)" < "\($1)" }[expert]
    },
    Reading("linear.other-part", .weights, of: Linear.self) { _, site, _ in
      guard let own = site.operation.parameters.first?.selection else { return [] }
      let parts = OtherPart.all(of: own)
      let hasBias = site.operation.parameters.count > 1
      return parts.flatMap { part -> [Reading.Guess] in
        let ways: [(String, Bool, Bool)] =
          hasBias
          ? [
            ("matrix and bias are", true, true), ("the matrix, not its bias, is", true, false),
            ("the bias, not its matrix, is", false, true),
          ]
          : [("the matrix is", true, false)]
        return ways.map { subject, isMatrix, isBias in
          Reading.Guess("\(subject) read \(part.name)") { site in
            let views = zip(site.operation.parameters, [isMatrix, isBias]).map { view, isOther in
              isOther ? ParameterView(view.parameter, view.layout, part.selection(view.selection)) : view
            }
            return site.evaluated(viewing: views)
          }
        }
      }
    },
    Reading("linear.other-bias", .bias, at: .projections, isLast: true) { site, got in
      guard let read = site.readBias(got) else { return [] }
      let view = site.operation.parameters[1]
      let whole = site.parameters[1].values
      let tolerance = 1e-5 * site.parameters[1].greatestMagnitude
      let places = read.map { value in whole.indices.filter { abs(whole[$0] - value) <= tolerance } }
      guard places.allSatisfy({ $0.count == 1 }) else { return [] }
      let found = places.map { $0[0] }
      return [
        Reading.Guess("the bias has the entries \(words(found)) of \(view.parameter.name), as it is stored") {
          site in
          guard site.operation.parameters.count > 1 else { return nil }
          let (bias, stored) = (site.site.operands.parameters[1], site.parameters[1].values)
          guard bias.outputCount == found.count, found.allSatisfy(stored.indices.contains) else { return nil }
          return site.adding { stored[found[$0]] - bias[$0] }
        }
      ]
    },
  ]

  /// Each expert with the weights of another, by their number.
  private static func order(
    _ id: String, _ name: String, _ other: @escaping @Sendable (_ expert: Int, _ count: Int) -> Int
  ) -> Reading {
    Reading("experts.order-\(id)", .weights, of: Linear.self) { _, site, _ in
      guard site.graph.expert(of: site.operation) != nil else { return [] }
      return [
        Reading.Guess(name) { site in
          let count = site.graph.expertCount(like: site.operation)
          guard let own = site.graph.expert(of: site.operation), own < count,
            let views = site.graph.parameters(ofExpert: other(own, count), like: site.operation)
          else { return nil }
          return site.evaluated(viewing: views)
        }
      ]
    }
  }
}

/// Other parts of as many outputs.
private struct OtherPart: Sendable {
  typealias Selection = ParameterView.Selection

  let name: String
  /// What follows from a selection.
  let selection: @Sendable (Selection) -> Selection

  init(_ name: String, _ selection: @escaping @Sendable (Selection) -> Selection) {
    self.name = name
    self.selection = selection
  }

  static func all(of own: Selection) -> [OtherPart] {
    guard own.parts > 1 else { return [] }
    let isGrouped = own.groups > 1
    let mirrored = OtherPart(isGrouped ? "from the other end of each group" : "from the other end") {
      Selection(groups: $0.groups, parts: $0.parts, take: $0.mirrored, expert: $0.expert)
    }
    guard isGrouped else { return [mirrored] }
    return [
      mirrored,
      OtherPart("part by part where the parts of each group stand together") {
        Selection(parts: $0.parts, take: $0.take, expert: $0.expert)
      },
      OtherPart("part by part, the other part first") {
        Selection(parts: $0.parts, take: $0.mirrored, expert: $0.expert)
      },
    ]
  }
}

extension ParameterView.Selection {
  /// As many parts from the other end.
  fileprivate var mirrored: Range<Int> { parts - take.upperBound..<parts - take.lowerBound }
}

extension FaultSite {
  /// The operation's value with other parts of stored parameters; nil where one is not known or another shape.
  fileprivate func evaluated(viewing views: [ParameterView]) -> Tensor<Double>? {
    let parameters = views.compactMap { view in parameter(view.parameter).map { ParameterValues($0, view) } }
    guard parameters.count == views.count,
      zip(views, operation.parameters).allSatisfy({ $0.shape == $1.shape })
    else {
      return nil
    }
    return operation.kind.value(Operands(activations, parameters: parameters), in: inputs)
  }

  /// The bias that a product was given, where all rows are off alike.
  fileprivate func readBias(_ got: Tensor<Double>) -> [Double]? {
    guard let own = operation.kind.payload as? Linear, own.limit == nil, got.rowCount > 1 else { return nil }
    let bias = site.operands.parameters[1]
    let want = evaluated()
    let heads = own.heads ?? 1
    let (tokens, width) = (got.rowCount / heads, got.rowWidth)
    let noise = 1e-4 * want.greatestMagnitude
    var read: [Double] = []
    for output in 0..<bias.outputCount {
      let errors = (0..<tokens).map { token -> Double in
        let row = output / width * tokens + token
        return got[row, output % width] - want[row, output % width]
      }
      let mean = errors.reduce(0, +) / Double(tokens)
      guard errors.allSatisfy({ abs($0 - mean) <= noise }) else { return nil }
      read.append(bias[output] + mean)
    }
    return read
  }

  /// The product with a number added to each output.
  fileprivate func adding(_ number: (Int) -> Double) -> Tensor<Double>? {
    guard let own = operation.kind.payload as? Linear, own.limit == nil else { return nil }
    return edited { y in
      let (tokens, width) = (y.rowCount / (own.heads ?? 1), y.rowWidth)
      for row in 0..<y.rowCount {
        for column in 0..<width { y[row, column] += number(row / tokens * width + column) }
      }
    }
  }
}
