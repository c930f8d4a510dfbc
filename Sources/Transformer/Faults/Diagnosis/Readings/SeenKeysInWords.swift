import TouchstoneGraph

/// One sentence about which keys queries see, where these are others than those due.
struct SeenKeysInWords {
  private let seen: SeenKeys
  private let due: [Bool]
  private let own: Visibility
  private let inputs: Inputs

  /// - Parameter due: by query, then key.
  init(_ seen: SeenKeys, due: [Bool], _ own: Visibility, _ inputs: Inputs) {
    self.seen = seen
    self.due = due
    self.own = own
    self.inputs = inputs
  }

  /// What all heads see or, where they differ, what each of those sees that are wrong.
  var sentence: String {
    if seen.tables.count == 1 { return TableInWords(seen.tables[0], due: due, own, inputs).sentence }
    var groups: [(table: [Bool], heads: [Int])] = []
    for (head, table) in seen.tables.enumerated() where table != due {
      if let place = groups.firstIndex(where: { $0.table == table }) {
        groups[place].heads.append(head)
      } else {
        groups.append((table, [head]))
      }
    }
    let greatestCount = 3
    let parts = groups.prefix(greatestCount).map { group in
      "in \(inWords(group.heads, "head", "heads")): "
        + TableInWords(group.table, due: due, own, inputs).sentence
    }
    let others = groups.count > greatestCount ? ["in other heads others again"] : []
    return (parts + others).joined(separator: "; ")
  }
}

/// Places, those that follow each other by the first and the last: “keys 0 to 8 and 11”.
func inWords(_ places: [Int], _ one: String, _ many: String) -> String {
  var runs: [ClosedRange<Int>] = []
  for place in places {
    if let last = runs.last, last.upperBound + 1 == place {
      runs[runs.count - 1] = last.lowerBound...place
    } else {
      runs.append(place...place)
    }
  }
  let greatestCount = 6
  var parts = runs.prefix(greatestCount).map { run -> String in
    switch run.count {
    case 1: "\(run.lowerBound)"
    case 2: "\(run.lowerBound), \(run.upperBound)"
    default: "\(run.lowerBound) to \(run.upperBound)"
    }
  }
  if runs.count > greatestCount { parts.append("…") }
  return (places.count == 1 ? one : many) + " " + parts.joined(separator: ", ")
}

/// One sentence about one table of which keys queries see.
struct TableInWords {
  let seen: [Bool]
  let due: [Bool]
  let own: Visibility
  let inputs: Inputs
  var tokens: Int { inputs.count }
  /// The queries that see any key by the definition: no other tells anything.
  let queries: [Int]
  private let changed: [Int]

  /// A rule of which keys a query sees, by key and query.
  struct Rule {
    let name: String
    let sees: (Int, Int) -> Bool
  }

  init(_ seen: [Bool], due: [Bool], _ own: Visibility, _ inputs: Inputs) {
    self.seen = seen
    self.due = due
    self.own = own
    self.inputs = inputs
    let tokens = inputs.count
    let queries = (0..<tokens).filter { due[$0 * tokens..<($0 + 1) * tokens].contains(true) }
    self.queries = queries
    changed = queries.filter { query in
      (query * tokens..<(query + 1) * tokens).contains { seen[$0] != due[$0] }
    }
  }

  /// The simplest that is true.
  var sentence: String {
    guard let first = changed.first else { return "queries see the keys that they should" }
    let rules = rules(from: first)
    let hasPadding = inputs.attentionMask?.contains(false) ?? false
    let rule =
      rules.first { holds($0) }?.name
      ?? (hasPadding ? rules.first { holds($0, withPadding: true) } : nil).map {
        $0.name + ", masked ones too"
      }
    // Where a rule shows in one query alone, that is said first.
    if changed.count == 1, let block { return block + (rule.map { ": \($0)" } ?? "") }
    return rule ?? block ?? stretches ?? list
  }

