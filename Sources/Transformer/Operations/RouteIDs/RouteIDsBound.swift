import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension RouteIDs: Bounded {
  func clauses(of _: Operation, in _: Graph) -> [String] { ["MOE-1", "MOE-2", "BND-36"] }

  var making: Making { .decided }

  /// The experts of the definition, each beside the choice it should have been, and the least error that a choice must not
  /// exceed: any expert is right whose share lies within rounding of that of the one it is taken for.
  ///
  /// Choices count as a set. What was chosen instead of an expert of the definition is off by the difference of the two
  /// shares, in units of how far honest arithmetic may bring them together; the bound of the number says that by its
  /// proportion to the difference of the numbers. What is no expert, or is chosen twice, has no bound.
  ///
  /// Clauses: BND-36.
  func estimate(_ site: JudgedSite, _ rounding: Rounding) -> Estimate {
    let logits = site.activations[0]
    let shares = Softmax().value(Operands([logits.values]), in: site.inputs)
    let ofShares = zip(rounding.ofSoftmax(shares, logits, temperature: 1), shares.values).map {
      rounding.stored($0, $1, as: rounding.precision.type)
    }
    let due = value(site.operands, in: site.inputs)
    guard let got = site.output, got.shape == due.shape else {
      return Estimate(values: due, bounds: [Bound](repeating: .zero, count: due.count))
    }
    var (values, bounds): ([Double], [Bound]) = ([], [])
    for token in 0..<due.rowCount {
      let first = token * shares.rowWidth
      let choices = got.experts(of: token, among: shares.rowWidth)
      let right = due.row(token).map { Int($0) }
      let chosen = Set(choices.compactMap { $0 })
      var passedOver = right.filter { !chosen.contains($0) }
      var seen: Set<Int> = []
      let mostPassedOver = passedOver.first
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
        let gap = shares.values[first + best] - shares.values[first + choice]
        let reach = ofShares[first + best] + ofShares[first + choice]
        let distance = abs(number - Double(next))
        bounds.append(gap > 0 ? reach.map { distance * $0 / gap } : Bound(.infinity))
      }
    }
    return Estimate(values: Tensor(values, shape: due.shape), bounds: bounds)
  }
}
