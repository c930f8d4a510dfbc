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
  /// Row, count, scale, where the scaled scores go.
  package var softmax:
    @Sendable (UnsafeMutablePointer<Float>, Int, Float, UnsafeMutablePointer<Float>?) -> Void
  package let add:
    @Sendable (UnsafePointer<Float>, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>) -> Void
  package let exponential: Elementwise
  package let geluTanh: Elementwise
  package let geluErf: Elementwise
  package let relu: Elementwise

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

  package init(_ set: InstructionSet) {
    switch set {
    #if arch(x86_64)
      case .avx512: self = .avx512
      case .avx2: self = .avx2
    #endif
    default: self = .baseline
    }
  }

  private static let baseline = Kernels(
    multiply: TouchstoneKernelsBaseline.multiply,
    multiplyTriangle: TouchstoneKernelsBaseline.multiplyTriangle,
    layerNorm: TouchstoneKernelsBaseline.layerNorm,
    softmax: TouchstoneKernelsBaseline.softmax, add: TouchstoneKernelsBaseline.add,
    exponential: TouchstoneKernelsBaseline.exponential, geluTanh: TouchstoneKernelsBaseline.geluTanh,
    geluErf: TouchstoneKernelsBaseline.geluErf, relu: TouchstoneKernelsBaseline.relu,
    multiplyAddRepeatedly: TouchstoneKernelsBaseline.multiplyAddRepeatedly,
    readThrough: TouchstoneKernelsBaseline.readThrough)

  #if arch(x86_64)
    private static let avx2 = Kernels(
      multiply: TouchstoneKernelsAVX2.multiply, multiplyTriangle: TouchstoneKernelsAVX2.multiplyTriangle,
      layerNorm: TouchstoneKernelsAVX2.layerNorm,
      softmax: TouchstoneKernelsAVX2.softmax, add: TouchstoneKernelsAVX2.add,
      exponential: TouchstoneKernelsAVX2.exponential, geluTanh: TouchstoneKernelsAVX2.geluTanh,
      geluErf: TouchstoneKernelsAVX2.geluErf, relu: TouchstoneKernelsAVX2.relu,
      multiplyAddRepeatedly: TouchstoneKernelsAVX2.multiplyAddRepeatedly,
      readThrough: TouchstoneKernelsAVX2.readThrough)

    private static let avx512 = Kernels(
      multiply: TouchstoneKernelsAVX512.multiply, multiplyTriangle: TouchstoneKernelsAVX512.multiplyTriangle,
      layerNorm: TouchstoneKernelsAVX512.layerNorm,
      softmax: TouchstoneKernelsAVX512.softmax, add: TouchstoneKernelsAVX512.add,
      exponential: TouchstoneKernelsAVX512.exponential, geluTanh: TouchstoneKernelsAVX512.geluTanh,
      geluErf: TouchstoneKernelsAVX512.geluErf, relu: TouchstoneKernelsAVX512.relu,
      multiplyAddRepeatedly: TouchstoneKernelsAVX512.multiplyAddRepeatedly,
      readThrough: TouchstoneKernelsAVX512.readThrough)
  #endif
}

extension Kernels {
  private init(
    multiply:
      @escaping @Sendable (
        UnsafePointer<Float>, Int, Int, Int, UnsafePointer<Float>, Int, Int, UnsafePointer<Float>, Int,
        UnsafeMutablePointer<Float>, Int
      ) -> Void,
    multiplyTriangle:
      @escaping @Sendable (
        UnsafePointer<Float>, Int, Int, UnsafePointer<Float>, Int, Int, UnsafeMutablePointer<Float>, Int
      ) -> Void,
    layerNorm:
      @escaping @Sendable (
        UnsafePointer<Float>, Int, UnsafePointer<Float>, UnsafePointer<Float>, Float,
        UnsafeMutablePointer<Float>
      ) -> Void,
    softmax:
      @escaping @Sendable (
        UnsafeMutablePointer<Float>, Int, Float, UnsafeMutablePointer<Float>?
      ) -> Void,
    add:
      @escaping @Sendable (
        UnsafePointer<Float>, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>
      ) -> Void,
    exponential: @escaping Elementwise, geluTanh: @escaping Elementwise, geluErf: @escaping Elementwise,
    relu: @escaping Elementwise, multiplyAddRepeatedly: @escaping @Sendable (Int, Float, Float) -> Int,
    readThrough: @escaping @Sendable (UnsafePointer<Float>, Int) -> Float
  ) {
    self.multiply = multiply
    self.multiplyTriangle = multiplyTriangle
    self.layerNorm = layerNorm
    self.softmax = softmax
    self.add = add
    self.exponential = exponential
    self.geluTanh = geluTanh
    self.geluErf = geluErf
    self.relu = relu
    self.multiplyAddRepeatedly = multiplyAddRepeatedly
    self.readThrough = readThrough
  }
}
