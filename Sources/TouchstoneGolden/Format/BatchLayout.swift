import Foundation
import TouchstoneGraph
import TouchstoneModel

/// Where the numbers of several sequences stand in a file, and where the program has them.
///
/// A file has an axis for the sequences in front, [B, H, T, T]; the program has them one behind the other, [H, B·T, B·T],
/// where pairs of tokens of different sequences stand for nothing.
struct BatchLayout {
  /// The extents in a file.
  let shape: [Int]
  private let axes: [Axis]
  private let packedShape: [Int]
  private let sequenceCount: Int

  /// The layout of an activation; nil where there is one sequence, or the activation has no axis of tokens.
  init?(of activation: Activation, in graph: Graph, _ inputs: Inputs) {
    self.init(of: activation, in: graph, tokenCount: inputs.count, sequenceCount: inputs.sequenceCount)
  }

  init?(of activation: Activation, in graph: Graph, tokenCount: Int, sequenceCount: Int) {
    guard sequenceCount > 1, let axes = graph.axes(of: activation), axes.contains(where: Self.isOfTokens)
    else { return nil }
    self.axes = axes
    self.sequenceCount = sequenceCount
    packedShape = axes.shape(tokenCount: tokenCount)
    shape = [sequenceCount] + axes.shape(tokenCount: tokenCount / sequenceCount)
  }

  private static func isOfTokens(_ axis: Axis) -> Bool {
    switch axis {
    case .token, .query, .key: true
    case .rows, .sourceKey, .head, .unit, .slot, .frame, .row, .vocabulary: false
    }
  }

  /// As the program has it; what pairs tokens of different sequences is 0.
  func packed(_ tensor: StoredTensor) -> StoredTensor {
    let size = tensor.type.byteCount
    var bytes = Data(count: packedShape.reduce(size, *))
    copy(tensor.bytes, to: &bytes, size) { place, packed in (place, packed) }
    return StoredTensor(type: tensor.type, shape: packedShape, bytes: bytes)
  }

  /// As a file has it.
  func batched(_ tensor: StoredTensor) -> StoredTensor {
    let size = tensor.type.byteCount
    var bytes = Data(count: shape.reduce(size, *))
    copy(tensor.bytes, to: &bytes, size) { place, packed in (packed, place) }
    return StoredTensor(type: tensor.type, shape: shape, bytes: bytes)
  }

  /// Copies every number of the file's layout.
  ///
  /// - Parameter ends: from where to where, of its place in a file and in the program.
  private func copy(_ source: Data, to target: inout Data, _ size: Int, _ ends: (Int, Int) -> (Int, Int)) {
    var strides = [Int](repeating: 1, count: axes.count)
    for axis in axes.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * packedShape[axis + 1]
    }
    for place in 0..<shape.reduce(1, *) {
      var (rest, packed, sequence) = (place, 0, place)
      for axis in axes.indices { sequence /= shape[axis + 1] }
      for axis in axes.indices.reversed() {
        let (next, index) = rest.quotientAndRemainder(dividingBy: shape[axis + 1])
        let shift = Self.isOfTokens(axes[axis]) ? sequence * shape[axis + 1] : 0
        packed += (index + shift) * strides[axis]
        rest = next
      }
      let (from, to) = ends(place, packed)
      for byte in 0..<size { target[to * size + byte] = source[source.startIndex + from * size + byte] }
    }
  }
}
