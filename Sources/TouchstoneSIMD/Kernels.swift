import TouchstoneGraph
import TouchstoneKernelsBaseline

#if arch(x86_64)
  import TouchstoneKernelsAVX2
  import TouchstoneKernelsAVX512
#endif

/// The inner loops of one instruction set; the kernel modules say what each computes, and in which order.
package struct Kernels: Sendable {
  package typealias Elementwise = @Sendable (UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>) -> Void

  /// Columns of a packed panel; one row of it is a cache line.
  package static let panelWidth = 16
  /// Columns of two panels: products compute no fewer, so that every matrix has an even number of panels.
  package static let pairWidth = 32

  /// x, row stride, rows, depth, panels, panel stride, panel count, start, start stride, y, row stride.
  package let multiply:
    @Sendable (
      UnsafePointer<Float>, Int, Int, Int, UnsafePointer<Float>, Int, Int, UnsafePointer<Float>, Int,
      UnsafeMutablePointer<Float>, Int
    ) -> Void
  /// x, row stride, rows, panels, panel stride, panel count, y, row stride.
  package let multiplyTriangle:
    @Sendable (
      UnsafePointer<Float>, Int, Int, UnsafePointer<Float>, Int, Int, UnsafeMutablePointer<Float>, Int
    ) -> Void
  /// x, count, weight, bias, epsilon, y.
  package let layerNorm:
    @Sendable (
      UnsafePointer<Float>, Int, UnsafePointer<Float>, UnsafePointer<Float>, Float,
      UnsafeMutablePointer<Float>
    ) -> Void
  /// x, count, weight, epsilon, y.
  package let rmsNorm:
    @Sendable (UnsafePointer<Float>, Int, UnsafePointer<Float>, Float, UnsafeMutablePointer<Float>) -> Void
  /// Row, count, scale, where the scaled scores go.
  package var softmax:
    @Sendable (UnsafeMutablePointer<Float>, Int, Float, UnsafeMutablePointer<Float>?) -> Void
  package let add:
    @Sendable (UnsafePointer<Float>, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>) -> Void
  /// a, b, count, y.
  package let multiplyElements:
    @Sendable (UnsafePointer<Float>, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>) -> Void
  /// The first numbers of the pairs, the second ones, how many pairs, cosines, sines.
  package let rotate:
    @Sendable (
      UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, Int, UnsafePointer<Float>,
      UnsafePointer<Float>
    ) -> Void
  package let exponential: Elementwise
  package let geluTanh: Elementwise
  package let geluErf: Elementwise
  package let relu: Elementwise
  package let reluSquared: Elementwise
  package let silu: Elementwise
  package let quickGELU: Elementwise
  package let sigmoid: Elementwise
  package let tanh: Elementwise
  /// Values, count, scale, cap, where the scaled values go.
  package let softCap:
    @Sendable (UnsafeMutablePointer<Float>, Int, Float, Float, UnsafeMutablePointer<Float>?) -> Void

  /// The scores of one row over its first keys, and which of all keys nobody may attend to: those become −∞.
  package var mask: @Sendable (_ row: UnsafeMutablePointer<Float>, _ keys: Int, _ masked: [Bool]) -> Void = {
    row, keys, masked in
    for key in 0..<keys where masked[key] { row[key] = -.infinity }
  }
  /// Copies every `stride`-th of `count` values: the embedding of a token out of a table, or a packed matrix.
  package var gather:
    @Sendable (_ first: UnsafePointer<Float>, _ stride: Int, _ count: Int, _ row: UnsafeMutablePointer<Float>)
      -> Void = {
        first, stride, count, row in
        if stride == 1 {
          row.update(from: first, count: count)
        } else {
          for index in 0..<count { row[index] = first[index * stride] }
        }
      }

  /// At least how many, factor, term; how many were made.
  let multiplyAddRepeatedly: @Sendable (Int, Float, Float) -> Int
  /// Values, a multiple of 64 of them; their sum.
  let readThrough: @Sendable (UnsafePointer<Float>, Int) -> Float

  private static let baseline = Kernels(
    multiply: TouchstoneKernelsBaseline.multiply,
    multiplyTriangle: TouchstoneKernelsBaseline.multiplyTriangle,
    layerNorm: TouchstoneKernelsBaseline.layerNorm, rmsNorm: TouchstoneKernelsBaseline.rmsNorm,
    softmax: TouchstoneKernelsBaseline.softmax, add: TouchstoneKernelsBaseline.add,
    multiplyElements: TouchstoneKernelsBaseline.multiplyElements, rotate: TouchstoneKernelsBaseline.rotate,
    exponential: TouchstoneKernelsBaseline.exponential, geluTanh: TouchstoneKernelsBaseline.geluTanh,
    geluErf: TouchstoneKernelsBaseline.geluErf, relu: TouchstoneKernelsBaseline.relu,
    reluSquared: TouchstoneKernelsBaseline.reluSquared, silu: TouchstoneKernelsBaseline.silu,
    quickGELU: TouchstoneKernelsBaseline.quickGELU, sigmoid: TouchstoneKernelsBaseline.sigmoid,
    tanh: TouchstoneKernelsBaseline.tanh, softCap: TouchstoneKernelsBaseline.softCap,
    multiplyAddRepeatedly: TouchstoneKernelsBaseline.multiplyAddRepeatedly,
    readThrough: TouchstoneKernelsBaseline.readThrough)

  #if arch(x86_64)
    private static let avx2 = Kernels(
      multiply: TouchstoneKernelsAVX2.multiply, multiplyTriangle: TouchstoneKernelsAVX2.multiplyTriangle,
      layerNorm: TouchstoneKernelsAVX2.layerNorm, rmsNorm: TouchstoneKernelsAVX2.rmsNorm,
      softmax: TouchstoneKernelsAVX2.softmax, add: TouchstoneKernelsAVX2.add,
      multiplyElements: TouchstoneKernelsAVX2.multiplyElements, rotate: TouchstoneKernelsAVX2.rotate,
      exponential: TouchstoneKernelsAVX2.exponential, geluTanh: TouchstoneKernelsAVX2.geluTanh,
      geluErf: TouchstoneKernelsAVX2.geluErf, relu: TouchstoneKernelsAVX2.relu,
      reluSquared: TouchstoneKernelsAVX2.reluSquared, silu: TouchstoneKernelsAVX2.silu,
      quickGELU: TouchstoneKernelsAVX2.quickGELU, sigmoid: TouchstoneKernelsAVX2.sigmoid,
      tanh: TouchstoneKernelsAVX2.tanh, softCap: TouchstoneKernelsAVX2.softCap,
      multiplyAddRepeatedly: TouchstoneKernelsAVX2.multiplyAddRepeatedly,
      readThrough: TouchstoneKernelsAVX2.readThrough)

    private static let avx512 = Kernels(
      multiply: TouchstoneKernelsAVX512.multiply, multiplyTriangle: TouchstoneKernelsAVX512.multiplyTriangle,
      layerNorm: TouchstoneKernelsAVX512.layerNorm, rmsNorm: TouchstoneKernelsAVX512.rmsNorm,
      softmax: TouchstoneKernelsAVX512.softmax, add: TouchstoneKernelsAVX512.add,
      multiplyElements: TouchstoneKernelsAVX512.multiplyElements, rotate: TouchstoneKernelsAVX512.rotate,
      exponential: TouchstoneKernelsAVX512.exponential, geluTanh: TouchstoneKernelsAVX512.geluTanh,
      geluErf: TouchstoneKernelsAVX512.geluErf, relu: TouchstoneKernelsAVX512.relu,
      reluSquared: TouchstoneKernelsAVX512.reluSquared, silu: TouchstoneKernelsAVX512.silu,
      quickGELU: TouchstoneKernelsAVX512.quickGELU, sigmoid: TouchstoneKernelsAVX512.sigmoid,
      tanh: TouchstoneKernelsAVX512.tanh, softCap: TouchstoneKernelsAVX512.softCap,
      multiplyAddRepeatedly: TouchstoneKernelsAVX512.multiplyAddRepeatedly,
      readThrough: TouchstoneKernelsAVX512.readThrough)
  #endif
}

extension Kernels {
  package init(_ set: InstructionSet) {
    switch set {
    #if arch(x86_64)
      case .avx512: self = .avx512
      case .avx2: self = .avx2
    #endif
    default: self = .baseline
    }
  }

  /// The kernel of a nonlinearity.
  func function(_ function: ActivationFunction.Function) -> Elementwise {
    switch function {
    // √(2/π) in fewer digits is the same float32, or the next one.
    case .geluTanh, .geluFast, .geluBloom: geluTanh
    case .geluErf: geluErf
    case .quickGELU: quickGELU
    case .relu: relu
    case .reluSquared: reluSquared
    case .silu: silu
    case .sigmoid: sigmoid
    case .tanh: tanh
    }
  }
}
