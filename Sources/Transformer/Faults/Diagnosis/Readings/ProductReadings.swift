import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// Terms of a product that do not count once, and a bias that does not.
  static let products: [Reading] = [
    Reading("linear.terms", .tail, of: Linear.self) { own, site, got in
      guard let product = ReadProduct(own, site, got) else { return [] }
      return TermSearch(product).found.map { terms in
        Guess(terms.inWords(of: product.inputs)) { site in terms.value(of: product) }
      }
    },
    Reading("linear.bias-times", .bias, at: .projections) { site, got in
      guard let own = site.operation.kind.payload as? Linear, let product = ReadProduct(own, site, got),
        let bias = product.bias
      else { return [] }
      let biases = (0..<product.tokens).flatMap { _ in (0..<product.outputs).map { bias[$0] } }
      let errors = zip(product.got.values, product.want.values).map { $0 - $1 }
      guard let read = quotient(of: errors, on: biases) else { return [] }
      guard product.mayBe(bias: { bias[$0] * (1 + read) }) else { return [] }
      let times = abs(1 + read) < 1e-4 ? [0] : plainNumbers(near: 1 + read)
      return times.map { times in
        let name = times == 0 ? "is not added" : "is added \(words(times)) times instead of once"
        return Guess("the bias \(name)", numbers: 1) { site in
          site.evaluated(changingParameter: 1) { $0.values = $0.values.map { $0 * times } }
        }
      }
    },
    Reading("linear.matrix-scaled", .weights, at: .projections) { site, got in
      guard let own = site.operation.kind.payload as? Linear, let product = ReadProduct(own, site, got),
        let bias = product.bias
      else { return [] }
      func scaled(_ name: String, by factor: Double, numbers count: Int) -> Guess {
        Guess(name, numbers: count) { site in
          site.evaluated(changingParameter: 0) { $0.values = $0.values.map { $0 * factor } }
        }
      }
      if own.limit == nil, product.isTimes(0, without: bias) {
        return [scaled("the bias alone is written, no product", by: 0, numbers: 0)]
      }
      let biases = (0..<product.tokens).flatMap { _ in (0..<product.outputs).map { bias[$0] } }
      func withoutBias(_ y: Tensor<Double>) -> [Double] { zip(y.values, biases).map { $0 - $1 } }
      guard let read = quotient(of: withoutBias(product.got), on: withoutBias(product.want)), read != 0,
        own.limit != nil || product.isTimes(read, without: bias)
      else { return [] }
      return factors(near: read).map {
        scaled("the matrix is multiplied by \($0.name)", by: $0.factor, numbers: 1)
      }
    },
  ]
}

extension ReadProduct {
  /// Whether the product without its bias is multiplied by about a factor, where it is farthest off.
  fileprivate func isTimes(_ factor: Double, without bias: ParameterValues<Double>) -> Bool {
    farthest(6).allSatisfy { token, output in
      let due = (want[token, output] - bias[output]) * factor + bias[output]
      return abs(due - got[token, output]) <= 0.1 * abs(error(token, output))
    }
  }
}

/// Terms x[t, k]·W(j, k) that are missing from each sum, or counted more than once.
struct Terms {
  let places: [Int]
  /// How many times each is added besides its own: −1 where it is missing.
  let times: Double

  func value(of product: ReadProduct) -> Tensor<Double> {
    var y = product.want
    for token in 0..<product.tokens {
      for output in 0..<product.outputs {
        let change = places.reduce(0) { $0 + product.x[token, $1] * product.weight[output, $1] }
        y[token, output] = product.own.clipped(y[token, output] + times * change)
      }
    }
    return product.output(y)
  }

  func inWords(of count: Int) -> String {
    let isOne = places.count == 1
    let which = places.count > 8 && !isRun ? stepInWords : runs(places)
    let name = "\(isOne ? "term" : "terms") \(which) of each sum \(isOne ? "is" : "are") \(verb)"
    return name + (hint(of: count).map { ", \($0)" } ?? "")
  }

