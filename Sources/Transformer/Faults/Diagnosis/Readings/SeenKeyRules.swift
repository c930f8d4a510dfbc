import TouchstoneGraph

extension TableInWords {
  /// Rules with the numbers that these tables can have, those that say most first.
  func rules(from first: Int) -> [Rule] {
    guard own.isCausal else { return rulesBothWays }
    let dueWords = own.window.map { " instead of the last \($0)" } ?? ""
    var rules: [Rule] = [
      Rule(name: "every query sees every key") { _, _ in true },
      Rule(name: "queries see all earlier keys\(dueWords)") { $0 <= $1 },
    ]
    let positions = inputs.positionIDs
    if let window = own.window {
      rules.append(
        Rule(name: "windows are counted in positions instead of in tokens") {
          $0 <= $1 && positions[$1] - positions[$0] < window
        })
    }
    rules.append(
      Rule(name: "queries see keys by position instead of by place") { positions[$0] <= positions[$1] })
    var (back, ahead) = (0, -tokens)
    for query in queries {
      let keys = keys(of: query)
      if let least = keys.first { back = max(back, query - least + 1) }
      if let greatest = keys.last { ahead = max(ahead, greatest - query) }
    }
    if let window = back > 0 ? back : nil {
      rules.append(
        Rule(
          name: window == 1
            ? "each query sees its own key only\(dueWords)"
            : "queries see the last \(window) keys only\(dueWords)"
        ) { $0 <= $1 && $1 - $0 < window })
    }
    rules.append(Rule(name: "no query but the first sees its own key") { $0 < max($1, 1) })
    rules.append(
      Rule(name: "queries from \(first) on do not see the keys before, 0 to \(first - 1)") {
        $0 <= $1 && $1 - $0 < own.window ?? .max && !($1 >= first && $0 < first)
      })
    let shift = ahead
    if shift > 0 {
      let name =
        shift == 1 ? "each query also sees the next key" : "each query also sees the next \(shift) keys"
      rules.append(Rule(name: name) { $0 <= $1 + shift })
    } else if shift < 0 {
      let name =
        shift == -1 ? "no query sees its own key" : "no query sees its own key nor the \(-shift - 1) before"
      rules.append(Rule(name: name) { $0 <= $1 + shift })
    }
    rules.append(Rule(name: "queries see later keys instead of earlier ones") { $0 >= $1 })
    rules += tileRules(from: first) + sparseRules
    // The same within the window that is due.
    let window = own.window
    return rules
      + rules.filter { _ in window != nil }.map { rule in
        Rule(name: rule.name + ", of the last \(window ?? 0)") {
          $1 - $0 < window ?? .max && rule.sees($0, $1)
        }
      }
  }

  /// Rules of stretches of keys.
  private func tileRules(from first: Int) -> [Rule] {
    var rules: [Rule] = []
    if let reach = keys(of: first).last, reach > first, reach + 1 < tokens {
      let window = own.window ?? tokens
      let size = reach + 1
      // The first query that is wrong is the first of its tile.
      for tile in Set([size, size - first]).sorted() where tile > 1 {
        rules.append(
          Rule(name: "queries see later keys too, within tiles of \(tile)") {
            $0 / tile <= $1 / tile && $1 - $0 < window
          })
      }
      rules.append(
        Rule(name: "the first \(size) tokens see each other, later ones included") {
          ($0 < size && $1 < size) || $0 <= $1 && $1 - $0 < window
        })
    }
    for size in 2..<max(tokens, 2) {
      rules.append(
        Rule(name: "queries see only keys of their own block of \(size)") {
          $0 <= $1 && $0 / size == $1 / size
        })
    }
    for size in 2..<max(tokens, 2) where chunkBegins?.count != 1 {
      rules.append(
        Rule(
          name:
            "query r of each chunk of \(size) sees keys 0 to r only: the mask of later chunks is aligned to the "
            + "top left"
        ) { $0 <= $1 % size })
    }
    if let begin = chunkBegins, begin.count == 1 {
      let begin = begin[0]
      rules.append(
        Rule(
          name: "\(queriesInWords(from: begin)) see keys 0 to r−\(begin) only, r being the query's place: "
            + "the mask of a later chunk is aligned to the top left"
        ) { $0 <= $1 - begin || $1 < begin && $0 <= $1 })
    } else if let begins = chunkBegins {
      let of = (0..<tokens).map { query in begins.last { $0 <= query } ?? 0 }
      rules.append(
        Rule(
          name:
            "query r of a chunk from c on sees keys 0 to r−c only: the mask of later chunks, which begin at "
            + "\(words(begins)), is aligned to the top left"
        ) { $0 <= $1 - of[$1] })
    }
    return rules
  }