  func isOpen(_ key: Int) -> Bool { inputs.attentionMask?[key] ?? true }

  private func holds(_ rule: Rule, withPadding: Bool = false) -> Bool {
    queries.allSatisfy { query in
      (0..<tokens).allSatisfy {
        seen[query * tokens + $0] == ((withPadding || isOpen($0)) && rule.sees($0, query))
      }
    }
  }

  func keys(of query: Int) -> [Int] { (0..<tokens).filter { seen[query * tokens + $0] } }

  /// Some queries do not see some keys, or see some more: all of these see all of those, as far as they could.
  private var block: String? {
    let pairs = changed.flatMap { query in
      (0..<tokens).filter { seen[query * tokens + $0] != due[query * tokens + $0] }.map { (query, $0) }
    }
    guard let first = pairs.first else { return nil }
    let isMore = seen[first.0 * tokens + first.1]
    let keys = Set(pairs.map(\.1)).sorted()
    let arePadding = isMore && keys.allSatisfy { !isOpen($0) }
    func isPossible(_ query: Int, _ key: Int) -> Bool {
      if arePadding { return own.allows(key: key, from: query) }
      return due[query * tokens + key] != isMore && (!isMore || isOpen(key))
    }
    let isBlock = changed.allSatisfy { query in
      keys.allSatisfy { !isPossible(query, $0) || seen[query * tokens + $0] == isMore }
    }
    guard isBlock, pairs.allSatisfy({ seen[$0.0 * tokens + $0.1] == isMore }) else { return nil }
    let possible = queries.filter { query in keys.contains { isPossible(query, $0) } }
    let keyWords = inWords(keys, "key", "keys")
    if arePadding, possible == changed {
      return "padding \(keyWords) \(keys.count == 1 ? "is" : "are") seen"
    }
    if !isMore, possible == changed, changed.count > 1 {
      return "\(keyWords) \(keys.count == 1 ? "is" : "are") never seen"
    }
    let does = changed.count == 1
    return queriesInWords(changed)
      + (isMore ? (does ? " also sees " : " also see ") : (does ? " does not see " : " do not see "))
      + keyWords
  }

  /// Each query sees what lies between the beginning of its stretch and itself.
  private var stretches: String? {
    var begins: [Int] = []
    for query in queries {
      let keys = keys(of: query)
      guard let first = keys.first, keys == Array(first...max(first, query)).filter(isOpen) else {
        return nil
      }
      if first != begins.last {
        guard first > begins.last ?? -1 else { return nil }
        begins.append(first)
      }
    }
    guard 2 * begins.count <= queries.count else { return nil }
    let steps = Set(zip(begins, begins.dropFirst()).map { $1 - $0 })
    if let step = steps.first, steps.count == 1, begins.count > 2, begins[0] == 0 {
      return "queries see only keys of their own stretch of \(step)"
    }
    return "queries see only keys of their own stretch, of those that begin at \(words(begins))"
  }

  /// What the first few see.
  private var list: String {
    let greatestCount = 3
    let parts = changed.prefix(greatestCount).map { query in
      let keys = keys(of: query)
      let dueKeys = (0..<tokens).filter { due[query * tokens + $0] }
      return "query \(query) sees \(keys.isEmpty ? "no key" : inWords(keys, "key", "keys")) instead of "
        + inWords(dueKeys, "key", "keys").replacing("keys ", with: "")
    }
    let rest = changed.count - greatestCount
    return parts.joined(separator: "; ")
      + (rest > 0 ? "; \(rest) other \(rest == 1 ? "query sees" : "queries see") other keys too" : "")
  }

  func queriesInWords(from first: Int) -> String {
    first == queries.last ? "query \(first)" : "queries from \(first) on"
  }

  private func queriesInWords(_ some: [Int]) -> String {
    if let first = some.first, some.count > 1, some == queries.filter({ $0 >= first }), first > 0 {
      return queriesInWords(from: first)
    }
    return inWords(some, "query", "queries")
  }
}
