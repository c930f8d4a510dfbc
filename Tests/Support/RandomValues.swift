/// `count` sums of four float32 numbers between -1 and 1 each, near to a normal distribution: compiled optimised, for
/// tests that need millions.
package func sumsOfFour(_ count: Int, using random: inout some RandomNumberGenerator) -> [Float] {
  (0..<count).map { _ in
    (0..<4).reduce(Float(0)) { sum, _ in sum + Float.random(in: -1...1, using: &random) }
  }
}
