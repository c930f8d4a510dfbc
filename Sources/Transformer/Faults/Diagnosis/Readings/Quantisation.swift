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

  /// How numbers between two are stored.
  struct Grid: Sendable {
    fileprivate let size: Double
    fileprivate let range: ClosedRange<Double>
    fileprivate let zero: Double
    fileprivate let origin: Double
    fileprivate let shift: Double
    fileprivate let kept: Double
    fileprivate let base: Double

    /// A number once it is stored; 0 where all are equal to it.
    func stored(_ value: Double) -> Double {
      guard size != 0, size.isFinite else { return 0 }
      let steps = ((value - zero) / size).rounded() + origin
      let whole = min(max(steps, range.lowerBound), range.upperBound)
      return (whole - origin + shift) * kept + base
    }
  }

  /// The grid of a group of numbers, by the least and the greatest of them.
  func grid(_ extent: Extent) -> Grid {
    let (least, greatest) = (extent.least, extent.greatest)
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
    let origin = step == .affine && size != 0 ? (-min(least, 0) / size).rounded() : 0
    return Grid(
      size: size, range: range, zero: zero, origin: origin, shift: Double(shift),
      kept: isStepInHalf ? NumberFormat.float16.round(size) : size,
      base: isStepInHalf ? NumberFormat.float16.round(zero) : zero)
  }

  /// A group as it is once it is stored.
  func stored(_ values: [Double]) -> [Double] {
    let grid = grid(Extent(values))
    return values.indices.map { grid.stored(values[place($0, of: values.count)]) }
  }

  /// Where in a group the number stands that is read at a place.
  func place(_ index: Int, of count: Int) -> Int {
    isPairExchanged && index ^ 1 < count ? index ^ 1 : index
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
