import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// The part of an operation's output that is wrong where the rest is right: some tokens, heads, keys or columns.
struct WrongBlock: Sendable {
  /// What is wrong along one axis.
  private struct Extent: Sendable {
    let axis: Axis
    let stride: Int
    let count: Int
    let isWrong: [Bool]
    /// The indices that are wrong, where others have judged elements too; nil for all of them.
    var indices: [Int]?
  }

  private let extents: [Extent]
  private let headWidth: Int?
  /// How many elements are wrong.
  private let wrongCount: Int
  /// The worst error over the bound outside.
  let ratioElsewhere: Double

  /// Elements that say more than where they stand.
  private static let tellingCount = 4

  /// The least block that holds all wrong elements; nil where it is not a part of the output, or most of it is right.
  ///
  /// - Parameter headWidth: how many columns beside each other are one head; nil where they are none.
  init?(
    _ got: Tensor<Double>, _ right: Estimate, axes: [Axis], headWidth: Int? = nil, isJudged: (Int) -> Bool
  ) {
    guard axes.count == got.shape.count, got.shape == right.values.shape else { return nil }
    var strides = [Int](repeating: 1, count: axes.count)
    for axis in axes.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * got.shape[axis + 1] }
    var isWrong = got.shape.map { [Bool](repeating: false, count: $0) }
    var (wrongCount, worst) = (0, 0.0)
    for offset in got.values.indices
    where isJudged(offset) && got.values[offset] != right.values.values[offset] {
      let ratio = abs(got.values[offset] - right.values.values[offset]) / right.bounds[offset].stat
      guard !(ratio <= 1) else {
        worst = max(worst, ratio)
        continue
      }
      wrongCount += 1
      for axis in axes.indices { isWrong[axis][offset / strides[axis] % got.shape[axis]] = true }
    }
    guard wrongCount > 0 else { return nil }
    var extents = axes.indices.map { axis in
      Extent(
        axis: axes[axis], stride: strides[axis], count: got.shape[axis], isWrong: isWrong[axis],
        indices: isWrong[axis].indices.filter { isWrong[axis][$0] })
    }
    var (judgedCount, blockCount) = (0, 0)
    var isLeft = got.shape.map { [Bool](repeating: false, count: $0) }
    for offset in got.values.indices where isJudged(offset) {
      judgedCount += 1
      let places = extents.map { offset / $0.stride % $0.count }
      let outside = extents.indices.filter { !extents[$0].isWrong[places[$0]] }
      if outside.isEmpty { blockCount += 1 }
      // Right only by where it stands along this axis.
      if outside.count == 1 { isLeft[outside[0]][places[outside[0]]] = true }
    }
    guard 4 * blockCount <= 3 * judgedCount, 3 * wrongCount >= 2 * blockCount else { return nil }
    // Most of an axis is all of it, beside one of which it is a part.
    func isMost(_ axis: Int) -> Bool {
      let left = isLeft[axis].count { $0 }
      return left == 0 || 2 * left < extents[axis].isWrong.count { $0 }
    }
    let most = extents.indices.filter(isMost)
    for axis in most where most.count < extents.count || isLeft[axis].allSatisfy({ !$0 }) {
      extents[axis].indices = nil
    }
    guard extents.contains(where: { $0.indices != nil }) else { return nil }
    self.extents = extents
    self.wrongCount = wrongCount
    ratioElsewhere = worst
    self.headWidth = headWidth
  }

  /// Whether enough is wrong for a fault to be told by it.
  var isTelling: Bool { wrongCount >= Self.tellingCount }

  /// Whether an element of the output is in it.
  func contains(_ offset: Int) -> Bool {
    extents.allSatisfy { $0.isWrong[offset / $0.stride % $0.count] }
  }

  /// Whether it is one of something.
  var isOne: Bool {
    extents.allSatisfy { extent in
      guard let indices = extent.indices, indices.count > 1 else { return true }
      return headWidth.map { indices.count == $0 && wholeHeads(indices, $0) != nil } ?? false
    }
  }

  /// For example `token 15` or `units 8 to 15 of head 3`.
  var inWords: String {
    extents.reversed().compactMap { extent in
      extent.indices.map { indices in
        let name = extent.axis.name
        if case .unit = extent.axis, let headWidth, let heads = wholeHeads(indices, headWidth) {
          return heads.count == 1 ? "head \(heads[0])" : "heads \(runs(heads))"
        }
        return indices.count == 1 ? "\(name) \(indices[0])" : "\(plural(name)) \(runs(indices))"
      }
    }.joined(separator: " of ")
  }

  /// The heads of which all columns are wrong; nil where some are of heads that are not wholly wrong.
  private func wholeHeads(_ columns: [Int], _ width: Int) -> [Int]? {
    let heads = Set(columns.map { $0 / width }).sorted()
    return heads.count * width == columns.count ? heads : nil
  }

  private func plural(_ name: String) -> String {
    name == Axis.query.name ? "queries" : name + "s"
  }
}

/// Whole numbers in words, those of a run by its ends: `4 to 7, 9`.
func runs(_ indices: [Int]) -> String {
  let greatestCount = 6
  var found: [ClosedRange<Int>] = []
  for index in indices.sorted() {
    if let last = found.last, last.upperBound + 1 == index {
      found[found.count - 1] = last.lowerBound...index
    } else {
      found.append(index...index)
    }
  }
  let texts = found.prefix(greatestCount).map { run in
    run.count == 1 ? "\(run.lowerBound)" : "\(run.lowerBound) to \(run.upperBound)"
  }
  return texts.joined(separator: ", ") + (found.count > greatestCount ? ", …" : "")
}
