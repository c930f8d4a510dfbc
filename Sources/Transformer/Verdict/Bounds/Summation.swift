/// What is known of the terms t of one sum.
package struct Terms: Sendable {
  /// n: how many are not zero, for adding zero is exact.
  package var count: Double
  /// S = Σ|t|.
  package var absolute: Double
  /// Q = Σt².
  package var squares: Double
  /// y = Σt.
  package var sum: Double
  /// The part of S whose terms are added as they are: plain terms, and products that need no rounding.
  package var exact: Double
  /// How often, on average over the terms, a term's value recurs: 1 when all differ, n when all are equal.
  package var repetition: Double
  /// What may be lost alike of terms below the resolution of the sum.
  package var lost: Double
  /// Σ sₖ² over the partial sums in the order in which the terms stand; 0 where that order is as good as any other.
  package var ordered: Double

  /// A sum of `count` terms, by their moments.
  package init(
    count: Double, absolute: Double, squares: Double, sum: Double, exact: Double = 0,
    repetition: Double = 1, lost: Double = 0, ordered: Double = 0
  ) {
    (self.count, self.absolute, self.squares, self.sum) = (count, absolute, squares, sum)
    (self.exact, self.repetition, self.lost, self.ordered) = (exact, repetition, lost, ordered)
  }

  /// One more plain term, already part of `sum`.
  package mutating func add(_ term: Double) {
    guard term != 0 else { return }
    count += 1
    absolute += abs(term)
    squares += term * term
    exact += abs(term)
  }

  /// One more product, already part of `sum`.
  package mutating func add(product: Double, isExact: Bool) {
    guard product != 0 else { return }
    add(product)
    if !isExact { exact -= abs(product) }
  }
}

extension Rounding {
  /// The error of a sum of products, or of plain terms, in any order, with or without fused multiply-add.
  ///
  /// - det: n terms take n − 1 additions, whatever the tree; adding zero is exact. The last addition rounds y
  ///   itself, every other one a part of the terms, so that a term meets at most n − 2 more, and a product that
  ///   has to be rounded one rounding besides. A compensated sum (Kahan 1965) of two or three terms may lose
  ///   as much as the rounding of the greatest once more.
  /// - prob: Higham & Mary 2019, §2, exceeded with probability below 1e-13 for λ = 8.
  /// - stat: the error is Σ δₖ·sₖ over partial sums sₖ; for a generic order Σ sₖ² ≈ (n/2)·Q + (n/3)·y², and δ
  ///   has the variance u²/3. Keys stand in an order that is not generic: what comes early may have one sign and what
  ///   comes late the other, so that Σ sₖ² in that order counts where it is greater. Where accumulators truncate, δ has
  ///   the mean u/2 besides, and Σ|sₖ| ≤ √(n·Σ sₖ²).
  ///
  /// Roundings are independent only where the terms differ: m equal terms are rounded alike, and their errors
  /// add up m by m instead of √m. `repetition` carries that into both, up to det for a constant row. Terms that are below
  /// the resolution of what they are added to are lost whole, whatever they are: `lost`.
  package func ofSum(_ terms: Terms) -> Bound {
    let (n, s, q, y) = (terms.count, terms.absolute, terms.squares, terms.sum)
    guard n > 0 else { return .zero }
    let det = worstCase(terms)
    let biasAtMost = precision.truncates ? n * unit / 2 * s : 0
    let prob = min(
      det, contract.deviations * (terms.repetition * n).squareRoot() * unit * s + biasAtMost + terms.lost)
    let partialSums = max((n / 2 + 1) * q + (n / 3 + 1) * y * y, terms.ordered)
    let variance = terms.repetition * partialSums
    let bias = precision.truncates ? unit / 2 * (n * variance).squareRoot() : 0
    let stat = min(
      prob,
      contract.deviations * unit / 3.0.squareRoot() * variance.squareRoot() + bias + unit * abs(y)
        + terms.lost)
    return Bound(det: det, prob: prob, stat: stat)
  }

  private func worstCase(_ terms: Terms) -> Double {
    let (n, rounded) = (terms.count, terms.absolute - terms.exact)
    // Units that align the terms to the greatest, and truncate, lose in every addition a part of that one.
    if precision.truncates { return gamma(n) * terms.exact + gamma(n + 1) * rounded }
    if n == 1 { return unit * rounded }
    // Kahan's compensation is exact only where the greater term comes first, max|t| ≤ √Q; the trees of four terms and
    // more allow what it errs by otherwise.
    let ofCompensation = n <= 3 ? unit * terms.squares.squareRoot() : 0
    return unit * abs(terms.sum) + ofCompensation
      + (1 + unit) * (gamma(n - 2) * terms.exact + gamma(n - 1) * rounded)
  }

