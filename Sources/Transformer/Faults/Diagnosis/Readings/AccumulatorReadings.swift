import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Sums that are rounded or cut to a narrow format after every few terms.
  static let accumulators: [Reading] = [
    Reading("linear.accumulator", .precision, of: Linear.self) { own, site, got in
      guard let product = ReadProduct(own, site, got) else { return [] }
      return NarrowAccumulator.found(product).map { accumulator in
        Guess(accumulator.inWords, granting: Fault.Grants(rounding: accumulator.format)) { _ in
          accumulator.value(of: product)
        }
      }
    }
  ]
}

/// A sum that goes through a narrow format after every few terms.
struct NarrowAccumulator: Sendable {
  let format: NumberFormat
  let isCut: Bool
  /// After how many terms.
  let step: Int

  var inWords: String {
    "the accumulator is \(isCut ? "cut" : "rounded") to \(format.name) after every "
      + (step == 1 ? "term" : "\(step) terms")
  }

  private static let all: [NarrowAccumulator] = {
    let formats: [NumberFormat] = [.float16, .bfloat16, .tensorFloat32]
    let cut = (9...22).map { bits in
      NumberFormat(name: "\(bits) bits", significandBits: bits, leastExponent: -126, greatestFinite: 1e38)
    }
    return [1, 2, 4, 8, 16, 32, 64, 128].flatMap { step in
      formats.map { NarrowAccumulator(format: $0, isCut: false, step: step) }
        + cut.map { NarrowAccumulator(format: $0, isCut: true, step: step) }
    }
  }()

  /// Multiply-adds that the whole product may take.
  private static let greatestCount = 1 << 27

  /// Those that leave next to nothing of the error in a few elements.
  static func found(_ product: ReadProduct) -> [NarrowAccumulator] {
    guard product.tokens * product.inputs * product.outputs <= greatestCount else { return [] }
    let elements = product.farthest(24)
    let whole = elements.reduce(0) {
      $0 + product.error($1.token, $1.output) * product.error($1.token, $1.output)
    }
    guard whole > 0 else { return [] }
    let tried = all.filter { $0.step < product.inputs }.map { way in
      let rest = elements.reduce(0.0) { sum, place in
        let difference =
          product.got[place.token, place.output] - way.element(place.token, place.output, of: product)
        return sum + difference * difference
      }
      return (way: way, rest: rest)
    }
    return nearest(tried, of: whole)
  }

  private func element(_ token: Int, _ output: Int, of product: ReadProduct) -> Double {
    var (sum, block) = (0.0, 0.0)
    for k in 0..<product.inputs {
      block += product.x[token, k] * product.weight[output, k]
      if (k + 1) % step == 0 || k + 1 == product.inputs {
        sum = format.round(sum + block, isCut ? .towardZero : .toNearestOrEven)
        block = 0
      }
    }
    return product.own.clipped(sum + (product.bias?[output] ?? 0))
  }

  func value(of product: ReadProduct) -> Tensor<Double> {
    var y = product.want
    for token in 0..<product.tokens {
      for output in 0..<product.outputs { y[token, output] = element(token, output, of: product) }
    }
    return product.output(y)
  }
}
