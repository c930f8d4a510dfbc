import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension RouteIDs: Bounded {
  func clauses(of operation: TouchstoneGraph.Operation, in _: Graph) -> [String] {
    ["MOE-1", "MOE-2"] + (function == .sigmoid ? ["MOE-7"] : []) + (groups == nil ? [] : ["MOE-8"])
      + ["BND-36"]
  }

  var making: Making { .decided }

  /// The experts of the definition, each beside the choice it should have been, and the least error that a choice must not
  /// exceed: any expert is right whose score lies within rounding of that of the one it is taken for.
  ///
  /// Choices count as a set. What was chosen instead of an expert of the definition is off by the difference of the two
  /// scores, in units of how far honest arithmetic may bring them together; the bound of the number says that by its
  /// proportion to the difference of the numbers. What is no expert, or is chosen twice, has no bound.
  ///
  /// Clauses: BND-36.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let due = value(site.operands, in: site.inputs)
    guard let got = site.output, got.shape == due.shape else {
      return Estimate(values: due, bounds: [Bound](repeating: .zero, count: due.count))
    }
    let scores = scored(site, rounding)
    var (values, bounds): ([Double], [Bound]) = ([], [])
    for token in 0..<due.rowCount {
      let choices = got.experts(of: token, among: scores.values.rowWidth)
      let right = due.row(token).map { Int($0) }
      let chosen = Set(choices.compactMap { $0 })
      var passedOver = right.filter { !chosen.contains($0) }
      var seen: Set<Int> = []
      let mostPassedOver = passedOver.first
      let ofGroups = passedOver.isEmpty ? nil : groups.map { scores.reach(of: chosen, token, in: $0) }
      for (choice, number) in zip(choices, got.row(token)) {
        let isNew = choice.map { seen.insert($0).inserted } ?? false
        if isNew, let choice, right.contains(choice) {
          values.append(number)
          bounds.append(.zero)
          continue
        }
        let next = passedOver.isEmpty ? right[0] : passedOver.removeFirst()
        // An expert that is taken must come near the best that is not.
        values.append(Double(next))
        guard isNew, let choice, let best = mostPassedOver else {
          bounds.append(.zero)
          continue
        }
        let distance = abs(number - Double(next))
        let reach = ofGroups ?? scores.reach(of: choice, from: best, token)
        bounds.append(reach.map { $0 > 0 ? distance / $0 : .infinity })
      }
    }
    return Estimate(values: Tensor(values, shape: due.shape), bounds: bounds)
  }

  /// What experts are compared by, and how far honest arithmetic may be from it.
  private func scored(_ site: JudgedSite, _ rounding: Rounding) -> ExpertScores {
    let (logits, type) = (site.activations[0], rounding.precision.type)
    func stored(_ bounds: [Bound], _ values: [Double]) -> [Bound] {
      zip(bounds, values).map { rounding.stored($0, $1, as: type) }
    }
    guard function == .sigmoid else {
      let shares = Softmax().value(Operands([logits.values]), in: site.inputs)
      return ExpertScores(
        values: shares,
        bounds: stored(rounding.ofSoftmax(shares, logits, temperature: 1), shares.values), unit: rounding.unit
      )
    }
    let own = ActivationFunction(.sigmoid).value(Operands([logits.values]), in: site.inputs)
    let bounds = stored(rounding.ofActivation(.sigmoid, own, logits, storedAs: type), own.values)
    guard let correction = correction(site.operands, experts: own.rowWidth) else {
      return ExpertScores(values: own, bounds: bounds, unit: rounding.unit)
    }
    let sums = own.values.enumerated().map { $1 + correction[$0 % correction.count] }
    let widened = zip(bounds, sums).map { $0 + rounding.unit * abs($1) }
    return ExpertScores(
      values: Tensor(sums, shape: own.shape), bounds: stored(widened, sums), unit: rounding.unit)
  }
}

/// What a router compares experts by, and how far each number may be from it.
private struct ExpertScores {
  /// [T, E].
  let values: Tensor<Double>
  let bounds: [Bound]
  /// u.
  let unit: Double

  /// How many times their bounds two experts must be off for the worse to be taken for the better.
  func reach(of expert: Int, from better: Int, _ token: Int) -> Bound {
    let first = token * values.rowWidth
    let gap = values.values[first + better] - values.values[first + expert]
    return (bounds[first + better] + bounds[first + expert]).map { gap > 0 ? gap / $0 : 0 }
  }

  /// How many times their bounds scores must be off for a set of experts to be the choice out of some groups; infinite where
  /// none can.
  func reach(of chosen: Set<Int>, _ token: Int, in groups: ExpertGroups) -> Bound {
    let first = token * values.rowWidth
    let own = bounds[first..<first + values.rowWidth]
    func reach(_ errors: [Double]) -> Double {
      let choice = GroupChoice(
        groups, chosen: chosen, scores: Array(values.row(token)), errors: errors, unit: unit)
      // From far below any rounding to far beyond.
      var (low, high) = (-64.0, 64.0)
      if choice.isPossible(within: exp2(low)) { return 0 }
      guard choice.isPossible(within: exp2(high)) else { return .infinity }
      for _ in 0..<64 {
        let middle = (low + high) / 2
        if choice.isPossible(within: exp2(middle)) { high = middle } else { low = middle }
      }
      return exp2(high)
    }
    return Bound(det: reach(own.map(\.det)), prob: reach(own.map(\.prob)), stat: reach(own.map(\.stat)))
  }
}

/// Some experts, and what would make them the choice of a router with groups.
private struct GroupChoice {
  let groups: ExpertGroups
  let chosen: Set<Int>
  let scores: [Double]
  let errors: [Double]
  let unit: Double

  init(_ groups: ExpertGroups, chosen: Set<Int>, scores: [Double], errors: [Double], unit: Double) {
    self.groups = groups
    self.chosen = chosen
    self.scores = scores
    self.errors = errors
    self.unit = unit
  }

  /// Whether some scores that lie within so many times their bounds make the choice: there are groups to keep that hold it,
  /// come near all others, and have no expert that is clearly better.
  func isPossible(within times: Double) -> Bool {
    let size = scores.count / groups.count
    let low = zip(scores, errors).map { $0 - times * $1 }
    let high = zip(scores, errors).map { $0 + times * $1 }
    guard let least = chosen.map({ high[$0] }).min() else { return false }
    let members = (0..<groups.count).map { $0 * size..<($0 + 1) * size }
    let holds = members.map { $0.contains(where: chosen.contains) }
    let isOpen = members.map { $0.allSatisfy { chosen.contains($0) || low[$0] <= least } }
    // The sum of two is rounded once more.
    let lowest = members.map { range in
      let score = groups.score(low[range])
      return score - times * unit * abs(score)
    }
    let highest = members.map { range in
      let score = groups.score(high[range])
      return score + times * unit * abs(score)
    }
    return highest.contains { threshold in
      let must = groups.indices.filter { holds[$0] || lowest[$0] > threshold }
      let may = groups.indices.filter { isOpen[$0] && highest[$0] >= threshold }
      return must.allSatisfy(may.contains) && must.count <= groups.kept && groups.kept <= may.count
    }
  }
}

extension ExpertGroups {
  fileprivate var indices: Range<Int> { 0..<count }
}
