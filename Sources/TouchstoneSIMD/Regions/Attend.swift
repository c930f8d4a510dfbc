import TouchstoneGraph
import TouchstoneModel

/// Rotary positions of queries and keys where there are any, scores, their cap where there is one, probabilities and
/// context of one attention.
///
/// Keys and values go to the cache. Clauses: KER-4, KER-5, KER-6, KER-14, KER-17, KER-18.
struct Attend: Region {
  let attention: Attention
  private let rotated: [(output: Activation, place: Place)]
  private let scores: Activation
  private let capped: Activation?
  private let probabilities: Activation
  private let context: Activation

  init?(_ reader: inout GraphReader) {
    var turns: [Activation: Turn] = [:]
    var rotated: [(Activation, Place)] = []
    while let rotate = reader.take(Rotate.self) {
      guard !rotate.kind.isTransposed, let place = reader.place(of: rotate.inputs[0]) else { return nil }
      turns[rotate.output] = Turn(rotate.kind, number: reader.rotation(rotate.kind))
      rotated.append((rotate.output, reader.put(rotate.output, over: place)))
    }
    guard let scores = reader.take(AttentionScores.self) else { return nil }
    let capped = reader.take(SoftCap.self, where: { $0.inputs == [scores.output] })
    let read = capped?.output ?? scores.output
    guard let probabilities = reader.take(AttentionProbabilities.self, where: { $0.inputs == [read] }),
      let context = reader.take(AttentionContext.self, where: { $0.inputs[0] == probabilities.output })
    else { return nil }
    let rules = [scores.kind.visibility, probabilities.kind.visibility, context.kind.visibility]
    let rule = scores.kind.visibility
    // Scores are masked before they are scaled: a factor that is not above 0 would make keys visible again.
    guard rules.allSatisfy({ $0 == rule }), Float(scores.kind.scale) > 0 else { return nil }
    guard let query = reader.place(of: scores.inputs[0]), let headCount = query.heads,
      let keys = Self.keys(of: scores.inputs[1], values: context.inputs[1], rule, &reader),
      turns.keys.allSatisfy([scores.inputs[0], scores.inputs[1]].contains)
    else { return nil }
    var bias: KeyBias?
    if scores.inputs.count == 3 {
      // Places that are counted from the end change with the length, and behind a cap the probabilities with them.
      guard let found = reader.biases[scores.inputs[2]], capped == nil || !found.countsFromEnd
      else { return nil }
      found.table(&reader)
      bias = found
    }
    let sinks = probabilities.parameters.first.map { view in
      reader.vector(VectorSource(view: view, count: view.outputCount, addend: 0))
    }
    guard sinks == nil || capped == nil else { return nil }
    attention = Attention(
      layer: keys.cache, headCount: headCount, shape: keys.shape, query: query, own: keys.own,
      context: reader.put(context.output, in: .context), scale: Float(scores.kind.scale), visibility: rule,
      cap: capped.map { Float($0.kind.cap) }, queryTurn: turns[scores.inputs[0]],
      keyTurn: turns[scores.inputs[1]], bias: bias, sinks: sinks)
    self.rotated = rotated
    self.scores = scores.output
    self.capped = capped?.output
    self.probabilities = probabilities.output
    self.context = context.output
  }

  /// Where keys and values are found: in the workspace, from where a cache takes them, or in a cache of the source.
  private static func keys(
    of key: Activation, values: Activation, _ rule: Visibility, _ reader: inout GraphReader
  ) -> (cache: Int, shape: HeadShape, own: Attention.OwnKeys?)? {
    if rule.readsSource {
      guard let stored = reader.sourceKeys[key], stored.values == values else { return nil }
      return (stored.cache, stored.shape, nil)
    }
    guard let key = reader.place(of: key), let value = reader.place(of: values), let heads = key.heads,
      key.heads == value.heads
    else { return nil }
    let shape = HeadShape(count: heads, width: key.headWidth, valueWidth: value.headWidth)
    return (reader.cache(shape), shape, Attention.OwnKeys(key: key, value: value))
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let observed = observe.map { _ in
      ObservedAttention(
        heads: attention.headCount, tokens: rows.count,
        keys: attention.visibility.readsSource ? machine.source?.count ?? 0 : rows.count,
        isCapped: capped != nil)
    }
    attention.run(rows, on: machine, observed: observed)
    guard let observe, let observed else { return }
    for (activation, place) in rotated { try observe(activation, machine.tensor(place, rows.count)) }
    try observe(scores, observed.scoresTensor())
    if let capped { try observe(capped, observed.cappedTensor()) }
    try observe(probabilities, observed.probabilitiesTensor())
    try observe(context, machine.tensor(attention.context, rows.count))
  }
}
