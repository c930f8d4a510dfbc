import TouchstoneGraph
import TouchstoneModel

/// A way to store numbers in few bits: groups of them as whole multiples of a step.
struct Quantisation: Sendable {
  /// How the step follows from a group.
  enum Step: CaseIterable, Sendable {
    /// The greatest magnitude is the greatest number of steps.
    case symmetric
    /// The greatest magnitude is one step more than there is.
    case halfRange
    /// The greatest magnitude is half a step more.
    case centred
    /// What is farthest from 0 is the most negative number of steps.
    case signed
    /// From the least to the greatest, 0 among them, and 0 is a whole number of steps.
    case affine
    /// From the least to the greatest, in steps from the least.
    case fromLeast
  }

  let bits: Int
  let step: Step
  /// Whether the step is kept in half precision.
  let isStepInHalf: Bool
  /// By how many steps every number is off.
  let shift: Int
  /// Whether the two numbers of each byte are exchanged.
  var isPairExchanged = false

  /// A group as it is once it is stored.
  func stored(_ values: [Double]) -> [Double] {
    let (least, greatest) = values.reduce((Double.infinity, -Double.infinity)) {
      (min($0.0, $1), max($0.1, $1))
    }
    let top = Double(1 << bits - 1)
    let half = Double(1 << (bits - 1))
    let magnitude = max(abs(least), abs(greatest))
    let (size, range, zero): (Double, ClosedRange<Double>, Double) =
      switch step {
      case .symmetric: (magnitude / (half - 1), (1 - half)...(half - 1), 0)
      case .halfRange: (magnitude / half, -half...(half - 1), 0)
      case .centred: (magnitude / (top / 2), -half...(half - 1), 0)
      case .signed: ((abs(least) >= abs(greatest) ? least : greatest) / -half, -half...(half - 1), 0)
      case .affine: ((max(greatest, 0) - min(least, 0)) / top, 0...top, 0)
      case .fromLeast: ((greatest - least) / top, 0...top, least)
      }
    guard size != 0, size.isFinite else { return values.map { _ in 0 } }
    let origin = step == .affine ? (-min(least, 0) / size).rounded() : 0
    let kept = isStepInHalf ? NumberFormat.float16.round(size) : size
    let base = isStepInHalf ? NumberFormat.float16.round(zero) : zero
    let found = values.map { value in
      let steps = ((value - zero) / size).rounded() + origin
      let whole = min(max(steps, range.lowerBound), range.upperBound)
      return (whole - origin + Double(shift)) * kept + base
    }
    guard isPairExchanged else { return found }
    return found.indices.map { found[($0 ^ 1) < found.count ? $0 ^ 1 : $0] }
  }

  /// Those in use, the plain ones first.
  static let all: [Quantisation] = [0, -1, 1].flatMap { shift in
    [8, 4, 5, 6, 3, 2].flatMap { bits in
      [false, true].flatMap { isStepInHalf in
        Step.allCases.map { Quantisation(bits: bits, step: $0, isStepInHalf: isStepInHalf, shift: shift) }
      }
    }
  }

  /// The same with the two of each byte exchanged.
  static let ofPairs: [Quantisation] = all.filter { $0.bits == 4 && $0.shift == 0 }.map { own in
    var exchanged = own
    exchanged.isPairExchanged = true
    return exchanged
  }

  var inWords: String { "\(bits) bits" }

  /// What is off besides; empty for nothing.
  var shiftInWords: String {
    if isPairExchanged { return ", the two of each byte exchanged" }
    return shift == 0 ? "" : ", every one a step too \(shift < 0 ? "low" : "high") (the zero point)"
  }
}

/// Which numbers of a matrix share a step.
enum QuantisationGroup: Hashable, Sendable {
  /// So many inputs of one output, one after the other.
  case inputs(Int)
  /// So many outputs of one input.
  case outputs(Int)
  /// All of them.
  case whole

  /// Those in use, for a matrix of this size.
  static func all(inputs: Int, outputs: Int) -> [QuantisationGroup] {
    [8, 16, 32, 64, 128, 256].filter { $0 < inputs }.map { .inputs($0) } + [.inputs(inputs)]
      + [16, 32, 64, 128, 256].filter { $0 < outputs }.map { .outputs($0) } + [.outputs(outputs), .whole]
  }

  func inWords(inputs: Int, outputs: Int) -> String {
    switch self {
    case .inputs(inputs): "by output"
    case .outputs(outputs): "by input"
    case .inputs(let count): "in groups of \(count) inputs"
    case .outputs(let count): "in groups of \(count) outputs"
    case .whole: "as a whole"
    }
  }
}

/// A matrix as it is once it is quantised, output by output.
struct QuantisedMatrix {
  let weight: ParameterValues<Double>
  let scheme: Quantisation
  let group: QuantisationGroup
  /// Everything, where all of it shares a step.
  private let whole: [Double]

  init(_ weight: ParameterValues<Double>, _ scheme: Quantisation, _ group: QuantisationGroup) {
    self.weight = weight
    self.scheme = scheme
    self.group = group
    guard group == .whole else {
      whole = []
      return
    }
    // As it stands in the file: queries, keys and values may be parts of one matrix.
    let all = scheme.stored(weight.tensor.values)
    whole = (0..<weight.outputCount).flatMap { output in
      (0..<weight.inputCount).map { all[weight.offset(output: output, input: $0)] }
    }
  }

  /// W(output, ·) of some outputs.
  func rows(_ outputs: [Int]) -> [[Double]] {
    let inputs = weight.inputCount
    switch group {
    case .inputs(let size):
      return outputs.map { output in
        let own = (0..<inputs).map { weight[output, $0] }
        return stride(from: 0, to: inputs, by: size).flatMap {
          scheme.stored(Array(own[$0..<min($0 + size, inputs)]))
        }
      }
    case .outputs(let size):
      var found = [[Double]](repeating: [Double](repeating: 0, count: inputs), count: outputs.count)
      for (first, own) in Dictionary(grouping: outputs.indices, by: { outputs[$0] / size * size }) {
        let others = first..<min(first + size, weight.outputCount)
        for input in 0..<inputs {
          let stored = scheme.stored(others.map { weight[$0, input] })
          for place in own { found[place][input] = stored[outputs[place] - first] }
        }
      }
      return found
    case .whole:
      return outputs.map { Array(whole[$0 * inputs..<($0 + 1) * inputs]) }
    }
  }
}
