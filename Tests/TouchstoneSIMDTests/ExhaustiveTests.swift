import Foundation
import Synchronization
import Testing
import TouchstoneModel
import TouchstoneSIMD
import TouchstoneTestSupport

/// The float32 inputs to try: a sample every day, all 2³² where TOUCHSTONE_EXHAUSTIVE asks for them.
private enum Tried {
  static let isAll = ProcessInfo.processInfo.environment["TOUCHSTONE_EXHAUSTIVE"] != nil

  /// One bit pattern in so many; a prime, so that every exponent meets every kind of significand.
  private static let stride = isAll ? 1 : 9973
  private static let count = ((1 << 32) + stride - 1) / stride
  private static let blockSize = 1 << 16

  /// Where something begins or ends, and the two values on each side of it.
  private static let edges: [Float] = {
    let edges: [Float] = [
      0, 0x1p-149, 0x1p-126, 1, .infinity, .greatestFiniteMagnitude, .nan, 88.72284, 89, 87.33655, 103.97208,
      104,
    ]
    return edges.flatMap { edge in
      [edge, -edge].flatMap { value in
        (-2...2).map { Float(bitPattern: value.bitPattern &+ UInt32(bitPattern: $0)) }
      }
    }
  }()

  /// Calls `body` with one block of inputs after another, on all cores.
  static func blocks(_ body: @Sendable ([Float]) -> Void) {
    body(edges)
    DispatchQueue.concurrentPerform(iterations: (count + blockSize - 1) / blockSize) { block in
      let indices = block * blockSize..<min(count, (block + 1) * blockSize)
      body(indices.map { Float(bitPattern: UInt32($0 * stride)) })
    }
  }
}

extension Kernels {
  fileprivate static func apply(_ kernel: Elementwise, _ inputs: [Float]) -> [Float] {
    [Float](unsafeUninitializedCapacity: inputs.count) { buffer, count in
      if let base = buffer.baseAddress { kernel(inputs, inputs.count, base) }
      count = inputs.count
    }
  }
}

/// The greatest error of one kind, and where it is.
private struct Worst: Sendable, CustomStringConvertible {
  var error = 0.0
  var input: Float = 0

  mutating func take(_ other: Worst) {
    if !(other.error <= error) { self = other }
  }

  var description: String { "\(error) at \(input)" }
}

/// The error at one input, by several measures.
private struct Errors {
  /// In units in the last place of float32 at the exact value.
  var ulps = 0.0
  /// The same, of a GELU from x = −1 on, where its definition does not cancel.
  var ulpsFromMinusOne = 0.0
  /// Of a GELU below 0.
  var absolute = 0.0
  /// Of the tanh or erf that would give this GELU by its definition, in unit roundoffs; where it is no
  /// subnormal number.
  var ofFunction = 0.0
  /// Over what the verdict allows.
  var ofBound = 0.0

  static let infinite = Errors(
    ulps: .infinity, ulpsFromMinusOne: .infinity, absolute: .infinity, ofFunction: .infinity,
    ofBound: .infinity)
}

/// The greatest error by each measure.
private struct Found: Sendable, CustomStringConvertible {
  var ulps = Worst()
  var ulpsFromMinusOne = Worst()
  var absolute = Worst()
  var ofFunction = Worst()
  var ofBound = Worst()

  mutating func take(_ errors: Errors, at input: Float) {
    ulps.take(Worst(error: errors.ulps, input: input))
    ulpsFromMinusOne.take(Worst(error: errors.ulpsFromMinusOne, input: input))
    absolute.take(Worst(error: errors.absolute, input: input))
    ofFunction.take(Worst(error: errors.ofFunction, input: input))
    ofBound.take(Worst(error: errors.ofBound, input: input))
  }

  mutating func take(_ other: Found) {
    ulps.take(other.ulps)
    ulpsFromMinusOne.take(other.ulpsFromMinusOne)
    absolute.take(other.absolute)
    ofFunction.take(other.ofFunction)
    ofBound.take(other.ofBound)
  }

  var description: String {
    "\(ulps) ulp; from -1 on \(ulpsFromMinusOne) ulp; below 0 \(absolute) absolute; "
      + "of tanh or erf \(ofFunction) u; of the verdict's bound \(ofBound)"
  }
}

/// How far the functions of one number are from the exact ones, as float64 functions of the system give them
/// (to about 1e−6 ulp of float32 at most).
@Suite(.serialized) struct ExhaustiveTests {
  private static let unit = 0x1p-24

