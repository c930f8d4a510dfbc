import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// What errors say of the arithmetic that made them, on errors that are made so.
@Suite struct ErrorProfileTests {
  private static func normal(_ random: inout SplitMix64) -> Double {
    (0..<12).reduce(-6) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
  }

  /// A result whose unit in the last place is 2^`exponent`.
  private static func result(_ exponent: Int) -> Double {
    Double(sign: .plus, exponent: exponent + 23, significand: 1.5)
  }

  /// Each square counts relative to its own variance, so that large units hide nothing of small ones.
  @Test(.clause("NUM-16"), arguments: [(4.0, 1.0), (400, 1), (4, 0)])
  func bothPartsOfTheVarianceAreFound(_ ofScale: Double, _ ofUnit: Double) throws {
    var random = SplitMix64(seed: 0xE44)
    let count = 12_000
    let results = (0..<count).map { Self.result([0, 5, 10][$0 % 3]) }
    let residual = results.map { result in
      let unit = Double(Float(result).ulp)
      return (ofScale + ofUnit * unit * unit).squareRoot() * Self.normal(&random)
    }
    let profile = try #require(
      ErrorProfile(
        Array(0..<count), residual: residual, scale: [Double](repeating: 1, count: count), result: results,
        floor: 0))
    #expect(abs(profile.ofScale / ofScale - 1) < 0.15, "\(profile)")
    #expect(abs(profile.ofUnit - ofUnit) < 0.15, "\(profile)")
  }

  /// A share of the variance has the form of the bounds whatever the errors say: no result near zero outweighs all others.
  @Test(.clause("NUM-16"), arguments: [0.125, 0.5])
  func aShareKeepsTheFormOfTheBounds(_ floor: Double) throws {
    let results = (0..<64).map { Self.result($0 % 4) }
    let residual = results.enumerated().map { ($0 % 8 < 4 ? 1 : -1) * Double(Float($1).ulp) }
    let profile = try #require(
      ErrorProfile(
        Array(0..<64), residual: residual, scale: [Double](repeating: 1, count: 64), result: results,
        floor: floor))
    // The mean of 1, 4, 16 and 64.
    #expect(abs(profile.ofScale - floor * 21.25) < 1e-9, "\(profile)")
    #expect(abs(profile.ofUnit - (1 - floor)) < 1e-9, "\(profile)")
    #expect(
      abs(profile.variance(scale: 2, result: results[3]) - (4 * floor * 21.25 + 64 * (1 - floor))) < 1e-9)
  }

  /// The column with the greatest errors may be the one that is wrong: what errors are like is read from the others.
  @Test(.clause("NUM-16")) func theColumnWithTheGreatestErrorsDoesNotSayWhatErrorsAreLike() throws {
    var random = SplitMix64(seed: 0xE45)
    let (rows, columns, inputs) = (32, 40, 3)
    let x = Tensor((0..<rows * inputs).map { _ in Self.normal(&random) }, shape: [rows, inputs])
    let results = (0..<rows * columns).map { Self.result($0 % columns % 8) }
    let residual = results.enumerated().map { offset, result in
      Self.normal(&random) * (offset % columns == 0 ? 1e4 : Double(Float(result).ulp))
    }
    let errors = try #require(
      StandardisedErrors(
        input: x, residual: residual, scale: [Double](repeating: 1, count: rows * columns), result: results,
        columns: columns, fewestRows: 4))
    for row in 0..<rows {
      // Results of 2^7 units beside those of one; an eighth of the variance is alike.
      let ratio = errors.deviations[row * columns + 7] / errors.deviations[row * columns + 8]
      #expect((5...8).contains(ratio), "row \(row): \(ratio)")
    }
  }
}
