import Foundation
import Synchronization
import Testing
import TouchstoneModel
import TouchstoneSIMD
import TouchstoneTestSupport

/// The float32 inputs to try: a sample every day, all 2³² where TOUCHSTONE_EXHAUSTIVE asks for them.
private enum Tried {
  static let isAll = isExhaustive

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
      var inputs = [Float](repeating: 0, count: indices.count)
      for place in inputs.indices {
        inputs[place] = Float(bitPattern: UInt32((indices.lowerBound + place) * stride))
      }
      body(inputs)
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

  mutating func take(_ error: Double, at input: Float) {
    if !(error <= self.error) { self = Worst(error: error, input: input) }
  }

  mutating func take(_ other: Worst) { take(other.error, at: other.input) }

  var description: String { "\(error) at \(input)" }
}

/// The greatest error of one function by several measures.
private struct Found: Sendable, CustomStringConvertible {
  /// In units in the last place of float32 at the exact value.
  var ulps = Worst()
  /// The same from x = −1 on, where the definition of a GELU does not cancel.
  var ulpsFromMinusOne = Worst()
  /// Below 0.
  var absolute = Worst()
  /// Of the tanh or erf that would give this GELU by its definition, in unit roundoffs; where the GELU is no
  /// subnormal number.
  var ofFunction = Worst()
  /// Over what the verdict allows.
  var ofBound = Worst()

  /// `exact` is NaN where the function has no value: there the output must be NaN.
  @inline(__always)
  mutating func take(_ input: Float, _ output: Float, _ exact: Double, _ bound: (Double, Double) -> Double) {
    let got = Double(output)
    if got == exact && output.sign == exact.sign { return }
    if got.isNaN && exact.isNaN { return }
    let (x, error, distance) = (Double(input), abs(got - exact), Self.ulps(output, exact))
    if distance == 0 { return }
    // An infinity or NaN in the place of a number, or a wrong sign, is beyond every bound.
    ofBound.take(distance.isFinite ? error / bound(x, exact) : .infinity, at: input)
    ulps.take(distance, at: input)
    if x >= -1 { ulpsFromMinusOne.take(distance, at: input) }
    if x < 0 { absolute.take(error, at: input) }
    if abs(exact) >= 0x1p-126 { ofFunction.take(2 * error / abs(x) * 0x1p24, at: input) }
  }

  mutating func take(_ other: Found) {
    ulps.take(other.ulps)
    ulpsFromMinusOne.take(other.ulpsFromMinusOne)
    absolute.take(other.absolute)
    ofFunction.take(other.ofFunction)
    ofBound.take(other.ofBound)
  }

  /// The distance in units in the last place of float32 at `exact`; infinite where the sign is wrong or one of
  /// the two is NaN, 0 where both are too great for float32.
  private static func ulps(_ got: Float, _ exact: Double) -> Double {
    guard got.sign == exact.sign, !got.isNaN, !exact.isNaN else { return .infinity }
    let magnitude = abs(exact)
    if magnitude >= 0x1.ffffffp127 { return got == Float(exact) ? 0 : .infinity }
    let exponent = magnitude < 0x1p-126 ? -126 : Int(magnitude.exponent)
    return abs(Double(got) - exact) / Double(sign: .plus, exponent: exponent - 23, significand: 1)
  }

  var description: String {
    "\(ulps) ulp; from -1 on \(ulpsFromMinusOne) ulp; below 0 \(absolute) absolute; "
      + "of tanh or erf \(ofFunction) u; of the verdict's bound \(ofBound)"
  }
}

/// How far the functions of one number are from the exact ones, as the system's float64 functions give them, to
/// about 10⁻⁶ ulp of float32.
@Suite(.serialized) struct ExhaustiveTests {
  /// Instruction sets that differ in what they compute: those that fuse agree in every bit.
  private static let distinct =
    InstructionSet.available.filter { !$0.fusesMultiplyAdd }
    + InstructionSet.available.filter(\.fusesMultiplyAdd).prefix(1)

  /// The greatest errors on each of the instruction sets that differ.
  ///
  /// - Parameters:
  ///   - exact: the function, NaN where it has no value.
  ///   - bound: of an input and the function there, how far the verdict allows an engine to be from it.
  private func measure(
    _ name: String, _ kernel: (Kernels) -> Kernels.Elementwise, exact: @escaping @Sendable (Double) -> Double,
    bound: @escaping @Sendable (Double, Double) -> Double
  ) -> [Found] {
    let kernels = Self.distinct.map { kernel(Kernels($0)) }
    let result = Mutex(kernels.map { _ in Found() })
    Tried.blocks { inputs in
      let wanted = inputs.map { exact(Double($0)) }
      for (index, kernel) in kernels.enumerated() {
        var found = Found()
        let outputs = Kernels.apply(kernel, inputs)
        for place in inputs.indices { found.take(inputs[place], outputs[place], wanted[place], bound) }
        let all = found
        result.withLock { $0[index].take(all) }
      }
    }
    let found = result.withLock { $0 }
    for (set, found) in zip(Self.distinct, found) {
      print("\(name), \(set), \(Tried.isAll ? "all inputs" : "a sample"): \(found)")
    }
    return found
  }

  private static let unit = 0x1p-24

  /// The verdict's bound of a GELU; `terms` is the part that is multiplied by u·x/2.
  private static func bound(_ x: Double, _ value: Double, terms: Double) -> Double {
    unit * (0.5 * abs(x) * terms + 3 * abs(value)) + 0x1p-126
  }

