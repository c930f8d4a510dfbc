import Foundation
import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// How improbable a statistic of all rows is in a right product, at widths that real models have.
@Suite struct WeightSearchTests {
  /// Two-sided quantiles by another program (SciPy 1.16).
  @Test(
    .clause("NUM-15"),
    arguments: [
      (1e-3, 10, 4.586893858702636), (1e-14, 14, 33.267017452697), (4e-15, 28, 15.29599909054997),
      (1e-6, 5, 28.478473462984212), (0.5, 3, 0.7648923284043444), (1e-12, 1e5, 7.131431137523578),
      (1e-16, 1000, 8.452232443335214),
    ] as [(Double, Double, Double)])
  func quantilesAreStudents(_ probability: Double, _ freedom: Double, _ deviations: Double) {
    #expect(abs(StudentT.quantile(probability, freedom: freedom) / deviations - 1) < 1e-6)
    #expect(abs(exp(StudentT.logTail(deviations, freedom: freedom)) / probability - 1) < 1e-5)
  }

  @Test(.clause("NUM-15")) func everyWeightOfTheModelCounts() throws {
    let configuration = try Configuration(
      vocabularySize: 17, contextLength: 8, width: 6, layerCount: 2, headCount: 3, feedForwardWidth: 10)
    let count = 2 * (6 * 18 + 6 * 6 + 2 * 6 * 10) + 6 * 17
    let level = EvidenceLevel(ofWeightsOf: configuration.graph)
    // Half of one in a million: the other search has the other half.
    #expect(abs(level.probability * Double(count) - 0.5e-6) < 1e-12)
    for freedom in [4.3, 6, 14, 33.3, 150, 9e4] {
      let exact = StudentT.quantile(level.probability, freedom: freedom)
      let threshold = level.threshold(freedom: freedom)
      #expect(threshold >= exact * (1 - 1e-9) && threshold <= 1.05 * exact, "\(freedom)")
    }
  }

  /// A product of width 768 as an implementation makes it, every row and column with errors of its own.
  struct Product {
    let input: Tensor<Double>
    let weight: StoredTensor
    var got: Tensor<Double>
    let want: Estimate
    static let (depth, columns) = (768, 512)

    /// - Parameters:
    ///   - alike: how much all rows have in common.
    ///   - sparse: how many rows have the first input at all; all unless given.
    init(
      tokens: Int, alike: Float, _ summation: Summation, seed: UInt64, contract: Contract = .standard,
      sparse: Int? = nil
    ) {
      var random = SplitMix64(seed: seed)
      func values(_ count: Int) -> [Float] { sumsOfFour(count, using: &random) }
      let (depth, columns) = (Self.depth, Self.columns)
      let common = values(depth)
      var x = values(tokens * depth).enumerated().map { $1 + alike * common[$0 % depth] }
      if let sparse {
        for row in 0..<tokens { x[row * depth] = row < sparse ? Float(row % 2 == 0 ? 4 : -3) : 0 }
      }
      let transposed = values(depth * columns)
      let w = (0..<columns).map { Array(transposed[$0 * depth..<($0 + 1) * depth]) }
      let rows = (0..<tokens).map { Array(x[$0 * depth..<($0 + 1) * depth]) }
      input = Tensor(x.map(Double.init), shape: [tokens, depth])
      weight = StoredTensor(
        Tensor((0..<depth).flatMap { k in w.map { $0[k] } }, shape: [depth, columns]))
      got = Tensor(
        rows.flatMap { row in w.map { Double(summation.dot(row, $0)) } }, shape: [tokens, columns])
      let rounding = Rounding(.float32, contract: contract)
      want = rounding.ofProduct(Operand(values: input), MatrixView(weight), weightRoundoff: 0, bias: nil)
    }

