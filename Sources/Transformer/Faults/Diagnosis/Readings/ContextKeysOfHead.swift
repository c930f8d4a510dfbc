import TouchstoneGraph

/// Which tables of seen keys explain what one head heard.
struct ContextKeysOfHead {
  private let head: ContextKeySearch.Head
  private let due: [Bool]
  private let isOpen: [Bool]
  private let own: Visibility
  private let tokens: Int
  /// Whether a query heard the keys from one to itself: by query, then key.
  private var fitsFrom: [Bool]
  /// Whether it heard the keys before one: by query, then key, from 0 to T.
  private var fitsBefore: [Bool]
  /// Whether it heard all it should but one key.
  private var fitsWithout: [Bool]

  init(_ head: ContextKeySearch.Head, due: [Bool], isOpen: [Bool], _ own: Visibility) {
    self.head = head
    self.due = due
    self.isOpen = isOpen
    self.own = own
    tokens = head.tokens
    let count = head.tokens
    fitsFrom = [Bool](repeating: false, count: count * count)
    fitsBefore = [Bool](repeating: false, count: count * (count + 1))
    fitsWithout = [Bool](repeating: false, count: count * count)
    for query in 0..<count {
      var (sums, total) = ([Double](repeating: 0, count: head.width), 0.0)
      for key in (0...query).reversed() where isOpen[key] {
        head.add(key, of: query, to: &sums, &total)
        fitsFrom[query * count + key] = head.fits(query, sums, total)
      }
      (sums, total) = ([Double](repeating: 0, count: head.width), 0.0)
      for key in 0..<count {
        if isOpen[key] { head.add(key, of: query, to: &sums, &total) }
        fitsBefore[query * (count + 1) + key + 1] = head.fits(query, sums, total)
      }
      (sums, total) = ([Double](repeating: 0, count: head.width), 0.0)
      let seen = (0..<count).filter { due[query * count + $0] }
      for key in seen { head.add(key, of: query, to: &sums, &total) }
      for key in seen where seen.count > 1 {
        fitsWithout[query * count + key] = head.fits(query, sums, total, without: key)
      }
    }
  }

  /// Tables that explain every query, rules before what fits each by itself.
  var tables: [[Bool]] {
    let ofRules = rules.filter(holds).map(table)
    if !ofRules.isEmpty { return Array(ofRules.prefix(2)) }
    return eachByItself.map { [$0] } ?? []
  }

  /// A stretch of keys for each query, the end not included.
  private typealias Rule = (Int) -> Range<Int>

  private var queries: [Int] {
    (0..<tokens).filter { due[$0 * tokens..<($0 + 1) * tokens].contains(true) }
  }

  private func holds(_ rule: Rule) -> Bool {
    queries.allSatisfy { query in
      let keys = rule(query)
      if keys.lowerBound == 0 { return fitsBefore[query * (tokens + 1) + keys.upperBound] }
      guard keys.upperBound == query + 1 else { return false }
      // One that is not open begins no stretch of its own.
      return keys.first(where: { isOpen[$0] }).map { fitsFrom[query * tokens + $0] } ?? false
    }
  }

  private func table(_ rule: Rule) -> [Bool] {
    (0..<tokens).flatMap { query -> [Bool] in
      let row = query * tokens..<(query + 1) * tokens
      guard due[row].contains(true) else { return Array(due[row]) }
      let keys = rule(query)
      return (0..<tokens).map { keys.contains($0) && isOpen[$0] }
    }
  }

  private var rules: [Rule] {
    let tokens = tokens
    var rules: [Rule] = [{ _ in 0..<tokens }, { 0..<$0 + 1 }]
    rules += (1..<tokens).map { window in { max(0, $0 - window + 1)..<$0 + 1 } }
    rules += (1..<min(tokens, 9)).map { shift in { 0..<min(tokens, $0 + 1 + shift) } }
    rules += (1..<min(tokens, 9)).map { shift in { 0..<max(1, $0 + 1 - shift) } }
    for size in 2..<max(tokens, 2) {
      rules.append { 0..<min(tokens, ($0 / size + 1) * size) }
      rules.append { $0 / size * size..<$0 + 1 }
      rules.append { 0..<($0 < size ? $0 : $0 - size) + 1 }
      rules.append { 0..<$0 % size + 1 }
      rules.append { ($0 < size ? 0 : size)..<$0 + 1 }
      rules.append { 0..<max(size, $0 + 1) }
    }
    return rules
  }

  /// What fits each query, those that are due first; nil where nothing fits one.
  private var eachByItself: [Bool]? {
    let changed = queries.filter { query in
      !head.fits(query, Array(due[query * tokens..<(query + 1) * tokens]))
    }
    // The same key where there is one.
    let common = (0..<tokens).first { key in changed.allSatisfy { fitsWithout[$0 * tokens + key] } }
    var table = due
    for query in changed {
      var keys: [Bool]?
      if let key = common ?? (0..<tokens).first(where: { fitsWithout[query * tokens + $0] }) {
        keys = Array(due[query * tokens..<(query + 1) * tokens])
        keys?[key] = false
      } else if let first = (0...query).first(where: { fitsFrom[query * tokens + $0] }) {
        keys = (0..<tokens).map { $0 >= first && $0 <= query && isOpen[$0] }
      } else if let end = (1...tokens).first(where: { fitsBefore[query * (tokens + 1) + $0] }) {
        keys = (0..<tokens).map { $0 < end && isOpen[$0] }
      } else {
        keys = stretchInBetween(query) ?? withHole(query)
      }
      guard let keys else { return nil }
      table.replaceSubrange(query * tokens..<(query + 1) * tokens, with: keys)
    }
    return table
  }

  /// A stretch that begins and ends anywhere.
  private func stretchInBetween(_ query: Int) -> [Bool]? {
    let greatestCount = 192
    guard tokens <= greatestCount else { return nil }
    for first in 1..<tokens {
      var (sums, total) = ([Double](repeating: 0, count: head.width), 0.0)
      for key in first..<tokens where isOpen[key] {
        head.add(key, of: query, to: &sums, &total)
        if head.fits(query, sums, total) {
          return (0..<tokens).map { (first...key).contains($0) && isOpen[$0] }
        }
      }
    }
    return nil
  }

  /// The first few keys and the last ones.
  private func withHole(_ query: Int) -> [Bool]? {
    let greatestCount = 8
    var (begin, beginTotal) = ([Double](repeating: 0, count: head.width), 0.0)
    for first in 0..<min(greatestCount, query) {
      if isOpen[first] { head.add(first, of: query, to: &begin, &beginTotal) }
      var (sums, total) = (begin, beginTotal)
      for key in (first + 1...query).reversed() where isOpen[key] {
        head.add(key, of: query, to: &sums, &total)
        if head.fits(query, sums, total) {
          return (0..<tokens).map { ($0 <= first || $0 >= key && $0 <= query) && isOpen[$0] }
        }
      }
    }
    return nil
  }
}
