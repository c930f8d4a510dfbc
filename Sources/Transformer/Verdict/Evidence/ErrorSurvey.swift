import Foundation
import TouchstoneGraph
import TouchstoneModel

/// How the errors of one operation are spread over its elements, for people to look at: bounded in size, whatever the
/// operation's.
///
/// Every error is given over its bound: `stat`, or what the element's row may stray where rows are held against noise.
public struct ErrorSurvey: Sendable, Equatable {
  /// What an error is divided by.
  public enum Unit: Sendable, Equatable {
    /// The element's own bound.
    case bound
    /// What noise may do to its row, which the root mean square of the row must not exceed; one element may.
    case rowNoise
  }

  /// One element as it was compared.
  public struct Element: Sendable, Equatable {
    /// Its coordinates.
    public let index: [Int]
    /// The captured value.
    public let got: Double
    /// What the definition gives from the capture's own inputs.
    public let want: Double
    /// What its error is divided by.
    public let bound: Double
    /// The error over the bound: infinite where one of the two is not finite; nil where the element is not judged.
    public let ratio: Double?
  }

  /// An element and its neighbours along the last axis, itself among them.
  public struct Place: Sendable, Equatable {
    /// The element.
    public let element: Element
    /// It and those beside it, in order.
    public let neighbours: [Element]
  }

  /// The greatest error over its bound along one axis.
  public struct Profile: Sendable, Equatable {
    /// What the places along the axis are, such as `token`.
    public let axis: String
    /// How many places there are.
    public let extent: Int
    /// How many neighbouring places share one value.
    public let step: Int
    /// One value for each `step` places; below 0 where nothing is judged.
    public let values: [Double]
  }

  /// The greatest error over its bound along two axes, over all others.
  public struct Map: Sendable, Equatable {
    /// The axis of the rows, its values left empty.
    public let rows: Profile
    /// The axis of the columns, its values left empty.
    public let columns: Profile
    /// Row by row; below 0 where nothing is judged.
    public let values: [Double]
  }

  /// What errors are divided by.
  public let unit: Unit
  /// How many elements were judged.
  public let count: Int
  /// How many of them have no error.
  public let exactCount: Int
  /// How many have an error over its bound above 2^k and at most 2^(k+1), for each k of ``powers``; what is smaller and not
  /// exact counts to the first, what is greater to the last.
  public let histogram: [Int]
  /// The powers of two of ``histogram``.
  public static let powers = -10..<16
  /// The worst element of each of the worst rows, the worst first.
  public let worst: [Place]
  /// One for each axis, heads apart from the columns that they share.
  public let profiles: [Profile]
  /// Queries by keys, heads by tokens, or tokens by columns; nil for fewer than two axes.
  public let map: Map?

  private static let worstCount = 4
  private static let neighbourReach = 2
  private static let profileLength = 96
  private static let mapExtents = (rows: 32, columns: 64)

