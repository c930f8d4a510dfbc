// What attention needs beside products and softmax.

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
    addProduct(
      x + row * xStride, depth: row, panels: (panels, panelStride), panelCount: panelCount,
      to: y + row * yStride)
    row += 1
  }
}
