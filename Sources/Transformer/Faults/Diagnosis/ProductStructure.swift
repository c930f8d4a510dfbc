import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What the error of one matrix product shows of its origin, without any catalogue: rows, columns, terms and
/// weights with their indices.
struct ProductStructure {
  /// x, [T, K].
  let input: Tensor<Double>
  /// W, as [K, N].
  let weight: (Int, Int) -> Double
  /// x·W + b by the definition, [T, N].
  let want: Tensor<Double>
  /// The captured value, [T, N].
  let got: Tensor<Double>
  /// The bound of each element.
  let bounds: [Double]

  private var rows: Int { want.rowCount }
  private var columns: Int { want.rowWidth }
  private var depth: Int { input.rowWidth }

  /// What is found; nil where the error has none of the known structures.
  func found() -> ProductEvidence? {
    let wrong = want.values.indices.filter { !fits(got.values[$0], want.values[$0], $0) }
    guard !wrong.isEmpty else { return nil }
    let wrongRows = Set(wrong.map { $0 / columns }).sorted()
    let wrongColumns = Set(wrong.map { $0 % columns }).sorted()
    return exchangedRows(wrongRows) ?? repeatedRow(wrongRows) ?? repeatedColumns(wrongColumns)
      ?? oneWeight(wrongColumns) ?? zeroed(wrongRows, wrongColumns, wrong.count)
      ?? constantVector(wrongRows) ?? wrongTerms()
  }

  private func fits(_ value: Double, _ expected: Double, _ offset: Int) -> Bool {
    abs(value - expected) <= 2 * bounds[offset]
  }

  private func row(_ row: Int, is other: Int) -> Bool {
    (0..<columns).allSatisfy { fits(got[row, $0], want[other, $0], row * columns + $0) }
  }

  private func exchangedRows(_ wrong: [Int]) -> ProductEvidence? {
    guard wrong.count == 2, row(wrong[0], is: wrong[1]), row(wrong[1], is: wrong[0]) else { return nil }
    return .exchangedRows(wrong[0], wrong[1])
  }

  private func repeatedRow(_ wrong: [Int]) -> ProductEvidence? {
    guard wrong.count == 1, let source = (0..<rows).first(where: { $0 != wrong[0] && row(wrong[0], is: $0) })
    else { return nil }
    return .repeatedRow(wrong[0], from: source)
  }

  private func repeatedColumns(_ wrong: [Int]) -> ProductEvidence? {
    guard let first = wrong.first, let last = wrong.last, rows > 1, wrong.count < columns else { return nil }
    // A tile is shifted as a whole: every wrong column repeats the one at the same distance.
    for source in 0..<columns where source != first {
      let isCopy = wrong.allSatisfy { column in
        let other = column - first + source
        return (0..<columns).contains(other)
          && (0..<rows).allSatisfy { fits(got[$0, column], want[$0, other], $0 * columns + column) }
      }
      if isCopy { return .repeatedColumns(first...last, from: source) }
    }
    return nil
  }

  /// One column, proportional to one column of x: the weight between them is another.
  private func oneWeight(_ wrong: [Int]) -> ProductEvidence? {
    guard wrong.count == 1, rows > 1, let column = wrong.first else { return nil }
    let errors = (0..<rows).map { got[$0, column] - want[$0, column] }
    for k in 0..<depth {
      let x = (0..<rows).map { input[$0, k] }
      let squares = x.reduce(0) { $0 + $1 * $1 }
      guard squares > 0 else { continue }
      let change = zip(x, errors).reduce(0) { $0 + $1.0 * $1.1 } / squares
      let isExplained = (0..<rows).allSatisfy {
        abs(errors[$0] - change * x[$0]) <= 2 * bounds[$0 * columns + column]
      }
      if isExplained {
        let old = weight(k, column)
        return .weight(input: k, output: column, found: old + change, expected: old)
      }
    }
    return nil
  }

  private func zeroed(_ wrongRows: [Int], _ wrongColumns: [Int], _ count: Int) -> ProductEvidence? {
    let isZero = wrongRows.allSatisfy { row in wrongColumns.allSatisfy { got[row, $0] == 0 } }
    guard isZero, count >= wrongRows.count * wrongColumns.count * 9 / 10 else { return nil }
    return .unwritten(rows: wrongRows, columns: wrongColumns)
  }