  /// Looks at every element once.
  ///
  /// - Parameters:
  ///   - axes: what the elements along each axis of `got` are; empty where that is not known.
  ///   - headCount: into how many heads the last axis is divided; nil where it is not.
  ///   - bound: what the error at an offset is divided by.
  init(
    unit: Unit = .bound, got: Tensor<Double>, want: Tensor<Double>, axes: [Axis], headCount: Int? = nil,
    isJudged: (Int) -> Bool, bound: (Int) -> Double
  ) {
    func ratio(_ offset: Int) -> Double? {
      guard isJudged(offset) else { return nil }
      let (got, want) = (got.values[offset], want.values[offset])
      if got == want { return 0 }
      // Neither says what is right.
      if !got.isFinite, !want.isFinite { return nil }
      let ratio = abs(got - want) / bound(offset)
      return ratio.isNaN ? .infinity : ratio
    }
    func element(_ offset: Int) -> Element {
      Element(
        index: got.index(of: offset), got: got.values[offset], want: want.values[offset],
        bound: bound(offset), ratio: ratio(offset))
    }
    let lines = Line.all(of: got.shape, axes: axes, headCount: headCount)
      .map { $0.binned(to: Self.profileLength) }
    var profiles = lines.map { Greatest(count: $0.binCount) }
    let pair = Line.pair(of: lines).map {
      ($0.binned(to: Self.mapExtents.rows), $1.binned(to: Self.mapExtents.columns))
    }
    var map = Greatest(count: pair.map { $0.binCount * $1.binCount } ?? 0)
    var histogram = [Int](repeating: 0, count: Self.powers.count)
    var (count, exactCount) = (0, 0)
    var leaders: [(ratio: Double, offset: Int)] = []
    for row in 0..<got.rowCount {
      var leader: (ratio: Double, offset: Int)?
      for offset in row * got.rowWidth..<(row + 1) * got.rowWidth {
        guard let ratio = ratio(offset) else { continue }
        count += 1
        if ratio == 0 { exactCount += 1 } else { histogram[Self.bin(of: ratio)] += 1 }
        for place in lines.indices { profiles[place].take(ratio, at: lines[place].bin(of: offset)) }
        if let (rows, columns) = pair {
          map.take(ratio, at: rows.bin(of: offset) * columns.binCount + columns.bin(of: offset))
        }
        if ratio > leader?.ratio ?? -1 { leader = (ratio, offset) }
      }
      guard let leader else { continue }
      leaders.insert(leader, at: leaders.firstIndex { $0.ratio < leader.ratio } ?? leaders.count)
      if leaders.count > Self.worstCount { leaders.removeLast() }
    }
    self.unit = unit
    (self.count, self.exactCount, self.histogram) = (count, exactCount, histogram)
    worst = leaders.map { leader in
      let row = leader.offset / got.rowWidth * got.rowWidth
      let first = max(row, leader.offset - Self.neighbourReach)
      let last = min(row + got.rowWidth - 1, leader.offset + Self.neighbourReach)
      return Place(element: element(leader.offset), neighbours: (first...last).map(element))
    }
    self.profiles = zip(lines, profiles).map { $0.profile($1.values) }
    self.map = pair.map { Map(rows: $0.profile([]), columns: $1.profile([]), values: map.values) }
  }

  private static func bin(of ratio: Double) -> Int {
    guard ratio.isFinite else { return powers.count - 1 }
    // The least k with ratio ≤ 2^(k+1).
    let power = Int(Foundation.log2(ratio).rounded(.up)) - 1
    return min(max(power, powers.lowerBound), powers.upperBound - 1) - powers.lowerBound
  }

  /// The greatest of what falls into each of some bins; below 0 where nothing does.
  private struct Greatest {
    private(set) var values: [Double]

    init(count: Int) { values = [Double](repeating: -1, count: count) }

    mutating func take(_ ratio: Double, at bin: Int) { values[bin] = max(values[bin], ratio) }
  }
}

/// One axis of a tensor, its places taken together by `step`.
private struct Line {
  let name: String
  let extent: Int
  /// How far apart neighbouring places are in the tensor.
  let stride: Int
  var step = 1

  var binCount: Int { (extent + step - 1) / step }

  func bin(of offset: Int) -> Int { offset / stride % extent / step }

  func binned(to greatest: Int) -> Line {
    var line = self
    line.step = max(1, (extent + greatest - 1) / greatest)
    return line
  }

  func profile(_ values: [Double]) -> ErrorSurvey.Profile {
    ErrorSurvey.Profile(axis: name, extent: extent, step: step, values: values)
  }

  /// The axes of a tensor, outermost first, the last one divided where its columns belong to heads.
  static func all(of shape: [Int], axes: [Axis], headCount: Int?) -> [Line] {
    var lines = shape.indices.map { axis in
      Line(
        name: axes.count == shape.count ? axes[axis].name : "axis \(axis)", extent: max(1, shape[axis]),
        stride: shape[(axis + 1)...].reduce(1) { $0 * max(1, $1) })
    }
    if let headCount, let last = lines.popLast() {
      let width = last.extent / headCount
      lines.append(Line(name: "head", extent: headCount, stride: width))
      lines.append(Line(name: last.name, extent: width, stride: 1))
    }
    return lines
  }

  /// The two axes that say most together.
  static func pair(of lines: [Line]) -> (Line, Line)? {
    guard lines.count > 1 else { return nil }
    let last = lines[lines.count - 1]
    if lines.count == 2 || last.name == "key" { return (lines[lines.count - 2], last) }
    let (first, second) = (lines[lines.count - 3], lines[lines.count - 2])
    // Tokens run along the columns, as text does.
    return first.name == "token" ? (second, first) : (first, second)
  }
}
