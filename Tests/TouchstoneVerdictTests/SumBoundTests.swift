import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// The worst case of sums of few terms, where a single bit can be seen.
@Suite struct SumBoundTests {
  /// Every tree of additions over few products, each product rounded or fused, on terms that nearly cancel.
  @Test(.clause("NUM-4"), arguments: 1...5)
  func noTreeOfAdditionsExceedsDet(_ count: Int) {
    let rounding = Rounding(.float32)
    var random = SplitMix64(seed: 0x5EED + UInt64(count))
    for _ in 0..<200 {
      let factors = (0..<count).map { index -> (Float, Float) in
        let left = Float.random(in: -2...2, using: &random)
        // A power of two makes the product exact; one factor repeated with the other sign makes terms cancel.
        let right = random.next() % 2 == 0 ? Float(1024) : Float.random(in: -2...2, using: &random)
        return index % 2 == 1 ? (-left.nextUp, right) : (left, right)
      }
      var terms = Terms(count: 0, absolute: 0, squares: 0, sum: 0)
      for (left, right) in factors {
        let (left, right) = (Double(left), Double(right))
        terms.sum += left * right
        terms.add(product: left * right, isExact: rounding.isExactProduct(left, right))
      }
      let det = rounding.ofSum(terms).det
      for value in Self.sums(of: factors[...]) {
        let error = abs(Double(value) - terms.sum)
        #expect(error <= det * (1 + 1e-7), "\(factors) gives \(value), \(error) away; det is \(det)")
      }
    }
  }

  /// Compensated sums, in which zeros after the last term let the compensation act, whichever term is the greater.
  @Test(.clause("BND-1"), arguments: 1...5)
  func noCompensatedSumExceedsDet(_ count: Int) {
    let rounding = Rounding(.float32)
    var random = SplitMix64(seed: 0xCA + UInt64(count))
    for _ in 0..<5000 {
      var (left, right) = ([Float](repeating: 0, count: 9), [Float](repeating: 1, count: 9))
      for index in (0..<8).shuffled(using: &random).prefix(count) {
        left[index] = Float.random(in: -2...2, using: &random)
        right[index] = Float.random(in: -2...2, using: &random)
      }
      var terms = Terms(count: 0, absolute: 0, squares: 0, sum: 0)
      for (x, w) in zip(left, right) {
        let (x, w) = (Double(x), Double(w))
        terms.sum += x * w
        terms.add(product: x * w, isExact: rounding.isExactProduct(x, w))
      }
      let error = abs(Double(Summation.compensated.dot(left, right)) - terms.sum)
      #expect(error <= rounding.ofSum(terms).det * (1 + 1e-7))
      // The bias comes after the compensation has been taken off.
      let bias = Float.random(in: -0.1...0.1, using: &random)
      let whole = Summation.compensated.dot(left + [0], right + [1]) + bias
      terms.sum += Double(bias)
      terms.add(Double(bias))
      #expect(abs(Double(whole) - terms.sum) <= rounding.ofSum(terms).det * (1 + 1e-7))
    }
  }

  /// Values that all differ, that recur, that lie within the resolution of each other.
  @Test(arguments: [1e-9, 1e-7, 1e-3, 1], [1, 7, 300])
  func recurrenceIsNeverEstimatedBelowWhatItIs(_ spacing: Double, _ different: Int) {
    let rounding = Rounding(.float32)
    var random = SplitMix64(seed: 0xCE11)
    let values = (0..<400).map { _ in
      Double(Int.random(in: -different...different, using: &random)) * spacing + 0.3
    }
    let sum = values.reduce(0) { $0 + abs($1) }
    let exact = rounding.repetition(of: values, absoluteSum: sum)
    #expect(rounding.repetitionAtMost(of: values, absoluteSum: sum) >= exact)
  }

