import Testing
import TouchstoneModel
import TouchstoneReference
import TouchstoneTestSupport

@testable import TouchstoneVerdict

/// How far errors scatter along an input, on errors that are made so.
@Suite struct SpreadModelTests {
  private static let (rows, columns, inputs) = (32, 65, 6)

  /// Errors of variance 1, of which every row of a column holds `shared` times the row's first input besides.
  private func search(shared: Double) throws -> (search: WeightSearch, input: Tensor<Double>) {
    var random = SplitMix64(seed: 0x6A1)
    func normal() -> Double {
      (0..<12).reduce(-6) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
    }
    let (rows, columns, inputs) = (Self.rows, Self.columns, Self.inputs)
    let x = Tensor((0..<rows * inputs).map { _ in normal() }, shape: [rows, inputs])
    let sizes = (0..<columns).map { _ in shared * normal() }
    let residual = (0..<rows * columns).map { normal() + sizes[$0 % columns] * x[$0 / columns, 0] }
    let weight = StoredTensor(
      Tensor([Float](repeating: 1, count: inputs * columns), shape: [inputs, columns]))
    let search = try #require(
      WeightSearch(
        input: x, weight: MatrixView(weight), residual: residual,
        scale: [Double](repeating: 1, count: rows * columns),
        result: [Double](repeating: 1, count: rows * columns)))
    return (search, x)
  }

  /// g = max(1, (n·aᵀGa + 8)/(n + 8)), from the errors once more.
  @Test(.clause("NUM-16"), arguments: [0.0, 2])
  func whatRowsShareWidensItsOwnDirectionAlone(_ shared: Double) throws {
    let (search, input) = try search(shared: shared)
    let excluded = 7
    let spread = try #require(search.spread(excluding: excluded))
    let others = (0..<Self.columns).filter { $0 != excluded }
    let n = Double(others.count)
    func error(_ row: Int, _ column: Int) -> Double {
      Double(search.errors.errors[row * Self.columns + column])
    }
    let squares = others.reduce(0) { sum, column in
      (0..<Self.rows).reduce(sum) { $0 + error($1, column) * error($1, column) }
    }
    let mean = squares / n / Double(Self.rows - 1)
    let directions = search.errors.directions(search.errors.centred(input))
    for (k, direction) in directions.enumerated() {
      let along = others.reduce(0) { sum, column in
        let product = (0..<Self.rows).reduce(0) { $0 + Double(direction[$1]) * error($1, column) }
        return sum + product * product
      }
      let gain = max(1, (along / mean + 8) / (n + 8))
      let found = try #require(spread.inputs[k]).gain
      #expect(abs(Double(found) / gain - 1) < 1e-4, "input \(k): \(found), not \(gain)")
      if k == 0 { #expect((found > 3) == (shared > 0), "\(found)") }
    }
  }

  /// A sum that loses a term whole is off by that term in every row, as if its weight were 0: no wrong weight is told
  /// from that where the terms differ by less than half a rounding.
  @Test(.clause("NUM-13"), arguments: [(0.4, false), (0.6, true)])
  func termsThatSumsLoseAreNoWrongWeight(_ w: Double, isFound: Bool) throws {
    var random = SplitMix64(seed: 0x1057)
    let (rows, columns, column) = (1024, 24, 5)
    let x = (0..<rows).flatMap { _ -> [Double] in
      [Bool.random(using: &random) ? 1 : -1, Double.random(in: -1...1, using: &random)]
    }
    let residual = (0..<rows * columns).map { place -> Double in
      let rounding = Double.random(in: -0.5...0.5, using: &random)
      return place % columns == column ? rounding - w * x[2 * (place / columns)] : rounding
    }
    let weight = StoredTensor(Tensor([Float](repeating: Float(w), count: 2 * columns), shape: [2, columns]))
    let search = try #require(
      WeightSearch(
        input: Tensor(x, shape: [rows, 2]), weight: MatrixView(weight), residual: residual,
        scale: [Double](repeating: 1, count: rows * columns),
        result: [Double](repeating: 1, count: rows * columns)))
    let best = try #require(search.found(EvidenceLevel(hypotheses: 2 * columns))).best
    #expect((best?.isConclusive ?? false) == isFound, "\(String(describing: best))")
    if isFound { #expect(best?.input == 0 && best?.output == column && abs(best?.found ?? 1) < 0.1) }
  }

  /// A column that strays says nothing of the others: m is theirs.
  @Test(.clause("NUM-16")) func theMeanLeavesTheColumnOut() throws {
    let (search, _) = try search(shared: 0)
    let squares = search.errors.squares
    for excluded in [0, 30, 64] {
      let spread = try #require(search.spread(excluding: excluded))
      let others = squares.enumerated().filter { $0.offset != excluded }.map(\.element)
      let mean = others.reduce(0, +) / Double(others.count) / Double(Self.rows - 1)
      #expect(abs(spread.mean / mean - 1) < 1e-9)
    }
  }
}
