// What attention needs beside products and softmax. See MatrixProduct.swift for the rules that this code keeps to.

import TouchstoneCPU

private let panelWidth = 16

/// Adds to row r of y (r from 1 on) what its own last r keys contribute: y[r] ← y[r] + Σ x[r, k]·v[k], k = 0 … r − 1.
///
/// The end of causal attention, where each row sees one key more than the one above. Each result goes on with its
/// chain over k in order: y ← x[k]·v[k] + y, each step rounded once. `panelCount` is even; rows of y have room for
/// whole panels.
@inline(never)
public func multiplyTriangle(
  _ x: UnsafePointer<Float>, rowStride xStride: Int, rows: Int,
  panels: UnsafePointer<Float>, panelStride: Int, panelCount: Int,
  result y: UnsafeMutablePointer<Float>, resultStride yStride: Int
) {
  var row = 1
  while row < rows {
    let factors = x + row * xStride
    var panel = 0
    while panel + 4 <= panelCount {
      fourPanels(
        factors, count: row, panels + panel * panelStride, panelStride, y + row * yStride + panel * panelWidth
      )
      panel += 4
    }
    if panel < panelCount {
      twoPanels(
        factors, count: row, panels + panel * panelStride, panelStride, y + row * yStride + panel * panelWidth
      )
    }
    row += 1
  }
}

@inline(__always)
private func fourPanels(
  _ x: UnsafePointer<Float>, count: Int, _ v: UnsafePointer<Float>, _ stride: Int,
  _ y: UnsafeMutablePointer<Float>
) {
  var (a, b) = (touchstone_load(y), touchstone_load(y + panelWidth))
  var (c, d) = (touchstone_load(y + 2 * panelWidth), touchstone_load(y + 3 * panelWidth))
  var line = v
  var k = 0
  while k < count {
    let factor = touchstone_lanes(repeating: x[k])
    a = touchstone_multiply_add(factor, touchstone_load(line), a)
    b = touchstone_multiply_add(factor, touchstone_load(line + stride), b)
    c = touchstone_multiply_add(factor, touchstone_load(line + 2 * stride), c)
    d = touchstone_multiply_add(factor, touchstone_load(line + 3 * stride), d)
    line += panelWidth
    k += 1
  }
  touchstone_store(a, y)
  touchstone_store(b, y + panelWidth)
  touchstone_store(c, y + 2 * panelWidth)
  touchstone_store(d, y + 3 * panelWidth)
}

@inline(__always)
private func twoPanels(
  _ x: UnsafePointer<Float>, count: Int, _ v: UnsafePointer<Float>, _ stride: Int,
  _ y: UnsafeMutablePointer<Float>
) {
  var (a, b) = (touchstone_load(y), touchstone_load(y + panelWidth))
  var line = v
  var k = 0
  while k < count {
    let factor = touchstone_lanes(repeating: x[k])
    a = touchstone_multiply_add(factor, touchstone_load(line), a)
    b = touchstone_multiply_add(factor, touchstone_load(line + stride), b)
    line += panelWidth
    k += 1
  }
  touchstone_store(a, y)
  touchstone_store(b, y + panelWidth)
}
