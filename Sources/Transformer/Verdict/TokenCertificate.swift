import Foundation
import TouchstoneGraph
import TouchstoneModel

/// Which choices of the next token are the same for every implementation whose logits lie within given radii.
///
/// Clauses: SAM-20, SAM-21.
public struct TokenCertificate: Sendable {
  /// A set of token ids, as far as rounding lets it be known.
  public enum Choice: Sendable, Equatable {
    /// Every logit within its radius gives these ids.
    case certain(Set<Int>)
    /// These ids belong to it for certain; which of the others do is within rounding.
    case tie(certain: Set<Int>, contenders: Set<Int>)

    /// Whether an implementation may have chosen these ids.
    public func admits(_ ids: Set<Int>) -> Bool {
      switch self {
      case .certain(let all): ids == all
      case .tie(let certain, let contenders):
        ids.isSuperset(of: certain) && ids.isSubset(of: certain.union(contenders))
      }
    }

    /// Whether every implementation chooses the same.
    public var isCertain: Bool {
      if case .certain = self { true } else { false }
    }
  }

  /// The logits: [T, V].
  public let logits: Tensor<Double>
  /// How far each row's may be off: [T].
  public let radii: [Double]

  /// An element may stray from the golden by this many times the noise floor of its row.
  ///
  /// Honest implementations reach half of it (Docs/Verdict.md).
  public static let allowance = 20.0

  /// The certificate of a golden's logits for float32 implementations; nil where it has no noise floor of them.
  ///
  /// - Throws: what reading the golden throws.
  public init?(golden: any ActivationSource) throws {
    guard let point = golden.graph.results.logits, let logits = try golden.tensor(point),
      let floor = try golden.noiseFloor(of: point),
      floor.count == logits.rowCount, logits.values.allSatisfy(\.isFinite)
    else { return nil }
    self.init(logits: logits, radii: floor.values.map { Self.allowance * $0 })
  }

  /// Takes logits and, for each row, how far an implementation's may lie from them.
  ///
  /// - Parameters:
  ///   - logits: [T, V], finite.
  ///   - radii: at least 0: [T]; for instance ten times the noise floor.
  public init(logits: Tensor<Double>, radii: [Double]) {
    precondition(radii.count == logits.rowCount, "\(radii.count) radii for \(logits.rowCount) rows")
    self.logits = logits
    self.radii = radii
  }

  /// How far the greatest logit at a position lies above the next; infinite where there is one alone.
  public func margin(at position: Int) -> Double {
    let order = descending(position, first: 2)
    return order.count > 1 ? logits[position, order[0]] - logits[position, order[1]] : .infinity
  }

  /// The id of the greatest logit at a position.
  public func argMax(at position: Int) -> Choice {
    topK(1, at: position)
  }

  /// The ids of the k greatest logits at a position.
  public func topK(_ k: Int, at position: Int) -> Choice {
    let row = Array(logits.row(position))
    guard k < row.count else { return .certain(Set(row.indices)) }
    guard k > 0 else { return .certain([]) }
    let order = descending(position, first: k + 1)
    let width = 2 * radii[position]
    let (last, next) = (row[order[k - 1]], row[order[k]])
    if last - next > width { return .certain(Set(order[..<k])) }
    // Certain are those that the (k + 1)-th cannot overtake; contenders those that may replace the k-th.
    let certain = order[..<k].filter { row[$0] - next > width }
    let contenders = row.indices.filter { row[$0] - next <= width && last - row[$0] <= width }
    return .tie(certain: Set(certain), contenders: Set(contenders))
  }

  /// The smallest set of ids, most probable first, whose probabilities reach `p` together.
  public func topP(_ p: Double, temperature: Double = 1, at position: Int) -> Choice {
    let order = descending(position, first: logits.rowWidth)
    let row = logits.row(position).map { $0 / temperature }
    guard let greatest = row.max() else { return .certain([]) }
    let total = row.reduce(0) { $0 + exp($1 - greatest) }
    // A logit off by r changes a probability, and any sum of probabilities, by a factor within e^±2r.
    let spread = exp(2 * radii[position] / temperature)
    var cumulative = 0.0
    var (fewest, most) = (order.count, order.count)
    for (index, id) in order.enumerated() {
      cumulative += exp(row[id] - greatest) / total
      if fewest == order.count, cumulative * spread >= p { fewest = index + 1 }
      // What is left over may be larger by the same factor.
      if 1 - (1 - cumulative) * spread >= p || cumulative / spread >= p {
        most = index + 1
        break
      }
    }
    if fewest == most, case .certain(let ids) = topK(most, at: position) { return .certain(ids) }
    let certain = fewest > 1 ? sure(topK(fewest - 1, at: position)) : []
    return .tie(certain: certain, contenders: possible(topK(most, at: position)).subtracting(certain))
  }

  private func sure(_ choice: Choice) -> Set<Int> {
    switch choice {
    case .certain(let ids), .tie(certain: let ids, contenders: _): ids
    }
  }

  private func possible(_ choice: Choice) -> Set<Int> {
    switch choice {
    case .certain(let ids): ids
    case .tie(let certain, let contenders): certain.union(contenders)
    }
  }

  /// The first `count` ids by falling logit; equal ones by rising id.
  private func descending(_ position: Int, first count: Int) -> [Int] {
    let row = Array(logits.row(position))
    guard count <= Self.few else {
      return Array(row.indices.sorted { row[$0] != row[$1] ? row[$0] > row[$1] : $0 < $1 }.prefix(count))
    }
    var order: [Int] = []
    for id in row.indices where order.count < count || row[id] > row[order[count - 1]] {
      if order.count == count { order.removeLast() }
      order.insert(id, at: (order.lastIndex { row[$0] >= row[id] } ?? -1) + 1)
    }
    return order
  }

  /// So many are kept in order while all are looked at; of more, all are sorted.
  private static let few = 32
}