  @Test(.clause("KER-7", "NUM-6")) func exponential() {
    let found = measure("exp", \.exponential) { x in
      Foundation.exp(x)
    } bound: { _, value in
      6 * Self.unit * value + 0x1p-126
    }
    for (set, found) in zip(Self.distinct, found) {
      #expect(found.ulps.error <= (set.fusesMultiplyAdd ? 0.884 : 0.906), "\(set): \(found)")
      #expect(found.ofBound.error <= 1, "\(set): \(found)")
    }
  }

  @Test(.clause("KER-8", "NUM-6")) func geluTanh() {
    /// √(2/π)·(x + 0.044715·x³)
    @Sendable func argument(_ x: Double) -> Double { 0.7978845608028654 * (x + 0.044715 * x * x * x) }
    let found = measure("GELU by tanh", \.geluTanh) { x in
      // x/2·(1 + tanh z), without the cancellation that float64 would suffer for x < 0.
      x == -.infinity ? .nan : x / (1 + Foundation.exp(-2 * argument(x)))
    } bound: { x, value in
      let z = argument(x)
      let tanh = Foundation.tanh(z)
      let slope = z.isFinite ? (1 - tanh * tanh) * 8 * abs(z) : 0
      return Self.bound(x, value, terms: slope + 10 * min(abs(tanh) + 0.5, 1) + abs(1 + tanh))
    }
    #expect(found.allSatisfy { $0.ulpsFromMinusOne.error <= 2.57 && $0.absolute.error <= 4.69e-8 })
    #expect(found.allSatisfy { $0.ofFunction.error <= 4.13 && $0.ofBound.error <= 0.28 })
  }

  @Test(.clause("KER-9", "NUM-6")) func geluErf() {
    let found = measure("GELU by erf", \.geluErf) { x in
      x == -.infinity ? .nan : 0.5 * x * Foundation.erfc(x * -0.7071067811865476)
    } bound: { x, value in
      let (z, erf) = (x * 0.7071067811865476, Foundation.erf(x * 0.7071067811865476))
      let slope = 1.1283791670955126 * Foundation.exp(-z * z) * 3 * abs(z)
      return Self.bound(x, value, terms: slope + 20 * min(abs(erf) + 0.5, 1) + abs(1 + erf))
    }
    #expect(found.allSatisfy { $0.ulpsFromMinusOne.error <= 8.6 && $0.absolute.error <= 8.9e-8 })
    #expect(found.allSatisfy { $0.ofFunction.error <= 9.91 && $0.ofBound.error <= 0.7 })
  }

  /// The verdict's bound of σ(z), z rounded `roundings` times.
  private static func sigmoidBound(_ z: Double, _ roundings: Double) -> Double {
    let value = 1 / (1 + Foundation.exp(-z))
    let slope = value / (1 + Foundation.exp(z))
    let t = Foundation.tanh(z / 2)
    let ofArgument = slope == 0 ? 0 : slope * roundings * abs(z)
    let byExponential = (slope == 0 ? 0 : slope * (6 + 4 * abs(z))) + 2 * value
    let byTanh = 0.5 * (10 * min(abs(t) + 0.5, 1) + abs(1 + t))
    return unit * (ofArgument + max(byExponential, byTanh)) + 0x1p-126
  }

  @Test(.clause("KER-13", "NUM-6")) func sigmoid() {
    let found = measure("sigmoid", \.sigmoid) { x in
      1 / (1 + Foundation.exp(-x))
    } bound: { x, _ in
      Self.sigmoidBound(x, 0)
    }
    #expect(found.allSatisfy { $0.ulpsFromMinusOne.error <= 2 && $0.ofBound.error <= 1 })
  }

  @Test(.clause("KER-13", "NUM-6"), arguments: [1, 1.702]) func functionsThatGateThemselves(_ factor: Double)
  {
    let found = measure(
      factor == 1 ? "SiLU" : "quick GELU", factor == 1 ? \.silu : \.quickGELU
    ) { x in
      x == -.infinity ? .nan : x / (1 + Foundation.exp(-factor * x))
    } bound: { x, value in
      abs(x) * Self.sigmoidBound(factor * x, factor == 1 ? 0 : 2) + Self.unit * abs(value) + 0x1p-126
    }
    #expect(found.allSatisfy { $0.ulpsFromMinusOne.error <= 3 && $0.ofBound.error <= 1 })
  }

  @Test(.clause("KER-17", "NUM-6")) func tanh() {
    let found = measure("tanh", \.tanh) { x in
      Foundation.tanh(x)
    } bound: { _, value in
      Self.unit * 10 * min(abs(value) + 0.5, 1) + 0x1p-126
    }
    #expect(found.allSatisfy { $0.ulps.error <= 3 && $0.ofBound.error <= 0.4 })
  }

  @Test(.clause("KER-11")) func instructionSetsThatFuseAgreeOnEveryInput() {
    let kernels = InstructionSet.available.filter(\.fusesMultiplyAdd).map { Kernels($0) }
    let differences = Mutex<[String]>([])
    Tried.blocks { inputs in
      let functions = [
        \Kernels.exponential, \.geluTanh, \.geluErf, \.silu, \.quickGELU, \.sigmoid, \.tanh,
        \.reluSquared,
      ]
      for function in functions {
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
