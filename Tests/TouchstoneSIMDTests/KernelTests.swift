import Testing
import TouchstoneGraph
import TouchstoneModel
import TouchstoneTestSupport

@testable import TouchstoneSIMD

/// Memory that begins `offset` floats after a cache line, with a guard value on both sides.
private final class Guarded {
  static let sentinel: Float = -12345.678
  let base: UnsafeMutablePointer<Float>
  let count: Int
  private let allocation: UnsafeMutableRawPointer
  private static let margin = 64

  init(_ values: [Float], offset: Int = 1) {
    count = values.count
    let total = count + 2 * Self.margin + offset
    allocation = .allocate(byteCount: total * 4, alignment: 64)
    let all = allocation.bindMemory(to: Float.self, capacity: total)
    all.initialize(repeating: Self.sentinel, count: total)
    base = all + Self.margin + offset
    for (index, value) in values.enumerated() { base[index] = value }
  }

  deinit { allocation.deallocate() }

  var values: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }

  var guardsAreIntact: Bool {
    (1...Self.margin).allSatisfy { base[-$0] == Self.sentinel && base[count + $0 - 1] == Self.sentinel }
  }
}

@Suite struct KernelTests {
  /// Around the widths of every vector, primes, and some longer ones.
  static let counts = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 97, 255, 1009]

  private func scalar(_ set: InstructionSet) -> ScalarModel { ScalarModel(fused: set.fusesMultiplyAdd) }

  @Test(arguments: InstructionSet.available, counts)
  func functionsOfOneNumber(_ set: InstructionSet, _ count: Int) throws {
    let kernels = Kernels(set)
    var generator = SeededGenerator(seed: UInt64(count))
    let special: [Float] = [
      0, -0.0, .infinity, -.infinity, .nan, 0x1p-149, -0x1p-149, 88.7, 88.8, -87.4, -103.9, -104.1, 1e30,
      -1e30,
    ]
    let x = (0..<count).map { $0 % 5 == 3 ? special[$0 / 5 % special.count] : generator.float(20) }
    let scalar = scalar(set)
    let functions: [(name: String, Kernels.Elementwise, (Float) -> Float)] =
      [("exp", kernels.exponential, scalar.exponential)]
      + ActivationFunction.Function.allCases.map { function in
        (function.rawValue, kernels.function(function), { scalar.activate(function, $0) })
      }
    for (function, kernel, expected) in functions {
      for offset in [0, 1, 5] {
        let (input, output) = (Guarded(x, offset: offset), Guarded(x, offset: 3))
        kernel(input.base, count, output.base)
        let wanted = x.map(expected)
        #expect(
          firstDifference(output.values, wanted) == nil, "\(function), \(count) values, offset \(offset)")
        #expect(output.guardsAreIntact && input.guardsAreIntact)
        kernel(input.base, count, input.base)
        #expect(firstDifference(input.values, wanted) == nil, "\(function) in place")
      }
    }
  }

  @Test(arguments: InstructionSet.available, counts)
  func layerNorm(_ set: InstructionSet, _ count: Int) throws {
    guard count > 0 else { return }
    var generator = SeededGenerator(seed: 7 + UInt64(count))
    for (magnitude, mean) in [(Float(1), Float(0)), (0.01, 0), (3, 100), (0, 2)] {
      let x = generator.floats(count, magnitude).map { $0 + mean }
      let (weight, bias) = (generator.floats(count), generator.floats(count))
      let (input, output) = (Guarded(x), Guarded(x, offset: 7))
      let (gains, shifts) = (Guarded(weight, offset: 2), Guarded(bias, offset: 3))
      Kernels(set).layerNorm(input.base, count, gains.base, shifts.base, 1e-5, output.base)
      #expect(input.values == x && gains.values == weight && shifts.values == bias)
      let wanted = scalar(set).layerNorm(x, weight, bias, epsilon: 1e-5)
      #expect(firstDifference(output.values, wanted) == nil, "\(count)")
      #expect(output.guardsAreIntact)
    }
  }

  @Test(.clause("KER-12"), arguments: InstructionSet.available, counts)
  func rmsNorm(_ set: InstructionSet, _ count: Int) throws {
    guard count > 0 else { return }
    var generator = SeededGenerator(seed: 17 + UInt64(count))
    for magnitude in [Float(1), 0.001, 100, 0] {
      let (x, weight) = (generator.floats(count, magnitude), generator.floats(count))
      let (input, output, gains) = (Guarded(x), Guarded(x, offset: 7), Guarded(weight, offset: 2))
      Kernels(set).rmsNorm(input.base, count, gains.base, 1e-5, output.base)
      #expect(input.values == x && gains.values == weight)
      let wanted = scalar(set).rmsNorm(x, weight, epsilon: 1e-5)
      #expect(firstDifference(output.values, wanted) == nil, "\(count)")
      #expect(output.guardsAreIntact)
      Kernels(set).rmsNorm(input.base, count, gains.base, 1e-5, input.base)
      #expect(firstDifference(input.values, wanted) == nil, "\(count) in place")
    }
  }

  @Test(.clause("KER-13"), arguments: InstructionSet.available, counts)
  func productsOfElements(_ set: InstructionSet, _ count: Int) {
    var generator = SeededGenerator(seed: 27 + UInt64(count))
    let (a, b) = (generator.floats(count), generator.floats(count))
    let (first, second, output) = (Guarded(a), Guarded(b, offset: 3), Guarded(a, offset: 9))
    Kernels(set).multiplyElements(first.base, second.base, count, output.base)
    #expect(firstDifference(output.values, zip(a, b).map(*)) == nil && output.guardsAreIntact)
  }

  @Test(.clause("KER-14"), arguments: InstructionSet.available, counts)
  func pairsTurnInPlace(_ set: InstructionSet, _ count: Int) {
    var generator = SeededGenerator(seed: 37 + UInt64(count))
    let (a, b) = (generator.floats(count), generator.floats(count))
    let (cosines, sines) = (generator.floats(count), generator.floats(count))
    let (first, second) = (Guarded(a), Guarded(b, offset: 5))
    let (c, s) = (Guarded(cosines, offset: 2), Guarded(sines, offset: 3))
    Kernels(set).rotate(first.base, second.base, count, c.base, s.base)
    let wanted = (0..<count).map { scalar(set).turned(a[$0], b[$0], cosines[$0], sines[$0]) }
    #expect(firstDifference(first.values, wanted.map(\.0)) == nil && first.guardsAreIntact)
    #expect(firstDifference(second.values, wanted.map(\.1)) == nil && second.guardsAreIntact)
  }

  @Test(.clause("KER-17"), arguments: InstructionSet.available, counts)
  func valuesAreCappedInPlace(_ set: InstructionSet, _ count: Int) {
    var generator = SeededGenerator(seed: 47 + UInt64(count))
    for (scale, cap) in [(Float(0.3), Float(5)), (1, 0.01), (1, 1e20)] {
      var x = generator.floats(count, 40)
      for index in x.indices where index % 7 == 2 { x[index] = index % 2 == 0 ? -.infinity : .nan }
      let scaled = x.map { $0 * scale }
      let (row, kept) = (Guarded(x), Guarded(x, offset: 9))
      Kernels(set).softCap(row.base, count, scale, cap, kept.base)
      #expect(firstDifference(kept.values, scaled) == nil)
      let wanted = scaled.map { self.scalar(set).softCap($0, at: cap) }
      #expect(firstDifference(row.values, wanted) == nil, "\(count), \(scale), \(cap)")
      #expect(row.guardsAreIntact && kept.guardsAreIntact)
    }
  }

  @Test(arguments: InstructionSet.available, counts)
  func softmax(_ set: InstructionSet, _ count: Int) throws {
    var generator = SeededGenerator(seed: 70 + UInt64(count))
    for magnitude: Float in [0, 1, 200] {
      var x = generator.floats(count, magnitude)
      for index in x.indices where index % 7 == 2 { x[index] = -.infinity }
      let scaled = x.map { $0 * 0.3 }
      let (row, kept) = (Guarded(x), Guarded(x, offset: 9))
      Kernels(set).softmax(row.base, count, 0.3, kept.base)
      #expect(firstDifference(kept.values, scaled) == nil)
      let wanted = scalar(set).softmax(scaled)
      #expect(firstDifference(row.values, wanted) == nil, "\(count), \(magnitude)")
      #expect(row.guardsAreIntact && kept.guardsAreIntact)
    }
    let hidden = Guarded([Float](repeating: -.infinity, count: count))
    Kernels(set).softmax(hidden.base, count, 1, nil)
    #expect(hidden.values.allSatisfy { $0 == 0 })
    if count > 0 {
      let broken = Guarded([.nan] + [Float](repeating: -.infinity, count: count - 1))
      Kernels(set).softmax(broken.base, count, 1, nil)
      #expect(broken.values.allSatisfy { $0.isNaN }, "a NaN score must not look like a probability")
    }
  }

  @Test(arguments: InstructionSet.available, [0, 1, 2, 15, 16, 17, 64, 97])
  func matrixProduct(_ set: InstructionSet, _ depth: Int) throws {
    let model = scalar(set)
    var generator = SeededGenerator(seed: 700 + UInt64(depth))
    for rows in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 24, 27] {
      for panels in [2, 4] {
        let (columns, xStride, yStride) = (panels * 16, depth + 3, panels * 16 + 5)
        let x = Guarded(generator.floats(rows * xStride), offset: 3)
        let w = Guarded(generator.floats(panels * depth * 16), offset: 1)
        let bias = Guarded(generator.floats(columns), offset: 2)
        let y = Guarded(generator.floats(rows * yStride), offset: 5)
        let before = y.values
        func expected(_ start: (Int, Int) -> Float) -> [Float] {
          var result = before
          for row in 0..<rows {
            for column in 0..<columns {
              let panel = column / 16 * depth * 16 + column % 16
              result[row * yStride + column] = model.chain(
                start(row, column), depth, { x.base[row * xStride + $0] }, { w.base[panel + $0 * 16] })
            }
          }
          return result
        }
        let fromBias = expected { bias.base[$1] }
        Kernels(set).multiply(
          x.base, xStride, rows, depth, w.base, depth * 16, panels, bias.base, 0, y.base, yStride)
        #expect(firstDifference(y.values, fromBias) == nil, "\(rows) rows, depth \(depth), \(panels) panels")
        Kernels(set).multiply(
          x.base, xStride, rows, depth, w.base, depth * 16, panels, y.base, yStride, y.base, yStride)
        let goneOn = expected { fromBias[$0 * yStride + $1] }
        #expect(firstDifference(y.values, goneOn) == nil, "\(rows) rows going on, depth \(depth)")
        #expect(y.guardsAreIntact)
      }
    }
  }

  @Test(arguments: InstructionSet.available, [0, 1, 2, 3, 7, 16, 17])
  func eachRowOfATriangleAddsOneKeyMore(_ set: InstructionSet, _ rows: Int) throws {
    let model = scalar(set)
    var generator = SeededGenerator(seed: 7000 + UInt64(rows))
    for panels in [2, 4, 6, 8] {
      let (xStride, yStride) = (rows + 3, panels * 16 + 5)
      let x = Guarded(generator.floats(rows * xStride), offset: 3)
      let values = Guarded(generator.floats(panels * rows * 16), offset: 1)
      let y = Guarded(generator.floats(rows * yStride), offset: 5)
      var wanted = y.values
      for row in 0..<rows {
        for column in 0..<panels * 16 {
          let panel = column / 16 * rows * 16 + column % 16
          let place = row * yStride + column
          wanted[place] = model.chain(
            wanted[place], row, { x.base[row * xStride + $0] }, { values.base[panel + $0 * 16] })
        }
      }
      Kernels(set).multiplyTriangle(x.base, xStride, rows, values.base, rows * 16, panels, y.base, yStride)
      #expect(firstDifference(y.values, wanted) == nil, "\(rows) rows, \(panels) panels")
      #expect(y.guardsAreIntact)
    }
  }
}