  /// Where chunks begin of which each query sees as many keys as if the chunk were the first; nil where there are none.
  private var chunkBegins: [Int]? {
    var begins: [Int] = []
    for query in queries {
      let keys = keys(of: query)
      guard let last = keys.last, last <= query else { return nil }
      let begin = query - last
      if begin != begins.last ?? 0 {
        guard begin > begins.last ?? 0 else { return nil }
        begins.append(begin)
      }
    }
    return begins.isEmpty || begins.count > tokens / 2 ? nil : begins
  }

  /// Rules with holes.
  private var sparseRules: [Rule] {
    guard let last = queries.last else { return [] }
    let keys = keys(of: last)
    guard keys.last == last else { return [] }
    var rules: [Rule] = []
    // As far back as the nearest key that a query misses.
    let trailing = queries.reduce(tokens) { least, query in
      (0..<query).last { isOpen($0) && !seen[query * tokens + $0] }.map { min(least, query - $0) } ?? least
    }
    let leading = keys.enumerated().prefix { $0.offset == $0.element }.count
    let (window, sink) = (trailing, leading)
    if sink > 0, sink + window < tokens {
      rules.append(
        Rule(name: "queries see the first \(inWords(count: sink)) and the last \(window) only") {
          $0 <= $1 && ($0 < sink || $1 - $0 < window)
        })
    }
    let steps = Set(zip(keys, keys.dropFirst()).map { $1 - $0 } + Array(2...12))
    for stride in steps.sorted() where (2..<tokens).contains(stride) {
      rules.append(
        Rule(name: "queries see every \(ordinal(stride)) key only, counted back from their own") {
          $0 <= $1 && ($1 - $0) % stride == 0
        })
      for width in [window] where width > 0 {
        rules.append(
          Rule(name: "queries see the last \(width) keys and every \(ordinal(stride)) before, counted back") {
            $0 <= $1 && ($1 - $0 < width || ($1 - $0) % stride == 0)
          })
        rules.append(
          Rule(
            name: "queries see the last \(width) keys and every \(ordinal(stride)) before: 0, \(stride), …"
          ) {
            $0 <= $1 && ($1 - $0 < width || $0 % stride == 0)
          })
      }
    }
    let greatestBlock = min(tokens - 1, 128)
    for block in 2..<max(greatestBlock, 2) {
      rules.append(
        Rule(
          name:
            "queries see the keys of their own block of \(block) and the last key of each block before only"
        ) { $0 <= $1 && ($0 / block == $1 / block || $0 % block == block - 1) })
    }
    return rules
  }

  /// Of models in which tokens see later ones.
  private var rulesBothWays: [Rule] {
    let back = queries.reduce(0) { best, query in
      keys(of: query).reduce(best) { max($0, abs($1 - query)) }
    }
    let dueWords = own.window.map { " instead of \($0)" } ?? ""
    return [
      Rule(name: "every query sees every key\(own.window.map { " instead of \($0) to either side" } ?? "")") {
        _, _ in true
      },
      Rule(name: "no query sees a later key") { $0 <= $1 },
      Rule(name: "no query sees an earlier key") { $0 >= $1 },
      Rule(name: "queries see \(back) keys to either side only\(dueWords)") { abs($0 - $1) <= back },
      Rule(name: "no query sees its own key") { $0 != $1 },
    ]
  }

  private func inWords(count: Int) -> String { count == 1 ? "key" : "\(count) keys" }

  private func ordinal(_ number: Int) -> String {
    switch number {
    case 2: "second"
    case 3: "3rd"
    default: "\(number)th"
    }
  }
}
