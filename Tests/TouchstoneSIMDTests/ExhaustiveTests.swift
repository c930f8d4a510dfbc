import Foundation
import Synchronization
import Testing
import TouchstoneModel
import TouchstoneSIMD

/// Every one of the 2³² float32 inputs; minutes of work, so it runs only where it is asked for.
private let isAskedFor = ProcessInfo.processInfo.environment["TOUCHSTONE_EXHAUSTIVE"] != nil

/// Instruction sets that differ in what they compute: those that fuse agree in every bit, so the least will do.
private let distinct =
  InstructionSet.available.filter { !$0.fusesMultiplyAdd }
  + InstructionSet.available.filter(\.fusesMultiplyAdd).prefix(1)

/// The worst error found so far, and where.
private struct Worst: Sendable, CustomStringConvertible {
  var error = 0.0
  var input: Float = 0

  mutating func take(_ error: Double, at input: Float) {
    if !(error <= self.error) { self = Worst(error: error, input: input) }
  }

  var description: String { "\(error) at \(input)" }
}

/// Three measures of one error.
private struct Errors {
  /// In units in the last place.
  var ulps = 0.0
  var absolute = 0.0
  /// Over what the verdict allows.
  var ratio = 0.0

  static let notANumber = Errors(ulps: .infinity, absolute: .infinity, ratio: .infinity)
}

@Suite(.serialized, .enabled(if: isAskedFor, "set TOUCHSTONE_EXHAUSTIVE to try all 2³² inputs"))
struct ExhaustiveTests {
  private static let unit = 0x1p-24

  /// The greatest errors over all inputs; where `error` says nil the output must be NaN.
  private func worst(
    _ name: String, _ kernel: @escaping Kernels.Elementwise,
    _ error: @escaping @Sendable (Float, Float) -> Errors?
  ) -> (ulps: Worst, absolute: Worst, ratio: Worst) {
    let result = Mutex((ulps: Worst(), absolute: Worst(), ratio: Worst()))
    let block = 1 << 16
    DispatchQueue.concurrentPerform(iterations: 1 << 16) { index in
      let first = UInt32(index * block)
      let inputs = (0..<block).map { Float(bitPattern: first + UInt32($0)) }
      let outputs = [Float](unsafeUninitializedCapacity: block) { buffer, count in
        if let base = buffer.baseAddress { kernel(inputs, block, base) }
        count = block
      }
      var (ulps, absolute, ratio) = (Worst(), Worst(), Worst())
      for (input, output) in zip(inputs, outputs) {
        let found = error(input, output) ?? (output.isNaN ? Errors() : .notANumber)
        ulps.take(found.ulps, at: input)
        absolute.take(found.absolute, at: input)
        ratio.take(found.ratio, at: input)
      }
      result.withLock {
        $0.ulps.take(ulps.error, at: ulps.input)
        $0.absolute.take(absolute.error, at: absolute.input)
        $0.ratio.take(ratio.error, at: ratio.input)
      }
    }
    let found = result.withLock { $0 }
    print("\(name): \(found.ulps) ulp; absolute \(found.absolute); of the bound \(found.ratio)")
    return found
  }

  /// The distance in units in the last place of float32 at `exact`; 0 where both are the same infinity.
  private static func ulps(_ got: Float, _ exact: Double) -> Double {
    if Double(got) == exact { return 0 }
    let magnitude = abs(exact)
    if magnitude >= 0x1.ffffffp127 { return got == Float(exact) ? 0 : .infinity }
    let exponent = magnitude < 0x1p-126 ? -126 : Int(magnitude.exponent)
    return abs(Double(got) - exact) / Double(sign: .plus, exponent: exponent - 23, significand: 1)
  }

  /// The three measures for a GELU: ulps from −1 on, where nothing cancels, the absolute error below 0.
  private static func gelu(_ x: Double, _ got: Float, _ exact: Double, _ terms: Double) -> Errors {
    if Double(got) == exact { return Errors() }
    let bound = 0.5 * abs(x) * terms * unit + 3 * unit * abs(exact) + 0x1p-126
    let error = abs(Double(got) - exact)
    return Errors(ulps: x < -1 ? 0 : ulps(got, exact), absolute: x < 0 ? error : 0, ratio: error / bound)
  }

  @Test(arguments: distinct)
  func exponential(_ set: InstructionSet) {
    let found = worst("exp, \(set.rawValue)", Kernels(set).exponential) { x, y in
      guard !x.isNaN else { return nil }
      let exact = Foundation.exp(Double(x))
      return Errors(ulps: Self.ulps(y, exact))
    }
    #expect(found.ulps.error <= 1)
  }

  @Test(arguments: distinct)
  func geluTanh(_ set: InstructionSet) {
    let found = worst("GELU (tanh), \(set.rawValue)", Kernels(set).geluTanh) { input, y in
      guard !input.isNaN, input != -.infinity else { return nil }
      let x = Double(input)
      let z = (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
      // x/2·(1 + tanh z), without the cancellation that float64 would suffer for x < 0.
      let power = Foundation.exp(-2 * z)
      let tanh = power.isFinite ? (1 - power) / (1 + power) : -1
      let slope = z.isFinite ? (1 - tanh * tanh) * 8 * abs(z) : 0
      let terms = slope + 10 * min(abs(tanh) + 0.5, 1) + abs(1 + tanh)
      return Self.gelu(x, y, x / (1 + power), terms)
    }
    #expect(found.ratio.error <= 1)
  }

  @Test(arguments: distinct)
  func geluErf(_ set: InstructionSet) {
    let found = worst("GELU (erf), \(set.rawValue)", Kernels(set).geluErf) { input, y in
      guard !input.isNaN, input != -.infinity else { return nil }
      let x = Double(input)
      let tail = Foundation.erfc(-x / 2.0.squareRoot())
      let slope = 2 / Double.pi.squareRoot() * Foundation.exp(-x * x / 2) * 3 * abs(x) / 2.0.squareRoot()
      let terms = slope + 20 * min(abs(tail - 1) + 0.5, 1) + tail
      return Self.gelu(x, y, 0.5 * x * tail, terms)
    }
    #expect(found.ratio.error <= 1)
  }

  @Test func instructionSetsThatFuseAgreeOnEveryInput() {
    let fusing = InstructionSet.available.filter(\.fusesMultiplyAdd)
    let kernels = fusing.map { Kernels($0) }
    let differences = Mutex(0)
    let block = 1 << 16
    DispatchQueue.concurrentPerform(iterations: 1 << 16) { index in
      let first = UInt32(index * block)
      let inputs = (0..<block).map { Float(bitPattern: first + UInt32($0)) }
      for function in [\Kernels.exponential, \Kernels.geluTanh, \Kernels.geluErf] {
        let outputs = kernels.map { kernels in
          [Float](unsafeUninitializedCapacity: block) { buffer, count in
            if let base = buffer.baseAddress { kernels[keyPath: function](inputs, block, base) }
            count = block
          }
        }
        for other in outputs.dropFirst() where firstDifference(outputs[0], other) != nil {
          differences.withLock { $0 += 1 }
        }
      }
    }
    #expect(differences.withLock { $0 } == 0)
  }
}
