import TouchstoneModel

/// The order in which the elements of an array follow each other in memory.
struct AxisOrder: Sendable, Equatable {
  /// The axes, the outermost first; of attention 0 for heads, 1 for tokens, 2 for units.
  let axes: [Int]

  /// Those of heads, tokens and units.
  static let all = [[0, 1, 2], [1, 0, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map(
    AxisOrder.init(axes:))
  static let byToken = AxisOrder(axes: [1, 0, 2])

  /// Those of so many axes, the natural one first.
  static func all(of count: Int) -> [AxisOrder] {
    guard count > 0 else { return [AxisOrder(axes: [])] }
    return all(of: count - 1).flatMap { order in
      (0..<count).reversed().map { place in
        AxisOrder(axes: order.axes[..<place] + [count - 1] + order.axes[place...])
      }
    }
  }

  /// “[token, head, unit]”.
  func inWords(_ names: [String] = ["head", "token", "unit"]) -> String {
    "[" + axes.map { names[$0] }.joined(separator: ", ") + "]"
  }

  /// Where an element stands.
  func offset(_ index: [Int], _ extents: [Int]) -> Int {
    axes.reduce(0) { $0 * extents[$1] + index[$1] }
  }

  /// Which element stands at a place.
  func index(of offset: Int, _ extents: [Int]) -> [Int] {
    var (index, rest) = ([Int](repeating: 0, count: axes.count), offset)
    for axis in axes.reversed() {
      index[axis] = rest % extents[axis]
      rest /= extents[axis]
    }
    return index
  }
}

/// A buffer that is written in one order of axes and read as if it were in another.
struct Misreading: Sendable {
  let written: AxisOrder
  let read: AxisOrder

  /// All there are, those that occur most first.
  static let all: [Misreading] = AxisOrder.all.flatMap { written in
    AxisOrder.all.filter { $0 != written }.map { Misreading(written: written, read: $0) }
  }.sorted { $0.rank < $1.rank }

  private var rank: Int {
    AxisOrder.all.firstIndex { $0 == written }! + AxisOrder.all.firstIndex { $0 == read }!
  }

  /// Which element is read for one of [H, T, d].
  func source(_ index: [Int], _ extents: [Int]) -> [Int] {
    written.index(of: read.offset(index, extents), extents)
  }

  /// The tensor [H, T, d] that is read.
  func applied(to tensor: Tensor<Double>) -> Tensor<Double> {
    let values = tensor.values.indices.map { offset -> Double in
      let from = source(tensor.index(of: offset), tensor.shape)
      return tensor[from[0], from[1], from[2]]
    }
    return Tensor(values, shape: tensor.shape)
  }

  /// The same of any array, whose axes have these names.
  func inWords(_ names: [String] = ["head", "token", "unit"]) -> String {
    "\(written.inWords(names)) is read as \(read.inWords(names)), without transposing"
  }

  /// What happens to some tensor, in words.
  func inWords(heads: Int) -> String {
    if written == .byToken, read.axes == [1, 2, 0] {
      return "heads are cut with a stride (column c belongs to head c mod \(heads))"
    }
    if written.axes == [1, 2, 0], read == .byToken { return "heads are joined column by column" }
    return inWords()
  }
}