  /// The same vector is missing from, or added to, every row.
  private func constantVector(_ wrong: [Int]) -> ProductEvidence? {
    guard wrong.count == rows, rows > 1 else { return nil }
    let isConstant = (0..<columns).allSatisfy { column in
      let first = got[0, column] - want[0, column]
      return (1..<rows).allSatisfy {
        abs(got[$0, column] - want[$0, column] - first)
          <= 2 * (bounds[column] + bounds[$0 * columns + column])
      }
    }
    return isConstant ? .constantVector : nil
  }

  /// Each term x[:, k]·W[k, :] counts a whole number of times: solved by least squares for the few that do not
  /// count once.
  private func wrongTerms() -> ProductEvidence? {
    guard depth <= 256, rows * columns >= depth else { return nil }
    var normal = [[Double]](repeating: [Double](repeating: 0, count: depth + 1), count: depth)
    func gram(_ length: Int, _ value: (Int, Int) -> Double) -> [[Double]] {
      (0..<depth).map { k in
        (0..<depth).map { l in (0..<length).reduce(0) { $0 + value($1, k) * value($1, l) } }
      }
    }
    let ofInput = gram(rows) { input[$0, $1] }
    let ofWeight = gram(columns) { weight($1, $0) }
    for k in 0..<depth {
      for l in 0..<depth { normal[k][l] = ofInput[k][l] * ofWeight[k][l] }
      for row in 0..<rows {
        var product = 0.0
        for column in 0..<columns { product += (got[row, column] - want[row, column]) * weight(k, column) }
        normal[k][depth] += input[row, k] * product
      }
    }
    guard let solution = Self.solve(&normal) else { return nil }
    let factors = solution.map { $0.rounded() }
    let wrong = factors.indices.filter { factors[$0] != 0 }
    guard !wrong.isEmpty, wrong.count <= depth / 2, zip(solution, factors).allSatisfy({ abs($0 - $1) < 0.2 })
    else { return nil }
    let isExplained = want.values.indices.allSatisfy { offset in
      let (row, column) = (offset / columns, offset % columns)
      let change = wrong.reduce(0.0) { $0 + factors[$1] * input[row, $1] * weight($1, column) }
      return abs(got.values[offset] - want.values[offset] - change) <= 4 * bounds[offset]
    }
    guard isExplained else { return nil }
    let dropped = wrong.filter { factors[$0] == -1 }
    let doubled = wrong.filter { factors[$0] == 1 }
    return dropped.count + doubled.count == wrong.count ? .terms(missing: dropped, doubled: doubled) : nil
  }

  /// Gaussian elimination with partial pivoting on [A | b]; nil where A is singular.
  private static func solve(_ system: inout [[Double]]) -> [Double]? {
    let size = system.count
    for column in 0..<size {
      guard let pivot = (column..<size).max(by: { abs(system[$0][column]) < abs(system[$1][column]) }),
        abs(system[pivot][column]) > 1e-14 * abs(system[0][0])
      else { return nil }
      system.swapAt(column, pivot)
      for row in column + 1..<size {
        let factor = system[row][column] / system[column][column]
        guard factor != 0 else { continue }
        for k in column...size { system[row][k] -= factor * system[column][k] }
      }
    }
    var solution = [Double](repeating: 0, count: size)
    for row in (0..<size).reversed() {
      let known = (row + 1..<size).reduce(0.0) { $0 + system[row][$1] * solution[$1] }
      solution[row] = (system[row][size] - known) / system[row][row]
    }
    return solution
  }
}

extension ProductStructure {
  /// The structure behind a finding at a product with weights; nil at other operations.
  init?(of finding: Finding, in capture: any ActivationSource, by judge: Judge) throws {
    guard finding.hidden.isEmpty, let weights = judge.weights,
      let operation = capture.graph.operation(making: finding.activation),
      operation.output == finding.activation, let linear = operation.kind.payload as? Linear,
      let view = operation.parameters.first, let source = operation.inputs.first,
      let input = try capture.tensor(source), let got = try capture.tensor(finding.activation),
      let estimate = try judge.estimate(finding.activation, in: capture), got.shape == estimate.values.shape
    else { return nil }
    let matrix = ParameterValues(weights.float64(view.parameter), view)
    weight = { matrix[$1, $0] }
    self.input = input
    let isSplit = linear.heads != nil
    let bounds = Tensor(estimate.bounds.map(\.stat), shape: got.shape)
    self.got = isSplit ? got.joinedHeads() : got
    want = isSplit ? estimate.values.joinedHeads() : estimate.values
    self.bounds = (isSplit ? bounds.joinedHeads() : bounds).values
  }
}
