import TouchstoneGraph
import TouchstoneModel

/// A router, the experts that it chooses for each token, and their mixture.
///
/// An expert computes all of its tokens at once; what it makes is weighted and added to what the experts before it made.
///
/// Clauses: KER-1, KER-19, KER-20.
struct Experts: Region {
  /// One expert: its rows, and the products that they go through.
  private struct Expert {
    let number: Int
    let gathered: (activation: Activation, place: Place)
    let inner: FeedForwardInput
    let output: Project
  }

  private let router: Project
  private let input: Place
  private let ids: (activation: Activation, kind: RouteIDs)
  /// What is added to scores for the choice alone; nil for nothing.
  private let correction: WeightLayout.Offset?
  private let weights: (activation: Activation, kind: RouteWeights)
  private let experts: [Expert]
  private let mixture: (activation: Activation, place: Place)

  init?(_ reader: inout GraphReader) {
    guard let router = Project(&reader),
      let ids = reader.take(RouteIDs.self, where: { $0.inputs == [router.output.activation] }),
      let weights = reader.take(
        RouteWeights.self,
        where: {
          $0.inputs == [router.output.activation, ids.output] && $0.kind.function == ids.kind.function
        })
    else { return nil }
    correction = ids.parameters.first.map { view in
      reader.vector(VectorSource(view: view, count: view.outputCount, addend: 0))
    }
    var experts: [Expert] = []
    while let rows = reader.take(ChosenRows.self, where: { $0.inputs[1] == ids.output }) {
      guard rows.kind.expert == experts.count, let place = reader.place(of: rows.inputs[0]),
        place == router.input
      else { return nil }
      let gathered = reader.put(rows.output, in: .gathered)
      guard let inner = FeedForwardInput(&reader), let output = Project(&reader) else { return nil }
      reader.forget(output.output.activation)
      experts.append(
        Expert(number: rows.kind.expert, gathered: (rows.output, gathered), inner: inner, output: output))
    }
    let made = experts.map(\.output.output.activation)
    guard
      let mixture = reader.take(Mixture.self, where: { $0.inputs == [ids.output, weights.output] + made })
    else { return nil }
    self.router = router
    input = router.input
    self.ids = (ids.output, ids.kind)
    self.weights = (weights.output, weights.kind)
    self.experts = experts
    self.mixture = (mixture.output, reader.put(mixture.output, in: .mixed))
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    try router.run(rows, on: machine, observe: observe)
    let choices = choices(rows.count, machine)
    try show(choices, observe: observe)
    let workspace = machine.workspace
    let (x, y) = (workspace.rows(of: input), workspace.rows(of: mixture.place))
    let width = mixture.place.width
    for row in 0..<rows.count { y.row(row).update(repeating: 0, count: width) }
    for expert in experts {
      let own = choices.enumerated().compactMap { row, choices in
        choices.first { $0.expert == expert.number }.map { (row: row, weight: $0.weight) }
      }
      guard !own.isEmpty else { continue }
      let gathered = workspace.rows(of: expert.gathered.place)
      for (place, choice) in own.enumerated() {
        gathered.row(place).update(from: x.row(choice.row), count: input.width)
      }
      let few = rows.last(own.count)
      try observe?(expert.gathered.activation, machine.tensor(expert.gathered.place, own.count))
      try expert.inner.run(few, on: machine, observe: observe)
      try expert.output.run(few, on: machine, observe: observe)
      let made = workspace.rows(of: expert.output.output.place)
      machine.forEachRow(own.count, width: width) { place in
        let (target, source, weight) = (y.row(own[place].row), made.row(place), own[place].weight)
        for column in 0..<width { target[column] += weight * source[column] }
      }
    }
    try observe?(mixture.activation, machine.tensor(mixture.place, rows.count))
  }

  private struct Choice {
    let expert: Int
    let weight: Float
  }

  /// The experts of each row by their logits, and the softmax of the chosen ones, or of all; by their logistic functions, and
  /// these.
  private func choices(_ rows: Int, _ machine: Machine) -> [[Choice]] {
    let logits = machine.workspace.rows(of: router.output.place)
    let (softmax, factor) = (machine.kernels.softmax, Float(weights.kind.factor))
    return (0..<rows).map { row in
      let scores = Array(UnsafeBufferPointer(start: logits.row(row), count: router.output.place.width))
      if ids.kind.function == .sigmoid { return logisticChoices(of: scores, machine) }
      let best = ids.kind.choices(of: scores)
      var shares = weights.kind.isNormalised ? best.map { scores[$0] } : scores
      let count = shares.count
      shares.withUnsafeMutableBufferPointer { softmax($0.baseAddress!, count, 1, nil) }
      return best.enumerated().map { place, expert in
        let share = shares[weights.kind.isNormalised ? place : expert]
        return Choice(expert: expert, weight: factor == 1 ? share : factor * share)
      }
    }
  }

  private func logisticChoices(of logits: [Float], _ machine: Machine) -> [Choice] {
    var scores = logits
    let logistic = machine.kernels.function(.sigmoid)
    scores.withUnsafeMutableBufferPointer {
      logistic(UnsafePointer($0.baseAddress!), $0.count, $0.baseAddress!)
    }
    let best = ids.kind.choices(
      of: scores.enumerated().map { expert, score in
        score + (correction.map { machine.weights[$0 + expert] } ?? 0)
      })
    let (kind, chosen) = (weights.kind, best.map { scores[$0] })
    let total = chosen.reduce(0, +) + Float(RouteWeights.leastSum)
    return zip(best, chosen).map { expert, score in
      let share = kind.isNormalised ? score / total : score
      return Choice(expert: expert, weight: kind.factor == 1 ? share : Float(kind.factor) * share)
    }
  }

  private func show(_ choices: [[Choice]], observe: Observer?) throws {
    guard let observe else { return }
    let shape = [choices.count, ids.kind.count]
    try observe(ids.activation, Tensor(choices.flatMap { $0.map { Float($0.expert) } }, shape: shape))
    try observe(weights.activation, Tensor(choices.flatMap { $0.map(\.weight) }, shape: shape))
  }
}