  /// Few values and many; any float64, float32 alone, all equal.
  @Test(arguments: [0, 1, 255, 256, 257, 3000], [0, 29, 60])
  func sortingByDigitsIsSorting(_ count: Int, _ equalDigits: Int) {
    var random = SplitMix64(seed: UInt64(count))
    let values = (0..<count).map { index -> Double in
      let value = Double(bitPattern: (random.next() >> equalDigits) << equalDigits)
      return value.isNaN ? Double(index) - 7 : value
    }
    #expect(values.ascending() == values.sorted())
    let extremes = values + [.infinity, -.infinity, .leastNonzeroMagnitude, -.greatestFiniteMagnitude]
    #expect(extremes.ascending() == extremes.sorted())
  }

  /// What the sum can come to, split anywhere, a leaf's product fused into the rest of the sum or rounded first.
  private static func sums(of factors: ArraySlice<(Float, Float)>) -> [Float] {
    guard factors.count > 1, let first = factors.first, let last = factors.last else {
      return factors.map { $0.0 * $0.1 }
    }
    var results = Set(sums(of: factors.dropFirst()).map { $0.addingProduct(first.0, first.1) })
    results.formUnion(sums(of: factors.dropLast()).map { $0.addingProduct(last.0, last.1) })
    for split in factors.indices.dropFirst() {
      for left in sums(of: factors[..<split]) {
        for right in sums(of: factors[split...]) { results.insert(left + right) }
      }
    }
    return Array(results)
  }

  /// Rows with one element, as the probes have them: 1024 W is exact, and so is any right implementation.
  @Test func oneBitOfAWeightIsProvenWhereItStandsAlone() throws {
    let rounding = Rounding(.float32)
    var random = SplitMix64(seed: 7)
    let weight = Tensor(
      (0..<24).map { _ in Double(Float.random(in: -1...1, using: &random)) }, shape: [4, 6])
    let input = Operand(values: Tensor([0, 0, 1024, 0], shape: [1, 4]))
    let value = Definition.linear(input.values, weight: weight)
    let matrix = MatrixView(StoredTensor(weight))
    let bounds = rounding.ofProduct(input, matrix, weightRoundoff: 0, bias: nil).bounds
    for (want, bound) in zip(value.values, bounds) {
      #expect(bound.zone(of: 0) == .consistent)
      #expect(bound.zone(of: Double(Float(want).ulp)) == .proven)
    }
  }

  @Test(.clause("BND-1"))
  func oneRoundingIsGrantedToAnInexactProductAndToABias() {
    let rounding = Rounding(.float32)
    let (u, third) = (0x1p-24, Double(Float(1) / 3))
    var product = Terms(count: 0, absolute: 0, squares: 0, sum: third * third)
    product.add(product: third * third, isExact: rounding.isExactProduct(third, third))
    #expect(rounding.ofSum(product) == Bound(u * third * third))
    var withBias = Terms(count: 0, absolute: 0, squares: 0, sum: 1024 * third - 341)
    withBias.add(product: 1024 * third, isExact: rounding.isExactProduct(1024, third))
    withBias.add(-341)
    // The sum's own rounding, and what a compensated sum may lose of the greater term.
    let expected = u * (abs(1024 * third - 341) + (1024 * third * 1024 * third + 341 * 341).squareRoot())
    #expect(abs(rounding.ofSum(withBias).det - expected) <= 1e-12 * expected)
    #expect(rounding.ofSum(rounding.terms([third])) == .zero)
  }

  /// What is read within an error, or rounded on reading, grants no exactness.
  @Test(.clause("BND-12"))
  func aRoundedOperandMakesNoExactProduct() {
    let rounding = Rounding(Precision(.bfloat16))
    let weight = Tensor([0.7], shape: [1, 1])
    let input = Operand(values: Tensor([2], shape: [1, 1]), roundoff: 0x1p-8)
    let bound = rounding.ofProduct(
      input, MatrixView(StoredTensor(weight)), weightRoundoff: 0, bias: nil
    ).bounds[0]
    #expect(bound.det >= 1.4 * 0x1p-8)
  }