  /// Instruction sets that differ in what they compute: those that fuse agree in every bit.
  private static let distinct =
    InstructionSet.available.filter { !$0.fusesMultiplyAdd }
    + InstructionSet.available.filter(\.fusesMultiplyAdd).prefix(1)

  /// The greatest errors; where `error` says nil the output must be NaN.
  private func measure(
    _ name: String, _ kernel: @escaping Kernels.Elementwise,
    _ error: @escaping @Sendable (Float, Float) -> Errors?
  ) -> Found {
    let result = Mutex(Found())
    Tried.blocks { inputs in
      var found = Found()
      for (input, output) in zip(inputs, Kernels.apply(kernel, inputs)) {
        guard let errors = error(input, output) else {
          if !output.isNaN { found.take(.infinite, at: input) }
          continue
        }
        found.take(output.isNaN ? .infinite : errors, at: input)
      }
      result.withLock { $0.take(found) }
    }
    let found = result.withLock { $0 }
    print("\(name), \(Tried.isAll ? "all inputs" : "a sample"): \(found)")
    return found
  }

  /// The distance in units in the last place of float32 at `exact`; infinite where the sign is wrong, 0 where
  /// both are too great for float32.
  private static func ulps(_ got: Float, _ exact: Double) -> Double {
    guard got.sign == exact.sign else { return .infinity }
    if Double(got) == exact { return 0 }
    let magnitude = abs(exact)
    if magnitude >= 0x1.ffffffp127 { return got == Float(exact) ? 0 : .infinity }
    let exponent = magnitude < 0x1p-126 ? -126 : Int(magnitude.exponent)
    return abs(Double(got) - exact) / Double(sign: .plus, exponent: exponent - 23, significand: 1)
  }

  /// The measures for a GELU; `terms` is the part of the verdict's bound that is multiplied by x/2.
  private static func gelu(_ x: Double, _ got: Float, _ exact: Double, _ terms: Double) -> Errors {
    let ulps = ulps(got, exact)
    if Double(got) == exact { return Errors(ulps: ulps, ulpsFromMinusOne: ulps) }
    let bound = 0.5 * abs(x) * terms * unit + 3 * unit * abs(exact) + 0x1p-126
    let error = abs(Double(got) - exact)
    return Errors(
      ulps: ulps, ulpsFromMinusOne: x < -1 ? 0 : ulps, absolute: x < 0 ? error : 0,
      ofFunction: abs(exact) < 0x1p-126 ? 0 : 2 * error / abs(x) / unit, ofBound: error / bound)
  }

  @Test(.clause("KER-7", "NUM-6"), arguments: distinct)
  func exponential(_ set: InstructionSet) {
    let found = measure("exp, \(set)", Kernels(set).exponential) { x, y in
      guard !x.isNaN else { return nil }
      return Errors(ulps: Self.ulps(y, Foundation.exp(Double(x))))
    }
    #expect(found.ulps.error <= 0.884)
  }

  @Test(.clause("KER-8", "NUM-6"), arguments: distinct)
  func geluTanh(_ set: InstructionSet) {
    let found = measure("GELU by tanh, \(set)", Kernels(set).geluTanh) { input, y in
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
    #expect(found.ofBound.error <= 1)
  }

  @Test(.clause("KER-9", "NUM-6"), arguments: distinct)
  func geluErf(_ set: InstructionSet) {
    let found = measure("GELU by erf, \(set)", Kernels(set).geluErf) { input, y in
      guard !input.isNaN, input != -.infinity else { return nil }
      let x = Double(input)
      let tail = Foundation.erfc(-x / 2.0.squareRoot())
      let slope = 2 / Double.pi.squareRoot() * Foundation.exp(-x * x / 2) * 3 * abs(x) / 2.0.squareRoot()
      let terms = slope + 20 * min(abs(tail - 1) + 0.5, 1) + tail
      return Self.gelu(x, y, 0.5 * x * tail, terms)
    }
    #expect(found.ofBound.error <= 1)
  }

  @Test(.clause("KER-11")) func instructionSetsThatFuseAgreeOnEveryInput() {
    let kernels = InstructionSet.available.filter(\.fusesMultiplyAdd).map { Kernels($0) }
    let differences = Mutex<[String]>([])
    Tried.blocks { inputs in
      for function in [\Kernels.exponential, \Kernels.geluTanh, \Kernels.geluErf] {
        let outputs = kernels.map { Kernels.apply($0[keyPath: function], inputs) }
        for other in outputs.dropFirst() {
          guard let difference = firstDifference(outputs[0], other) else { continue }
          differences.withLock { $0.append(difference) }
        }
      }
    }
    #expect(differences.withLock { $0 } == [])
  }
}
