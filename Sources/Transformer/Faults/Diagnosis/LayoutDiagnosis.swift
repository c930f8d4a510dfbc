import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// Differences that change nothing: the right numbers in another layout, or off by what no probability shows.
struct LayoutDiagnosis {
  private let activation: Activation
  /// What the elements along each axis are, in words.
  private let axisNames: [String]
  /// Whether a softmax reads it next.
  private let isScores: Bool
  private let got: Tensor<Double>
  private let want: Tensor<Double>
  /// Queries, keys and values of the layer, each [H, T, d]; empty for other activations.
  private let projections: [Tensor<Double>]
  /// The root mean square by which a right tensor may differ.
  private let noise: Double

  /// Gathers what a finding was judged on; nil where the golden does not hold it.
  init?(of finding: Finding, in capture: any ActivationSource, golden: any ActivationSource) throws {
    let activation = finding.activation
    self.activation = activation
    axisNames = golden.graph.axes(of: activation)?.map(\.name) ?? []
    isScores = golden.graph.operations.contains {
      $0.kind.traits.contains(.softmax) && $0.inputs == [activation]
    }
    guard let shape = capture.storedShape(of: activation), let want = try golden.tensor(activation),
      let count = Self.count(of: shape),
      [want.count, 3 * want.count, want.rowWidth].contains(count)
        || Self.isWider(shape, want.shape) || Self.isWider(want.shape, shape),
      let got = try capture.tensor(activation)
    else { return nil }
    projections = try Self.projections(beside: finding.activation, in: golden)
    self.got = got
    self.want = want
    let floor = try golden.noiseFloor(of: activation)?.values ?? []
    let scale = Self.rootMeanSquare(want.values.filter(\.isFinite))
    // Rounding to float32 is the least that a capture differs by.
    noise = max(10 * Self.rootMeanSquare(floor), scale * 0x1p-20)
  }

  /// Queries, keys and values of the layer of one of them.
  private static func projections(
    beside activation: Activation, in golden: any ActivationSource
  ) throws -> [Tensor<Double>] {
    let parts = ["q", "k", "v"]
    guard let block = activation.block, parts.contains(activation.name) else { return [] }
    return try parts.compactMap { try golden.tensor(Activation($0, in: block)) }
  }

  /// The elements of a shape as a file states it; nil where they are more than can be counted.
  private static func count(of shape: [Int]) -> Int? {
    shape.reduce(Int?.some(1)) { count, extent in
      guard let count else { return nil }
      let (product, overflows) = count.multipliedReportingOverflow(by: extent)
      return overflows ? nil : product
    }
  }

  /// What the difference is; nil where it is none of these.
  var found: LayoutEvidence? {
    if got.count != want.count { return lastPosition ?? fusedProjections ?? padded ?? missing }
    guard got.shape != want.shape || !agrees(want.values) else { return nil }
    return transposed ?? reorderedHeads ?? shiftedRows
  }

  /// One row where one for each token is due: the last.
  private var lastPosition: LayoutEvidence? {
    guard want.shape.count == 2, got.count == want.rowWidth, agrees(Array(want.row(want.rowCount - 1))) else {
      return nil
    }
    return .lastPosition(got.shape, due: want.shape)
  }

  /// Whether a shape is a little more along one axis and the same along the others.
  private static func isWider(_ shape: [Int], _ due: [Int]) -> Bool {
    shape.count == due.count && zip(shape, due).count { $0 != $1 } == 1
      && zip(shape, due).allSatisfy { $0 >= $1 && $0 <= 2 * $1 + 128 }
  }

  /// More along one axis than is due, at its end or its beginning.
  private var padded: LayoutEvidence? {
    guard Self.isWider(got.shape, want.shape), axisNames.count == want.shape.count,
      let axis = want.shape.indices.first(where: { got.shape[$0] != want.shape[$0] })
    else { return nil }
    let (due, stored) = (want.shape[axis], got.shape[axis])
    for first in Set([0, stored - due]).sorted() {
      let values = Self.without(0..<first, first + due..<stored, along: axis, of: got)
      if isNear(values[...], want.values[...]) {
        return .extra(axis: axisNames[axis], count: stored - due, due: due, first: first)
      }
    }
    return nil
  }

  /// Less along one axis than is due: a run is left out at its beginning or its end.
  private var missing: LayoutEvidence? {
    guard Self.isWider(want.shape, got.shape), got.count > 0, axisNames.count == want.shape.count,
      let axis = want.shape.indices.first(where: { got.shape[$0] != want.shape[$0] })
    else { return nil }
    let (due, stored) = (want.shape[axis], got.shape[axis])
    let first = [0, stored].first { first in
      let run = first..<first + due - stored
      return agrees(Self.without(run, due..<due, along: axis, of: want))
    }
    return first.map { .missing(axis: axisNames[axis], count: due - stored, due: due, first: $0) }
  }