  /// Blocks of products aligned to the greatest and cut to 24 bits, as matrix units do.
  @Test(.clause("BND-13"), arguments: [4, 8, 16])
  func aligningAndTruncatingStaysWithinItsTier(_ block: Int) {
    let rounding = Rounding(Precision(.float16, truncates: true))
    var random = SplitMix64(seed: UInt64(block))
    var exceedsNearest = false
    for _ in 0..<200 {
      let products = (0..<64).map { _ in Double(Float16.random(in: -1...1, using: &random)) }
        .map {
          $0 * Double(Float16.random(in: 0.5...1, using: &random)) * 0x1p-9
            * Double(1 << Int.random(in: 0...9, using: &random))
        }
      var total = 0.0
      for first in stride(from: 0, to: products.count, by: block) {
        let terms = [total] + products[first..<first + block]
        let greatest = terms.map { abs($0) }.max() ?? 0
        guard greatest > 0 else { continue }
        let spacing = Double(sign: .plus, exponent: Int(greatest.exponent) - 23, significand: 1)
        let sum = terms.reduce(0) { $0 + ($1 / spacing).rounded(.towardZero) * spacing }
        let last = sum == 0 ? spacing : Double(sign: .plus, exponent: Int(sum.exponent) - 23, significand: 1)
        total = (sum / last).rounded(.towardZero) * last
      }
      let terms = rounding.terms(products)
      let error = abs(total - terms.sum)
      #expect(error <= rounding.ofSum(terms).det)
      exceedsNearest = exceedsNearest || error > abs(terms.sum) * 0x1p-24
    }
    #expect(exceedsNearest)
  }

  /// Cutting after every term moves the sum one way, by what doubling the roundoff alone does not cover.
  @Test(.clause("BND-13"), arguments: [128, 512, 2048])
  func cuttingAfterEveryTermStaysWithinStat(_ count: Int) {
    let (plain, truncating) = (Rounding(.float32), Rounding(Precision(.float32, truncates: true)))
    var random = SplitMix64(seed: UInt64(count))
    var exceedsTwiceTheRoundoff = false
    for _ in 0..<100 {
      let offset = Double.random(in: -0.2...0.2, using: &random)
      let products = (0..<count).map { _ in Double(Float.random(in: -1...1, using: &random)) + offset }
      let total = products.reduce(0) { sum, term in
        let next = sum + term
        let spacing = ScalarType.float32.spacing(around: next)
        return (next / spacing).rounded(.towardZero) * spacing
      }
      let terms = truncating.terms(products)
      let error = abs(total - terms.sum)
      #expect(error <= truncating.ofSum(terms).stat)
      exceedsTwiceTheRoundoff = exceedsTwiceTheRoundoff || error > 2 * plain.ofSum(terms).stat
    }
    #expect(exceedsTwiceTheRoundoff)
  }

  /// Terms that are all equal are rounded alike, and `prob` grows to the worst case.
  @Test(.clause("BND-2")) func equalTermsAreGrantedWhatTheyAddUpTo() {
    let rounding = Rounding(.float32)
    let equal = [Double](repeating: Double(Float(0.1)), count: 4096)
    let sequential = equal.reduce(Float(0)) { $0 + Float($1) }
    let bound = rounding.ofSum(rounding.terms(equal))
    let error = abs(Double(sequential) - rounding.terms(equal).sum)
    #expect(bound.prob == bound.det)
    #expect(error <= bound.prob)
    var independent = rounding.terms(equal)
    independent.repetition = 1
    #expect(error > rounding.ofSum(independent).stat)
  }

  /// One probability near 1 before many below the resolution of what they are added to, values of one sign.
  @Test(.clause("BND-2", "BND-3", "BND-10"), arguments: [1024, 4096])
  func termsBelowTheResolutionOfTheirSumMayBeLostAlike(_ count: Int) {
    let rounding = Rounding(.float32)
    var random = SplitMix64(seed: 0x10C7)
    var small = (1..<count).map { _ in Float.random(in: 0..<0x1p-25, using: &random) }
    // All that an addition to 3 may lose, and just less.
    for index in small.indices where index % 2 == 0 { small[index] = 0x1.4p-25 }
    let probabilities = [1 - small.reduce(0, +)] + small
    let values = (0..<count).map { _ in Float.random(in: 2.5...3.2, using: &random) }
    let error = { (summation: Summation) in
      abs(
        Double(summation.dot(probabilities, values))
          - zip(probabilities, values).reduce(0) { $0 + Double($1.0) * Double($1.1) })
    }
    let input = Operand(values: Tensor(probabilities.map(Double.init), shape: [1, count]))
    let matrix = MatrixView(StoredTensor(Tensor(values, shape: [count, 1])))
    let bound = rounding.ofProduct(input, matrix, weightRoundoff: 0, bias: nil).bounds[0]
    for summation in [Summation.sequential, .fused, .lanes(8, fused: true), .pairwise, .wide] {
      #expect(error(summation) <= bound.stat, "\(summation)")
    }
    var resolving = rounding
    resolving.grantsLostTerms = false
    let without = resolving.ofProduct(input, matrix, weightRoundoff: 0, bias: nil).bounds[0]
    #expect(error(.sequential) > without.stat)
    #expect(bound.stat <= bound.prob && bound.prob <= bound.det)
  }