    func search(_ contract: Contract = .standard) throws -> WeightSearch {
      let residual = zip(got.values, want.values.values).map { $0 - $1 }
      return try #require(
        WeightSearch(
          input: input, weight: MatrixView(weight), residual: residual,
          scale: want.bounds.map { $0.stat / contract.deviations }, result: want.values.values))
    }
  }

  /// Rows as different as can be, and rows that are nearly one; the sums of our own SIMD implementation and exact ones.
  @Test(
    .clause("NUM-13", "NUM-16"), arguments: [6, 16, 48],
    [(0, .fused), (3, .fused), (30, .wide)] as [(Float, Summation)])
  func rightProductsExceedStudentsTNoMoreThanItSays(
    _ tokens: Int, _ arithmetic: (alike: Float, summation: Summation)
  ) throws {
    let product = Product(tokens: tokens, alike: arithmetic.alike, arithmetic.summation, seed: 0x51DE)
    let search = try product.search()
    let tail = try #require(StatisticTail(search))
    // Of few rows most inputs weigh one or two alone, and are not searched.
    #expect(tail.count > (tokens > 6 ? 300_000 : 40_000))
    for (decade, beyond) in zip(StatisticTail.decades, tail.beyond) {
      let expected = Double(tail.count) * pow(10, -Double(decade))
      // Weights of one column are not independent: 512 columns of which a few stray together.
      #expect(Double(beyond) <= 2 * expected + 40, "\(beyond) beyond 1e-\(decade) where \(expected) are due")
    }
    let found = try #require(search.found(EvidenceLevel(hypotheses: tail.count)))
    #expect(found.best?.isConclusive != true, "\(String(describing: found.best))")
  }

  /// The last of an odd number of columns, by another kernel: its errors are many times those of all others.
  @Test(.clause("NUM-13", "NUM-15"), arguments: [6, 16, 48])
  func aColumnThatIsSummedLikeNoOtherIsConsistent(_ tokens: Int) throws {
    let seed: UInt64 = 1
    var product = Product(tokens: tokens, alike: 0, .wide, seed: seed)
    let other = Product(tokens: tokens, alike: 0, .sequential, seed: seed)
    var values = product.got.values
    for row in 0..<tokens {
      let offset = (row + 1) * Product.columns - 1
      values[offset] = other.got.values[offset]
    }
    product.got = Tensor(values, shape: product.got.shape)
    let best = try product.search().found(EvidenceLevel(hypotheses: 100_000_000))?.best
    #expect(best?.isConclusive != true, "\(String(describing: best))")
  }

  /// The threshold is met by what exceeds it: a weight that moves its terms as far as rounding does.
  @Test(.clause("NUM-13"), arguments: [16, 48], [1.4, 2])
  func aWeightIsFoundAmongHundredsOfThousands(_ tokens: Int, _ thresholds: Double) throws {
    var product = Product(tokens: tokens, alike: 1, .wide, seed: 0xF00D)
    let (k, column) = (701, 333)
    let level = EvidenceLevel(hypotheses: Product.depth * Product.columns)
    let spread = try #require(try product.search().spread(excluding: column))
    let weighing = try #require(spread.inputs[k])
    let threshold = max(
      level.threshold(freedom: weighing.freedom),
      EvidenceLevel(hypotheses: Product.depth).threshold(freedom: weighing.freedomAlone))
    let x = (0..<tokens).map { product.input[$0, k] }
    let mean = x.reduce(0, +) / Double(tokens)
    let norm = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }.squareRoot()
    let errors = zip(product.got.values, product.want.values.values).map { $0 - $1 }
    let deviation = (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
    let change = thresholds * threshold * deviation / norm
    var values = product.got.values
    for row in 0..<tokens { values[row * Product.columns + column] += change * x[row] }
    product.got = Tensor(values, shape: product.got.shape)
    let best = try #require(try product.search().found(level)?.best)
    #expect(best.isConclusive, "\(best)")
    #expect(best.input == k && best.output == column)
    #expect(abs((best.found - best.expected) / change - 1) < 0.3)
  }

  /// The arithmetic is read from its errors: sums rounded once by the unit of their results, sums in order by the bounds' form.
  @Test(.clause("NUM-16"), arguments: [Summation.wide, .sequential])
  func errorsAreInUnitsOfWhatTheArithmeticLeaves(_ summation: Summation) throws {
    let product = Product(tokens: 32, alike: 0, summation, seed: 0xACC0)
    let residual = zip(product.got.values, product.want.values.values).map { $0 - $1 }
    let scale = product.want.bounds.map { $0.stat / Contract.standard.deviations }
    let profile = try #require(
      ErrorProfile(
        Array(residual.indices), residual: residual, scale: scale, result: product.want.values.values,
        floor: 0.125))
    func variance(_ offset: Int) -> Double {
      profile.variance(scale: scale[offset], result: product.want.values.values[offset])
    }
    // The eighth of the variance that has the form of the bounds whatever the errors say keeps this from being 1.
    let ratios = residual.indices.map { residual[$0] * residual[$0] / variance($0) }
    #expect(abs(ratios.reduce(0, +) / Double(ratios.count) - 1) < 0.25)
    let ofUnits = residual.indices.reduce(0.0) { sum, offset in
      let unit = Double(Float(product.want.values.values[offset]).ulp)
      return sum + profile.ofUnit * unit * unit / variance(offset)
    }
    let share = ofUnits / Double(residual.count)
    #expect(summation == .wide ? (0.7...0.95).contains(share) : share < 0.5, "\(share)")
    let rounded = try #require(
      ErrorProfile(
        [0, 1, 2], residual: [0.25, -0.25, 0.25], scale: [1, 1, 1], result: [1, 1, 1], floor: 1))
    #expect(rounded.ofUnit == 0 && abs(rounded.ofScale - 0.0625) < 1e-12)
    #expect(ErrorProfile([0, 1], residual: [0, 0], scale: [1, 1], result: [1, 1], floor: 0) == nil)
  }

  /// An input that only a few rows have says nothing of a weight, whatever their errors are.
  @Test(.clause("NUM-13"), arguments: [(rows: 2, isFound: false), (rows: 6, isFound: true)])
  func aWeightOfFewRowsIsNotLookedFor(_ input: (rows: Int, isFound: Bool)) throws {
    var product = Product(tokens: 24, alike: 0, .wide, seed: 0xFE3, sparse: input.rows)
    let errors = zip(product.got.values, product.want.values.values).map { $0 - $1 }
    let deviation = (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
    var values = product.got.values
    for row in 0..<24 { values[row * Product.columns + 333] += 30 * deviation * product.input[row, 0] }
    product.got = Tensor(values, shape: product.got.shape)
    let best = try product.search().found(EvidenceLevel(hypotheses: Product.depth * Product.columns))?.best
    let isFound = best?.isConclusive == true && best?.input == 0 && best?.output == 333
    #expect(isFound == input.isFound, "\(String(describing: best))")
  }

  /// λ moves the bounds, and nothing that is measured in standard deviations of rounding.
  @Test(.clause("NUM-13", "BND-12"), arguments: [2.0, 4, 16])
  func standardDeviationsDoNotDependOnLambda(_ lambda: Double) throws {
    var contract = Contract.standard
    contract.deviations = lambda
    let level = EvidenceLevel(hypotheses: Product.depth * Product.columns)
    func best(_ contract: Contract) throws -> WeightEvidence {
      var product = Product(tokens: 12, alike: 1, .fused, seed: 3, contract: contract)
      let errors = zip(product.got.values, product.want.values.values).map { $0 - $1 }
      let deviation = (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
      let shape = product.got.shape
      var values = product.got.values
      for row in 0..<12 { values[row * Product.columns + 333] += 100 * deviation * product.input[row, 701] }
      product.got = Tensor(values, shape: shape)
      return try #require(try product.search(contract).found(level)?.best)
    }
    let (standard, varied) = (try best(.standard), try best(contract))
    #expect(varied.input == standard.input && varied.output == standard.output)
    #expect(abs(varied.deviations / standard.deviations - 1) < 0.05)
    var terms = Terms(count: 0, absolute: 0, squares: 0, sum: 0)
    for index in 1...1000 { terms.add(product: Double(index), isExact: true) }
    let factors = Rounding(Precision(.bfloat16), contract: contract)
      .ofRoundedFactors(0x1p-8, 0, terms, recurrence: (1, 1))
    #expect(abs(factors.prob / lambda - 0x1p-8 * terms.squares.squareRoot()) < 1e-9 * factors.prob)
    let value = Tensor([Double](repeating: 0, count: 64), shape: [4, 16])
    func noise(_ contract: Contract) throws -> Double {
      let rounding = Rounding(.float32, contract: contract)
      let terms = Tensor((0..<64).map { Double($0 % 7) - 3.1 }, shape: [4, 16])
      let weight = Tensor((0..<256).map { Double($0 * 5 % 11) - 5.2 }, shape: [16, 16])
      let configuration = try Configuration(
        vocabularySize: 3, contextLength: 4, width: 16, layerCount: 1, headCount: 1)
      let operation = try #require(configuration.graph.operations.first { $0.isProjection })
      let parameters = [weight, Tensor([Double](repeating: 0.3, count: 16), shape: [16])]
      let noise = rounding.noise(
        of: operation, value, [Operand(values: terms)],
        zip(operation.parameters, parameters).map { ParameterOperand(StoredTensor($1), $0) },
        inputs: try Inputs(tokenIDs: [0, 1, 2, 0], configuration: configuration),
        storedAs: .float32)
      var moved = value
      var random = SplitMix64(seed: 5)
      noise.move(&moved, &random)
      return moved.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
    #expect(try abs(noise(contract) / noise(.standard) - 1) < 0.4)
  }
}

/// How many weights of a product exceed what Student's t exceeds with a probability of a power of ten.
struct StatisticTail {
  static let decades = 3...9
  private static let levels = decades.map { EvidenceLevel(probability: pow(10, -Double($0))) }
  /// t² from which on a weight is weighed by its own column: less than any of the levels.
  private static let least: Float = 6
  var beyond = [Int](repeating: 0, count: decades.count)
  var count = 0

  init() {}

  init?(_ search: WeightSearch) {
    let readable = search.errors.readable
    guard let greatest = readable.max(by: { search.errors.squares[$0] < search.errors.squares[$1] }),
      let spread = search.spread(excluding: greatest)
    else { return nil }
    let strips = stride(from: 0, to: readable.count, by: 16).map {
      readable[$0..<min($0 + 16, readable.count)]
    }
    let tails = strips.indices.concurrentMap { index in
      var tail = StatisticTail()
      search.scan(strips[index], spread) { k, squares in
        let columns = Array(strips[index])
        tail.count += columns.count
        guard squares.max() >= Self.least else { return }
        let candidates = columns.indices.filter { squares[$0] >= Self.least }
          .map { WeightSearch.Candidate(input: k, column: columns[$0], ratio: squares[$0]) }
        for weighed in search.weighed(candidates, spread) {
          guard let weighed else { continue }
          for (place, level) in Self.levels.enumerated()
          where weighed.deviations >= level.threshold(freedom: weighed.freedom) {
            tail.beyond[place] += 1
          }
        }
      }
      return tail
    }
    for tail in tails { add(tail) }
  }

  mutating func add(_ other: StatisticTail) {
    count += other.count
    for place in beyond.indices { beyond[place] += other.beyond[place] }
  }
}