  private var verb: String {
    switch times {
    case -1: "missing"
    case -2: "subtracted"
    case 1: "added twice"
    default: "added \(Int(times) + 1) times"
    }
  }

  private var isRun: Bool { places.indices.allSatisfy { places[$0] == places[0] + $0 } }

  private var stepInWords: String {
    let step = places.count > 1 ? places[1] - places[0] : 1
    return "\(places[0]), \(places[0] + step), \(places[0] + 2 * step), …"
  }

  /// What such a part of a sum is known for.
  private func hint(of count: Int) -> String? {
    guard isRun, let first = places.first, let last = places.last, places.count > 1 else { return nil }
    let size = places.count
    for parts in 2...16 {
      for index in 0..<parts where first == count * index / parts && last + 1 == count * (index + 1) / parts {
        return "part \(index + 1) of \(parts), as where sums are divided among ranks"
      }
    }
    if last == count - 1, let vector = [4, 8, 16, 32, 64, 128, 256].first(where: { count % $0 == size }) {
      return "the last \(count) mod \(vector)"
    }
    return nil
  }
}

/// Finds terms by a few elements of the error: a run of them, or one in every few.
struct TermSearch {
  private let product: ReadProduct
  private let elements: [(token: Int, output: Int)]
  /// Sums of the first k terms of each of those elements.
  private let sums: [[Double]]

  private static let elementCount = 8
  private static let greatestStep = 64
  private static let tolerance = 1e-3

  init(_ product: ReadProduct) {
    self.product = product
    elements = product.farthest(Self.elementCount)
    sums = elements.map { token, output in
      (0..<product.inputs).reduce(into: [0.0]) { sums, k in
        sums.append((sums.last ?? 0) + product.x[token, k] * product.weight[output, k])
      }
    }
  }

  /// The fewest terms that explain these elements; empty where none do.
  var found: [Terms] {
    guard elements.count > 1 else { return [] }
    let errors = elements.map { product.error($0.token, $0.output) }
    for times in [-1.0, 1, -2, 2, 3] {
      if let run = run(errors.map { $0 / times }) { return [Terms(places: Array(run), times: times)] }
      if let places = comb(errors.map { $0 / times }) { return [Terms(places: places, times: times)] }
    }
    return []
  }

  /// The shortest run whose terms sum to what is off.
  private func run(_ wanted: [Double]) -> Range<Int>? {
    let first = sums[0]
    let tolerance = Self.tolerance * abs(wanted[0])
    // Sums in order, so that those a distance apart are found by bisection.
    let order = first.indices.sorted { first[$0] < first[$1] }
    let sorted = order.map { first[$0] }
    var best: Range<Int>?
    for start in first.indices {
      let due = first[start] + wanted[0]
      var (low, high) = (0, sorted.count)
      while low < high {
        let middle = (low + high) / 2
        if sorted[middle] < due - tolerance { low = middle + 1 } else { high = middle }
      }
      while low < sorted.count, sorted[low] <= due + tolerance {
        let end = order[low]
        low += 1
        guard end > start, end - start < best?.count ?? .max, agrees(start..<end, wanted) else { continue }
        best = start..<end
      }
    }
    return best.flatMap { $0.count < product.inputs ? $0 : nil }
  }

  private func agrees(_ run: Range<Int>, _ wanted: [Double]) -> Bool {
    wanted.indices.allSatisfy { index in
      abs(sums[index][run.upperBound] - sums[index][run.lowerBound] - wanted[index])
        <= Self.tolerance * abs(wanted[index])
    }
  }

  /// Every n-th term.
  private func comb(_ wanted: [Double]) -> [Int]? {
    let inputs = product.inputs
    for step in stride(from: 2, through: min(Self.greatestStep, inputs / 2), by: 1) {
      for start in 0..<step {
        let places = Array(stride(from: start, to: inputs, by: step))
        let isRight = wanted.indices.allSatisfy { index in
          let sum = places.reduce(0) { $0 + sums[index][$1 + 1] - sums[index][$1] }
          return abs(sum - wanted[index]) <= Self.tolerance * abs(wanted[index])
        }
        if isRight { return places }
      }
    }
    return nil
  }
}
