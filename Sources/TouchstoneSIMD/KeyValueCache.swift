import TouchstoneModel

/// The keys and values of the tokens so far, laid out as the matrix product wants them.
///
/// The keys of one head are a matrix [d, keys] in panels of 16 keys, so that q·k for 16 keys is one step of
/// the product; the values of one head are a matrix [keys, d] in panels of 16 columns.
final class KeyValueCache: @unchecked Sendable {
  let headCount: Int
  let headWidth: Int
  let capacity: Int
  private let keys: [AlignedBuffer]
  private let values: [AlignedBuffer]
  /// Keys that nobody may attend to; empty where there are none.
  let masked: [Bool]

  init(_ configuration: Configuration, capacity: Int, attentionMask: [Bool]? = nil) {
    let capacity = roundedUp(max(capacity, 1), to: Kernels.pairWidth)
    let (heads, width) = (configuration.headCount, configuration.headWidth)
    let panels = PackedMatrix.panelCount(width)
    self.capacity = capacity
    headCount = heads
    headWidth = width
    masked = attentionMask.map { $0.contains(false) ? $0.map { !$0 } : [] } ?? []
    keys = (0..<configuration.layerCount).map { _ in AlignedBuffer(count: heads * width * capacity) }
    values = (0..<configuration.layerCount).map { _ in
      AlignedBuffer(count: heads * panels * Kernels.panelWidth * capacity)
    }
  }

  var keyPanelStride: Int { headWidth * Kernels.panelWidth }
  var valuePanelStride: Int { capacity * Kernels.panelWidth }
  var valuePanelCount: Int { PackedMatrix.panelCount(headWidth) }

  /// The key panels of one head.
  func keyPanels(layer: Int, head: Int) -> UnsafeMutablePointer<Float> {
    keys[layer].base + head * headWidth * capacity
  }

  /// The value panels of one head.
  func valuePanels(layer: Int, head: Int) -> UnsafeMutablePointer<Float> {
    values[layer].base + head * valuePanelCount * valuePanelStride
  }

  /// Stores one head's key and value of the token at `position`.
  ///
  /// The value of a masked token is stored as zeros: its probability is 0, and 0·∞ would not be.
  func store(
    layer: Int, head: Int, position: Int, key: UnsafePointer<Float>, value: UnsafePointer<Float>
  ) {
    let (panel, column) = position.quotientAndRemainder(dividingBy: Kernels.panelWidth)
    let keyColumn = keyPanels(layer: layer, head: head) + panel * keyPanelStride + column
    for index in 0..<headWidth { keyColumn[index * Kernels.panelWidth] = key[index] }

    let valueRow = valuePanels(layer: layer, head: head) + position * Kernels.panelWidth
    for first in stride(from: 0, to: headWidth, by: Kernels.panelWidth) {
      let target = valueRow + first / Kernels.panelWidth * valuePanelStride
      let count = min(Kernels.panelWidth, headWidth - first)
      if !masked.isEmpty && masked[position] {
        target.update(repeating: 0, count: count)
      } else {
        target.update(from: value + first, count: count)
      }
    }
  }

  /// Copies the first `count` tokens of a smaller cache of the same model.
  func copy(_ other: KeyValueCache, count: Int) {
    let usedPanels = PackedMatrix.panelCount(count)
    for layer in keys.indices {
      for head in 0..<headCount {
        keyPanels(layer: layer, head: head)
          .update(from: other.keyPanels(layer: layer, head: head), count: usedPanels * keyPanelStride)
        for panel in 0..<valuePanelCount {
          (valuePanels(layer: layer, head: head) + panel * valuePanelStride).update(
            from: other.valuePanels(layer: layer, head: head) + panel * other.valuePanelStride,
            count: count * Kernels.panelWidth)
        }
      }
    }
  }
}
