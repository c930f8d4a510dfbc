import TouchstoneGraph
import TouchstoneModel

/// A few elements of scores or of a context, each of which is computed at once from whatever rows are said.
///
/// What does not explain these explains nothing, so that many arrangements are tried in no time.
struct AttentionSample {
  private let site: FaultSite
  private let got: Tensor<Double>
  private let first: Tensor<Double>
  private let second: Tensor<Double>
  private let isContext: Bool
  private let scale: Double
  private let bias: Tensor<Double>?
  private let tokens: Int
  let heads: Int
  let sharedHeads: Int
  private let due: [Bool]
  /// Elements as head, query and key (or unit).
  let elements: [[Int]]

  /// nil for what is neither scores nor a context.
  init?(_ site: FaultSite, _ got: Tensor<Double>) {
    guard let own = site.visibility, site.activations.count >= 2,
      !(site.operation.kind.payload is AttentionProbabilities)
    else { return nil }
    self.site = site
    self.got = got
    (first, second) = (site.activations[0], site.activations[1])
    isContext = site.operation.kind.payload is AttentionContext
    scale = (site.operation.kind.payload as? AttentionScores)?.scale ?? 1
    bias = isContext ? nil : site.activations.dropFirst(2).first
    tokens = site.inputs.count
    heads = first.shape[0]
    sharedHeads = second.shape[0]
    due = site.dueKeys(own)
    let (tokens, heads, width) = (tokens, heads, second.rowWidth)
    let (due, isContext) = (due, isContext)
    let wanted = 48
    // Spread over all by a step that has no divisor with any extent.
    let count = heads * tokens * (isContext ? width : tokens)
    let all = (0..<count).lazy.map { $0 &* 7919 % count }.map { offset -> [Int] in
      let last = isContext ? width : tokens
      return [offset / last / tokens, offset / last % tokens, offset % last]
    }
    elements = Array(
      all.filter { element in
        isContext
          ? due[element[1] * tokens..<(element[1] + 1) * tokens].contains(true)
          : due[element[1] * tokens + element[2]]
      }.prefix(wanted))
  }

  func captured(_ element: [Int]) -> Double {
    isContext
      ? got[element[1], element[0] * second.rowWidth + element[2]] : got[element[0], element[1], element[2]]
  }

  /// One score of a query row with a key row, each told as head and token of what is read.
  ///
  /// - Parameters:
  ///   - query: head, token and unit of what stands at a place of the queries (or probabilities).
  ///   - key: the same of the keys (or values).
  func value(
    _ element: [Int], _ query: ([Int]) -> [Int] = { $0 }, _ key: ([Int]) -> [Int] = { $0 }, head: Int? = nil,
    sharedHead: Int? = nil
  ) -> (value: Double, scale: Double) {
    let own = head ?? element[0]
    let shared = sharedHead ?? own * sharedHeads / heads
    var (sum, absolute) = (0.0, 0.0)
    if isContext {
      for token in 0..<tokens where due[element[1] * tokens + token] {
        let (p, v) = (query([own, element[1], token]), key([shared, token, element[2]]))
        let product = first[p[0], p[1], p[2]] * second[v[0], v[1], v[2]]
        sum += product
        absolute += abs(product)
      }
      return (sum, absolute)
    }
    for unit in 0..<first.rowWidth {
      let (q, k) = (query([own, element[1], unit]), key([shared, element[2], unit]))
      let product = scale * first[q[0], q[1], q[2]] * second[k[0], k[1], k[2]]
      sum += product
      absolute += abs(product)
    }
    let added = bias?[own, element[1], element[2]] ?? 0
    return (sum + added, absolute + abs(added))
  }

  /// Whether some elements are what is computed for them.
  func agrees(_ elements: some Sequence<[Int]>, _ value: ([Int]) -> (value: Double, scale: Double)) -> Bool {
    elements.allSatisfy { element in
      let (value, scale) = value(element)
      return abs(captured(element) - value) <= 1e-5 * scale
    }
  }
}
