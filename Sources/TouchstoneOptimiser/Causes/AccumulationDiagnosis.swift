import TouchstoneModel
import TouchstoneVerdict

/// How often each micro-batch counts in a sum that is flagged.
struct AccumulationDiagnosis {
  private let context: StepContext

  init(_ context: StepContext) { self.context = context }

  /// The parts of one parameter's gradient and what was made of them.
  private struct Sum {
    let name: String
    let parts: [[Double]]
    let got: [Double]
    /// What was accumulated in the step before; nil where it is not recorded.
    let before: [Double]?
  }

  /// The cause, where the flagged sums are the same combination of the micro-batches within rounding.
  ///
  /// - Throws: `BadInput` where a parameter cannot be read.
  func causes(_ flagged: [StepFinding]) throws(BadInput) -> [StepCause] {
    let names = flagged.filter { $0.stage == .accumulation }.compactMap(\.parameter)
    guard !names.isEmpty else { return [] }
    var sums: [Sum] = []
    for name in names { if let sum = try sum(name) { sums.append(sum) } }
    let count = context.description.microBatchCount
    let judged = context.description.parameters.count
    func cause(_ id: String, _ name: String, _ ratio: Double) -> StepCause {
      StepCause(
        id: id, name: name, step: context.description.place, stages: [.accumulation],
        parameters: (sums.count, judged), examples: sums.count < judged ? Array(names.prefix(3)) : [],
        ratio: ratio, equivalents: [])
    }
    if let shares = shares(sums, count) {
      let (id, name) = Self.words(shares)
      if let ratio = worst(sums, shares) { return [cause(id, name, ratio)] }
    }
    if let ratio = worst(sums, [Double](repeating: 1, count: count), plusBefore: true) {
      return [cause("accumulation-not-zeroed", "the sum of the step before is still in it", ratio)]
    }
    let isNarrow = sums.allSatisfy { sum in
      sum.got.indices.allSatisfy { index in
        let terms = sum.parts.map { $0[index] }
        let within = Double(count) * ScalarType.bfloat16.unitRoundoff * terms.reduce(0) { $0 + abs($1) }
        return ScalarType.bfloat16.rounded(sum.got[index]) == sum.got[index]
          && abs(sum.got[index] - terms.reduce(0, +)) <= within
      }
    }
    return isNarrow
      ? [cause("accumulation-in-bfloat16", "gradients are accumulated in bfloat16", 0)] : []
  }

  private func sum(_ name: String) throws(BadInput) -> Sum? {
    let (step, index) = (context.description, context.index)
    let parameter = try context.parameter(name)
    guard let got = parameter.made(.accumulation) ?? parameter.made(.unscaling) else { return nil }
    var parts: [[Double]] = []
    for microBatch in 0..<step.microBatchCount {
      guard let part = try context.source.microGradient(microBatch, of: name, in: index) else { return nil }
      parts.append(part.values)
    }
    var before: [Double]?
    if step.follows {
      for quantity in [StepQuantity.gradient, .accumulated] {
        before = try context.source.tensor(quantity, of: name, in: index - 1)?.values ?? before
      }
    }
    return Sum(name: name, parts: parts, got: got, before: before)
  }

  /// By what each micro-batch is multiplied, by least squares; nil where the numbers do not tell.
  private func shares(_ sums: [Sum], _ count: Int) -> [Double]? {
    guard (1...64).contains(count) else { return nil }
    var matrix = [[Double]](repeating: [Double](repeating: 0, count: count + 1), count: count)
    for sum in sums {
      for index in sum.got.indices where sum.got[index].isFinite {
        for row in 0..<count {
          let left = sum.parts[row][index]
          for column in 0..<count { matrix[row][column] += left * sum.parts[column][index] }
          matrix[row][count] += left * sum.got[index]
        }
      }
    }
    return Self.solved(&matrix)
  }

  /// Gaussian elimination with pivots; nil for a matrix that is singular to working accuracy.
  private static func solved(_ matrix: inout [[Double]]) -> [Double]? {
    let count = matrix.count
    let greatest = matrix.indices.map { matrix[$0][$0] }.max() ?? 0
    for column in 0..<count {
      guard let pivot = (column..<count).max(by: { abs(matrix[$0][column]) < abs(matrix[$1][column]) }),
        abs(matrix[pivot][column]) > 1e-9 * greatest
      else { return nil }
      matrix.swapAt(column, pivot)
      for row in 0..<count where row != column {
        let factor = matrix[row][column] / matrix[column][column]
        for place in column...count { matrix[row][place] -= factor * matrix[column][place] }
      }
    }
    return (0..<count).map { row in
      let value = matrix[row][count] / matrix[row][row]
      // A share that was meant is a whole number or a simple fraction.
      let near = [0, 1, 2, 1 / Double(count)].first { abs(value - $0) < 1e-5 }
      return near ?? value
    }
  }

  /// The worst error over its bound where micro-batches count so; nil where it is beyond.
  private func worst(_ sums: [Sum], _ shares: [Double], plusBefore: Bool = false) -> Double? {
    var worst = 0.0
    for sum in sums {
      if plusBefore, sum.before?.count != sum.got.count { return nil }
      for index in sum.got.indices {
        var terms = zip(shares, sum.parts).map { $0 * $1[index] }
        if plusBefore, let before = sum.before { terms.append(before[index]) }
        let absolute = terms.reduce(0) { $0 + abs($1) }
        let within =
          2 * Double(terms.count + 2) * context.rounding.unit * absolute + context.rounding.underflow
        let error = abs(sum.got[index] - terms.reduce(0, +))
        guard error <= within else { return nil }
        worst = max(worst, error / within)
      }
    }
    return worst
  }

  private static func words(_ shares: [Double]) -> (id: String, name: String) {
    let count = shares.count
    let ones = shares.indices.filter { shares[$0] == 1 }
    let zeros = shares.indices.filter { shares[$0] == 0 }
    let twos = shares.indices.filter { shares[$0] == 2 }
    if count > 1, zeros.count == count - 1, ones == [count - 1] {
      return (
        "accumulation-overwritten",
        "only the last micro-batch is there (the sum is overwritten, not added to)"
      )
    }
    if zeros.count + ones.count == count, !zeros.isEmpty {
      return ("accumulation-lost", "micro-batch \(list(zeros)) is left out of the sum")
    }
    if twos.count + ones.count == count, !twos.isEmpty {
      return ("accumulation-twice", "micro-batch \(list(twos)) is added twice")
    }
    if let share = shares.first, shares.allSatisfy({ abs($0 - share) <= 1e-6 * abs(share) }) {
      return share == 1 / Double(count)
        ? (
          "accumulation-divided", "the sum is divided by the number of micro-batches once more (by \(count))"
        )
        : ("accumulation-factor", "the sum is multiplied by \(number(share)) instead of 1")
    }
    return (
      "accumulation-shares",
      "micro-batches count \(shares.prefix(6).map { significant($0, 4) }.joined(separator: ", "))"
        + "\(count > 6 ? ", …" : "") instead of 1 each (a mean of means)"
    )
  }

  private static func list(_ indices: [Int]) -> String { indices.map(String.init).joined(separator: ", ") }
}