  /// The same where the sum starts from what outweighs every product, and in attention.
  @Test(.clause("BND-3", "BND-5", "BND-10")) func whatMayBeLostIsGrantedWhereverASumIsTaken() throws {
    let rounding = Rounding(.float32)
    let (count, width) = (256, 2)
    let tiny = [Double](repeating: 0x1p-26, count: count)
    let ones = MatrixView(StoredTensor(Tensor([Double](repeating: 1, count: count), shape: [count, 1])))
    let input = Operand(
      values: Tensor(tiny.enumerated().map { $1 * (1 + Double($0) / 1000) }, shape: [1, count]))
    let lost = input.values.values.reduce(0, +)
    let bound = rounding.ofProduct(input, ones, weightRoundoff: 0, bias: [1]).bounds[0]
    #expect(bound.stat >= lost)
    let stream = Operand(values: Tensor([1.0], shape: [1, 1]))
    #expect(
      rounding.ofProduct(input, ones, weightRoundoff: 0, bias: [0], onto: stream).bounds[0].stat >= lost)
    let inputs = try Inputs(
      tokenIDs: [Int](repeating: 0, count: count),
      configuration: Configuration(
        vocabularySize: 1, contextLength: count, width: width, layerCount: 1, headCount: 1))
    let last = [1 - lost] + input.values.values.dropFirst()
    let rows = (0..<count).flatMap { row -> [Double] in
      row == count - 1 ? last : (0..<count).map { $0 == 0 ? 1 : 0 }
    }
    let probabilities = Operand(values: Tensor(rows, shape: [1, count, count]))
    let values = Operand(
      values: Tensor((0..<count * width).map { 1 + Double($0) / 5000 }, shape: [1, count, width]))
    let context = Tensor(
      (0..<count * width).map { index in
        (0..<count).reduce(0) {
          $0 + rows[index / width * count + $1] * values.values.values[$1 * width + index % width]
        }
      }, shape: [count, width])
    let bounds = rounding.ofContext(context, probabilities: probabilities, values: values, inputs: inputs)
    #expect(bounds[(count - 1) * width].stat >= lost / 2)
  }

  /// Weights that are known to a tenth only still add up to 1.
  @Test(.clause("BND-10")) func uncertainWeightsDoNotMoveWhatEveryKeyAgreesOn() throws {
    let rounding = Rounding(.float32)
    let inputs = try Inputs(
      tokenIDs: [0, 1, 2],
      configuration: Configuration(vocabularySize: 3, contextLength: 3, width: 2, layerCount: 1, headCount: 1)
    )
    let third = 1.0 / 3
    let probabilities = Operand(
      values: Tensor([1, 0, 0, 0.5, 0.5, 0, third, third, third], shape: [1, 3, 3]),
      error: [Bound](repeating: Bound(0.1), count: 9))
    // The first unit is the same for every key, the second is not.
    let values = Operand(values: Tensor([3, 1, 3, -1, 3, 1], shape: [1, 3, 2]))
    let context = Tensor([3, 1, 3, 0, 3, third], shape: [3, 2])
    let bounds = rounding.ofContext(context, probabilities: probabilities, values: values, inputs: inputs)
    #expect(bounds[4].det < 1e-5)
    #expect(bounds[5].det > 0.1)
  }
}