  /// What may be lost alike of `count` terms whose magnitudes add up to `absolute`.
  ///
  /// No partial sum is greater than S, so that an addition errs by u·S at most; and a term below 2u·S, which a partial sum
  /// may not resolve, errs by itself at most, which is no random number: all of them may be positive.
  func lost(_ count: Int, absolute: Double, term: (Int) -> Double) -> Double {
    guard grantsLostTerms else { return 0 }
    let most = unit * absolute
    var lost = 0.0
    for index in 0..<count {
      let magnitude = abs(term(index))
      if magnitude <= 2 * most { lost += min(magnitude, most) }
    }
    return lost
  }

  /// What underflow, or flushing it to zero, takes from the products, the partial sums and the factors of a sum.
  ///
  /// - Parameter factors: Σ|factor| over both sides of the products: what a factor read as zero is multiplied by.
  package func ofUnderflow(_ terms: Terms, factors: Double) -> Double {
    (2 * terms.count + factors) * underflow
  }

  /// Whether the arithmetic's sums take the product of two values without rounding it.
  func isExactProduct(_ left: Double, _ right: Double) -> Bool {
    let product = left * right
    if precision.type == .float64 { return (-product).addingProduct(left, right) == 0 }
    return Double(Float(product)) == product
  }

  /// What rounding the two factors of every product by `left` and `right` adds to the error of their sum.
  ///
  /// - Parameter recurrence: how often a factor's value recurs on either side: equal factors are rounded alike, whatever
  ///   they are multiplied by.
  func ofRoundedFactors(
    _ left: Double, _ right: Double, _ terms: Terms, recurrence: (left: Double, right: Double)
  ) -> Bound {
    guard left > 0 || right > 0 else { return .zero }
    let det = (left + right + left * right) * terms.absolute
    let variance = (left * left * recurrence.left + right * right * recurrence.right) * terms.squares
    let deviations = contract.deviations * variance.squareRoot()
    let prob = min(det, deviations)
    return Bound(det: det, prob: prob, stat: min(prob, deviations / 3.0.squareRoot()))
  }

  /// The moments of plain terms.
  package func terms(_ values: [Double]) -> Terms {
    var terms = Terms(count: 0, absolute: 0, squares: 0, sum: 0)
    for value in values where value != 0 {
      terms.count += 1
      terms.absolute += abs(value)
      terms.squares += value * value
      terms.sum += value
    }
    terms.exact = terms.absolute
    terms.repetition = repetition(of: values, absoluteSum: terms.absolute)
    return terms
  }

  /// The moments of products, each of which has to be rounded.
  func terms(ofProducts products: [Double]) -> Terms {
    var terms = terms(products)
    terms.exact = 0
    return terms
  }

  /// Σ m²/n over groups of m values that are equal, or closer than a partial sum can resolve.
  func repetition(of values: [Double], absoluteSum: Double) -> Double {
    let resolution = 2 * unit * absoluteSum
    guard resolution > 0, resolution.isFinite else { return 1 }
    let sorted = values.filter { $0 != 0 }.ascending()
    var sumOfSquares = 0.0
    var first = 0
    for index in sorted.indices
    where index + 1 == sorted.count || sorted[index + 1] - sorted[first] > resolution {
      let members = Double(index + 1 - first)
      sumOfSquares += members * members
      first = index + 1
    }
    return max(1, sumOfSquares / Double(max(1, sorted.count)))
  }

  /// No less than ``repetition(of:absoluteSum:)``, found without sorting.
  ///
  /// Values are counted in cells as wide as the resolution. A group of m lies in two neighbouring cells at most, and
  /// m² = (a + b)² ≤ 2a² + 2b²; cells that share a counter only add to it.
  func repetitionAtMost(of values: [Double], absoluteSum: Double) -> Double {
    let resolution = 2 * unit * absoluteSum
    guard resolution > 0, resolution.isFinite else { return 1 }
    let counters = 1 << (Int.bitWidth - (8 * values.count).leadingZeroBitCount)
    var counts = [Int32](repeating: 0, count: counters)
    var (sumOfSquares, count) = (0, 0)
    for value in values where value != 0 {
      let cell = (value / resolution).rounded(.down)
      guard abs(cell) < 0x1p62 else { return .infinity }
      let hash = (UInt(bitPattern: Int(cell)) &* 0x9E37_79B9_7F4A_7C15) >> (UInt.bitWidth / 2)
      let slot = Int(hash) & (counters - 1)
      // (c + 1)² − c²
      sumOfSquares += 2 * Int(counts[slot]) + 1
      counts[slot] += 1
      count += 1
    }
    return 2 * Double(sumOfSquares) / Double(Swift.max(1, count))
  }
}
