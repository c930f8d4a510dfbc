import Foundation
import Synchronization
import Testing
import TouchstoneModel
import TouchstoneSIMD

/// Every one of the 2³² float32 inputs; minutes of work, so it runs only where it is asked for.
private let isAskedFor = ProcessInfo.processInfo.environment["TOUCHSTONE_EXHAUSTIVE"] != nil

/// The worst error found so far, and where.
private struct Worst: Sendable, CustomStringConvertible {
  var error = 0.0
  var input: Float = 0

  mutating func take(_ error: Double, at input: Float) {
    if !(error <= self.error) { self = Worst(error: error, input: input) }
  }

  mutating func take(_ other: Worst) { take(other.error, at: other.input) }

  var description: String { "\(error) at \(input)" }
}

@Suite(.enabled(if: isAskedFor, "set TOUCHSTONE_EXHAUSTIVE to try all 2³² inputs")) struct ExhaustiveTests {
  /// The greatest value of `error(input, output)` over all inputs; where it says nil the output must be NaN.
  private func worst(
    _ kernel: @escaping Kernels.Elementwise, _ error: @escaping @Sendable (Float, Float) -> Double?
  ) -> Worst {
    let result = Mutex(Worst())
    let block = 1 << 16
    DispatchQueue.concurrentPerform(iterations: 1 << 16) { index in
      let first = UInt32(index * block)
      let inputs = (0..<block).map { Float(bitPattern: first + UInt32($0)) }
      let outputs = [Float](unsafeUninitializedCapacity: block) { buffer, count in
        if let base = buffer.baseAddress { kernel(inputs, block, base) }
        count = block
      }
      var worst = Worst()
      for (input, output) in zip(inputs, outputs) {
        if let found = error(input, output) {
          worst.take(found, at: input)
        } else if !output.isNaN {
          worst.take(.infinity, at: input)
        }
      }
      result.withLock { $0.take(worst) }
    }
    return result.withLock { $0 }
  }

  /// The distance in units in the last place of float32 at `exact`; 0 where both are the same infinity.
  private static func ulps(_ got: Float, _ exact: Double) -> Double {
    if Double(got) == exact { return 0 }
    let magnitude = abs(exact)
    if magnitude >= 0x1.ffffffp127 { return got == Float(exact) ? 0 : .infinity }
    let exponent = max(-126, magnitude.isZero ? -126 : Int(magnitude.exponent))
    return abs(Double(got) - exact) / Double(sign: .plus, exponent: exponent - 23, significand: 1)
  }

  @Test(arguments: InstructionSet.available)
  func exponential(_ set: InstructionSet) {
    let found = worst(Kernels(set).exponential) { x, y in
      x.isNaN ? nil : Self.ulps(y, Foundation.exp(Double(x)))
    }
    print("exp, \(set.rawValue): \(found) ulp")
    #expect(found.error <= 1)
  }

  /// x/2·(1 + tanh z) without the cancellation that float64 would suffer for x < 0.
  private static func geluTanh(_ x: Double) -> (value: Double, z: Double) {
    let z = (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
    return (x / (1 + Foundation.exp(-2 * z)), z)
  }

  /// The error over what the verdict allows; a float32 underflow of the whole result is allowed too.
  private static func overBound(_ got: Float, _ exact: Double, _ x: Double, _ terms: Double) -> Double {
    let u = 0x1p-24
    return abs(Double(got) - exact) / (0.5 * abs(x) * terms * u + 3 * u * abs(exact) + 0x1p-126)
  }

  @Test(arguments: InstructionSet.available)
  func geluTanh(_ set: InstructionSet) {
    let ulps = worst(Kernels(set).geluTanh) { x, y in
      guard !x.isNaN, x != -.infinity else { return nil }
      return x < -1 ? 0 : Self.ulps(y, Self.geluTanh(Double(x)).value)
    }
    let ratio = worst(Kernels(set).geluTanh) { x, y in
      guard !x.isNaN, x != -.infinity else { return nil }
      let (exact, z) = Self.geluTanh(Double(x))
      if Double(y) == exact { return 0 }
      let tanh = Foundation.tanh(z)
      let slope = z.isFinite ? (1 - tanh * tanh) * 8 * abs(z) : 0
      return Self.overBound(y, exact, Double(x), slope + 10 * min(abs(tanh) + 0.5, 1) + abs(1 + tanh))
    }
    let absolute = worst(Kernels(set).geluTanh) { x, y in
      guard !x.isNaN, x != -.infinity else { return nil }
      return x < 0 ? abs(Double(y) - Self.geluTanh(Double(x)).value) : 0
    }
    print(
      "GELU (tanh), \(set.rawValue): \(ulps) ulp for x ≥ −1; absolute \(absolute) for x < 0; \(ratio) of the bound"
    )
    #expect(ratio.error <= 1)
  }

  @Test(arguments: InstructionSet.available)
  func geluErf(_ set: InstructionSet) {
    @Sendable func exact(_ x: Double) -> Double { 0.5 * x * Foundation.erfc(-x / 2.0.squareRoot()) }
    let ulps = worst(Kernels(set).geluErf) { x, y in
      guard !x.isNaN, x != -.infinity else { return nil }
      return x < -1 ? 0 : Self.ulps(y, exact(Double(x)))
    }
    let ratio = worst(Kernels(set).geluErf) { x, y in
      guard !x.isNaN, x != -.infinity else { return nil }
      let wide = Double(x)
      let wanted = exact(wide)
      if Double(y) == wanted { return 0 }
      let erf = Foundation.erf(wide / 2.0.squareRoot())
      let slope =
        2 / Double.pi.squareRoot() * Foundation.exp(-wide * wide / 2) * 3 * abs(wide) / 2.0.squareRoot()
      return Self.overBound(y, wanted, wide, slope + 20 * min(abs(erf) + 0.5, 1) + abs(1 + erf))
    }
    let absolute = worst(Kernels(set).geluErf) { x, y in
      guard !x.isNaN, x != -.infinity else { return nil }
      return x < 0 ? abs(Double(y) - exact(Double(x))) : 0
    }
    print(
      "GELU (erf), \(set.rawValue): \(ulps) ulp for x ≥ −1; absolute \(absolute) for x < 0; \(ratio) of the bound"
    )
    #expect(ratio.error <= 1)
  }
}
