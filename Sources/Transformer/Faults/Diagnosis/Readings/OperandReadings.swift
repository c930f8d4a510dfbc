import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// A bias that is another operation's.
  static let otherBiases: [Reading] = [
    Reading("linear.bias-of-other", .bias, at: .projections) { site, got in
      guard let own = site.operation.kind.payload as? Linear, let product = ReadProduct(own, site, got),
        let bias = product.bias
      else { return [] }
      let others = site.graph.operations.filter { other in
        other.parameters.count > 1 && other.parameters[1].parameter != site.operation.parameters[1].parameter
          && other.parameters[1].shape == site.operation.parameters[1].shape
      }.compactMap { other -> (String, [Double])? in
        guard let values = site.parameter(other.parameters[1].parameter) else { return nil }
        let viewed = ParameterValues(values, other.parameters[1])
        return ("that of \(other.output)", (0..<product.outputs).map { viewed[$0] })
      }
      return others.filter { way in product.mayBe { way.1[$0] } }.prefix(2).map { name, values in
        Guess("the bias is \(name)") { site in
          site.edited { y in
            let heads = own.heads ?? 1
            let width = values.count / heads
            for offset in y.values.indices {
              let row = offset / y.rowWidth
              let output =
                own.heads == nil ? offset % values.count : row / (y.rowCount / heads) * width + offset % width
              y.values[offset] += values[output] - bias[output]
            }
          }
        }
      }
    }
  ]

  /// Columns in another order: asked where nothing says which.
  static let columnOrders: [Reading] = [
    Reading("values.columns-moved", .wiring, at: .computed) { site, got in
      let want = site.evaluated()
      guard got.shape == want.shape, let order = want.order(of: got), order != Array(order.indices),
        Set(order).count == order.count
      else { return [] }
      return [
        Guess(columnOrder(order)) { site in
          site.edited { y in
            let own = y
            for row in 0..<y.rowCount { y.setRow(row) { own[row, order[$0]] } }
          }
        }
      ]
    }
  ]

  /// What an operation reads is kept in fewer bits.
  static let operandsInFewerBits: [Reading] = [
    Reading(
      "operands.in-fewer-bits", .precision,
      at: .computed.subtracting(.products).subtracting(.attention).subtracting(.of(Patches.self))
        .subtracting(.of(Convolution.self))
    ) { site, _ in
      let inputs = site.operation.inputs
      let subsets = inputs.indices.map { [$0] } + (inputs.count > 1 ? [Array(inputs.indices)] : [])
      return [NumberFormat.float16, .bfloat16, .float8].flatMap { format in
        subsets.map { subset in
          let names = subset.map { inputs[$0].path }.joined(separator: " and ")
          return Guess(
            "\(names) \(subset.count > 1 ? "are" : "is") rounded to \(format.name) where it is read"
          ) { site in
            var read = site.activations
            for index in subset { read[index] = format.rounded(read[index]) }
            return site.evaluated(activations: read)
          }
        }
      }
    }
  ]

  /// Orders of a vector of parts that people take for each other.
  private static func ordersOfParts(_ count: Int) -> [(String, [Int])] {
    let all = Array(0..<count)
    let halves =
      count % 2 == 0 ? [("its own with the halves exchanged", all.map { ($0 + count / 2) % count })] : []
    return [("its own in reverse order", all.reversed())] + halves
      + (2...16).filter { $0 < count && count % $0 == 0 }.flatMap { parts -> [(String, [Int])] in
        let width = count / parts
        return [
          (
            "its own read as [\(width), \(parts)] for [\(parts), \(width)]",
            all.map { $0 % width * parts + $0 / width }
          ),
          (
            "its own read as [\(parts), \(width)] for [\(width), \(parts)]",
            all.map { $0 % parts * width + $0 / parts }
          ),
          ("its first of \(parts) parts for all", all.map { $0 % width }),
        ]
      }
  }

  /// Which columns stand where which are due.
  private static func columnOrder(_ order: [Int]) -> String {
    let count = order.count
    let wrong = order.indices.filter { order[$0] != $0 }
    if wrong.count == 2 { return "columns \(wrong[0]) and \(wrong[1]) are exchanged" }
    if let name = ordersOfParts(count).first(where: { $0.1 == order })?.0 {
      return name.replacing("its own ", with: "columns are ").replacing(
        "columns are with", with: "columns stand with")
    }
    if count % 2 == 0, order.indices.allSatisfy({ order[$0] == $0 ^ 1 }) {
      return "neighbouring columns are exchanged"
    }
    let step = (order[0] + count) % count
    if order.indices.allSatisfy({ order[$0] == ($0 + step) % count }) {
      return "columns are moved by \(2 * step > count ? count - step : -step)"
    }
    return "columns are in the order \(words(order))"
  }
}