  /// The numbers that are left where two runs along an axis, the first before the other, are cut off.
  private static func without(
    _ first: Range<Int>, _ last: Range<Int>, along axis: Int, of tensor: Tensor<Double>
  ) -> [Double] {
    let (extent, inner) = (tensor.shape[axis], tensor.shape[(axis + 1)...].reduce(1, *))
    var left: [Double] = []
    for run in 0..<tensor.count / inner where !first.contains(run % extent) && !last.contains(run % extent) {
      left += tensor.values[run * inner..<(run + 1) * inner]
    }
    return left
  }

  /// Queries, keys and values as one projection made them.
  private var fusedProjections: LayoutEvidence? {
    guard projections.count == 3, projections.allSatisfy({ $0.shape == want.shape }),
      got.count == 3 * want.count
    else { return nil }
    let (heads, tokens) = (want.shape[0], want.shape[1])
    let parts = Array(projections.indices)
    // Of one token: all heads of a part and then the next part, or all parts of a head and then the next head.
    let byPart = parts.flatMap { part in (0..<heads).map { (part, $0) } }
    let byHead = (0..<heads).flatMap { head in parts.map { ($0, head) } }
    let whole = projections.flatMap(\.values)
    if agrees(whole) { return .fusedProjections(axes: "[3, head, token, unit]") }
    for (order, name) in [(byPart, "[token, 3, head, unit]"), (byHead, "[token, head, 3, unit]")] {
      let values = (0..<tokens).flatMap { token in
        order.flatMap { part, head in projections[part].row(head * tokens + token) }
      }
      guard agrees(values) else { continue }
      return .fusedProjections(axes: name)
    }
    return nil
  }

  /// Axes exchanged, with the shape that follows or with another of as many elements.
  private var transposed: LayoutEvidence? {
    let names = axisNames
    guard names.count == want.shape.count else { return nil }
    for order in Self.orders(of: want.shape.count) {
      let values = Self.permuted(want, order)
      guard agrees(values) else { continue }
      if order == Array(want.shape.indices) { return .shape(got.shape, axes: names, due: want.shape) }
      return .axes(
        order.map { names[$0] }, flattened: got.shape.count == want.shape.count ? nil : got.shape, due: names)
    }
    return nil
  }

  /// Heads in another order, whole and each once.
  private var reorderedHeads: LayoutEvidence? {
    guard want.shape.count == 3, got.shape == want.shape, want.shape[0] > 1 else { return nil }
    let size = want.count / want.shape[0]
    // A few numbers may be those of another head by chance.
    guard size >= 4 else { return nil }
    var order: [Int] = []
    for head in 0..<want.shape[0] {
      let found = (0..<want.shape[0]).first { other in
        !order.contains(other)
          && isNear(
            got.values[head * size..<(head + 1) * size], want.values[other * size..<(other + 1) * size])
      }
      guard let found else { return nil }
      order.append(found)
    }
    return .headOrder(order)
  }

  /// A constant for each row of logits or scores, which the softmax takes away again.
  private var shiftedRows: LayoutEvidence? {
    guard isScores, got.shape == want.shape else { return nil }
    var shifted = want.values
    var compared = 0
    for row in 0..<want.rowCount {
      let offsets = (row * want.rowWidth..<(row + 1) * want.rowWidth).filter {
        want.values[$0].isFinite && got.values[$0].isFinite
      }
      let shift =
        offsets.reduce(0) { $0 + got.values[$1] - want.values[$1] } / Double(max(offsets.count, 1))
      for offset in offsets { shifted[offset] += shift }
      compared += offsets.count
    }
    // Any difference is a constant in a row of one.
    guard compared >= 2 * want.rowCount, agrees(shifted) else { return nil }
    return .rowConstant
  }

  // MARK: Comparing

  private func agrees(_ values: [Double]) -> Bool { isNear(got.values[...], values[...]) }

  /// Masked scores may be anything; where both are finite they must be near, and that must be somewhere.
  private func isNear(_ left: ArraySlice<Double>, _ right: ArraySlice<Double>) -> Bool {
    let differences = zip(left, right).compactMap { $0.isFinite && $1.isFinite ? $0 - $1 : nil }
    return differences.count * 3 > left.count && Self.rootMeanSquare(differences) <= noise
  }

  private static func rootMeanSquare(_ values: [Double]) -> Double {
    (values.reduce(0) { $0 + $1 * $1 } / Double(max(values.count, 1))).squareRoot()
  }

  /// The orders of `count` axes, the natural one first.
  private static func orders(of count: Int) -> [[Int]] {
    if count == 0 { return [[]] }
    return orders(of: count - 1).flatMap { order in
      (0..<count).reversed().map { Array(order[..<$0]) + [count - 1] + Array(order[$0...]) }
    }
  }

  /// The values with the axes in another order, row-major.
  private static func permuted(_ tensor: Tensor<Double>, _ order: [Int]) -> [Double] {
    let shape = order.map { tensor.shape[$0] }
    var strides = [Int](repeating: 1, count: tensor.shape.count)
    for axis in strides.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * tensor.shape[axis + 1]
    }
    return (0..<tensor.count).map { offset in
      var (rest, place) = (offset, 0)
      for axis in shape.indices.reversed() {
        place += rest % shape[axis] * strides[order[axis]]
        rest /= shape[axis]
      }
      return tensor.values[place]
    }
  }
}
