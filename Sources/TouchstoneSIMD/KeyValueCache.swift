/// The heads of keys and values that one attention keeps.
struct HeadShape: Hashable, Sendable {
  /// Heads of keys, and of values.
  let count: Int
  /// Numbers of a key.
  let width: Int
  /// Numbers of a value.
  let valueWidth: Int

  init(count: Int, width: Int, valueWidth: Int? = nil) {
    self.count = count
    self.width = width
    self.valueWidth = valueWidth ?? width
  }

  var keyPanelStride: Int { width * Kernels.panelWidth }
  var valuePanelCount: Int { PackedMatrix.panelCount(valueWidth) }
}

/// The keys and values of the tokens so far, laid out as the matrix product wants them.
///
/// The keys of one head are a matrix [d, keys] in panels of 16 keys, so that q·k for 16 keys is one step of
/// the product; the values of one head are a matrix [keys, d] in panels of 16 columns.
final class KeyValueCache: @unchecked Sendable {
  let capacity: Int
  /// By layer: the number of the attention.
  private let shapes: [HeadShape]
  private let keys: [AlignedBuffer]
  private let values: [AlignedBuffer]
  /// Keys that nobody may attend to; empty where there are none.
  let masked: [Bool]

  init(_ shapes: [HeadShape], capacity: Int, attentionMask: [Bool]? = nil) {
    let capacity = roundedUp(max(capacity, 1), to: Kernels.pairWidth)
    self.capacity = capacity
    self.shapes = shapes
    masked = attentionMask.map { $0.contains(false) ? $0.map { !$0 } : [] } ?? []
    keys = shapes.map { AlignedBuffer(count: $0.count * $0.width * capacity) }
    values = shapes.map {
      AlignedBuffer(count: $0.count * $0.valuePanelCount * Kernels.panelWidth * capacity)
    }
  }

  var valuePanelStride: Int { capacity * Kernels.panelWidth }

  /// The key panels of one head.
  func keyPanels(layer: Int, head: Int) -> UnsafeMutablePointer<Float> {
    keys[layer].base + head * shapes[layer].width * capacity
  }

  /// The value panels of one head.
  func valuePanels(layer: Int, head: Int) -> UnsafeMutablePointer<Float> {
    values[layer].base + head * shapes[layer].valuePanelCount * valuePanelStride
  }

  /// Stores one head's keys and values of the `count` tokens from position `first` on, rows as far apart as the strides say.
  ///
  /// The value of a masked token is stored as zeros: its probability is 0, and 0·∞ would not be.
  func store(
    layer: Int, head: Int, first: Int, count: Int, keys: UnsafePointer<Float>, keyStride: Int,
    values: UnsafePointer<Float>, valueStride: Int
  ) {
    let width = Kernels.panelWidth
    let (headWidth, keyPanelStride) = (shapes[layer].width, shapes[layer].keyPanelStride)
    let valueWidth = shapes[layer].valueWidth
    let (keyPanels, valuePanels) = (
      keyPanels(layer: layer, head: head), valuePanels(layer: layer, head: head)
    )
    // A panel of keys at a time: each line of it is written whole and once, where it can be.
    var row = 0
    while row < count {
      let (panel, column) = (first + row).quotientAndRemainder(dividingBy: width)
      let rows = min(width - column, count - row)
      let (source, target) = (keys + row * keyStride, keyPanels + panel * keyPanelStride + column)
      if rows == width {
        transpose(source, keyStride, width: headWidth, to: target)
      } else {
        for index in 0..<headWidth {
          for line in 0..<rows { target[index * width + line] = source[line * keyStride + index] }
        }
      }
      row += rows
    }
    for row in 0..<count {
      let (source, target) = (values + row * valueStride, valuePanels + (first + row) * width)
      for start in Swift.stride(from: 0, to: valueWidth, by: width) {
        let panel = target + start / width * valuePanelStride
        if !masked.isEmpty && masked[first + row] {
          panel.update(repeating: 0, count: min(width, valueWidth - start))
        } else if valueWidth - start >= width {
          UnsafeMutableRawPointer(panel).storeBytes(
            of: UnsafeRawPointer(source + start).loadUnaligned(as: SIMD16<Float>.self), as: SIMD16<Float>.self
          )
        } else {
          panel.update(from: source + start, count: valueWidth - start)
        }
      }
    }
  }

  /// Sixteen rows, `stride` apart, become the lines of a panel of keys.
  private func transpose(
    _ source: UnsafePointer<Float>, _ stride: Int, width headWidth: Int, to panel: UnsafeMutablePointer<Float>
  ) {
    let whole = headWidth / 4 * 4
    // Four by four: each of four rows gives its even and its odd columns, and each pair of those its own.
    for index in Swift.stride(from: 0, to: whole, by: 4) {
      for row in Swift.stride(from: 0, to: Kernels.panelWidth, by: 4) {
        func load(_ line: Int) -> SIMD4<Float> {
          UnsafeRawPointer(source + (row + line) * stride + index).loadUnaligned(as: SIMD4<Float>.self)
        }
        func store(_ column: SIMD4<Float>, _ place: Int) {
          UnsafeMutableRawPointer(panel + (index + place) * Kernels.panelWidth + row)
            .storeBytes(of: column, as: SIMD4<Float>.self)
        }
        let upper = SIMD8(lowHalf: load(0), highHalf: load(1))
        let lower = SIMD8(lowHalf: load(2), highHalf: load(3))
        let even = SIMD8(lowHalf: upper.evenHalf, highHalf: lower.evenHalf)
        let odd = SIMD8(lowHalf: upper.oddHalf, highHalf: lower.oddHalf)
        store(even.evenHalf, 0)
        store(odd.evenHalf, 1)
        store(even.oddHalf, 2)
        store(odd.oddHalf, 3)
      }
    }
    for index in whole..<headWidth {
      let (column, line) = (source + index, panel + index * Kernels.panelWidth)
      for row in 0..<Kernels.panelWidth { line[row] = column[row * stride] }
    }
  }

  /// Copies the first `count` tokens of a smaller cache of the same model.
  func copy(_ other: KeyValueCache, count: Int) {
    let usedPanels = PackedMatrix.panelCount(count)
    for (layer, shape) in shapes.enumerated() {
      for head in 0..<shape.count {
        keyPanels(layer: layer, head: head)
          .update(from: other.keyPanels(layer: layer, head: head), count: usedPanels * shape.keyPanelStride)
        for panel in 0..<shape.valuePanelCount {
          (valuePanels(layer: layer, head: head) + panel * valuePanelStride).update(
            from: other.valuePanels(layer: layer, head: head) + panel * other.valuePanelStride,
            count: count * Kernels.panelWidth)
        }
      }
    }
  }
}
