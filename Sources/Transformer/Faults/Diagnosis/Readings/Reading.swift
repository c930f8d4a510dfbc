import Foundation
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// A mistake of which what was captured tells the numbers: another base, window, factor or ε, other columns, another input.
///
/// The catalogue has the mistakes that are known by name. Where none of them explains a finding, the numbers of the
/// operation are read off its captured output, and the operation with these numbers is held against the capture as a
/// fault of the catalogue is: a cause is named only where every element is explained. All readings that explain it are
/// named together.
struct Reading: Sendable {
  /// One mistake that may be it.
  struct Guess: Sendable {
    /// In words, with the numbers that were read and those that are due.
    let name: String
    /// How many numbers without a grain were read: as many elements can always be explained by them.
    let readCount: Int
    /// What the output is rounded to, where that is part of it.
    let storage: NumberFormat?
    /// What the explanation is granted beyond the bounds.
    let grants: Fault.Grants
    /// What the operation gives with them; nil where it gives nothing.
    let value: @Sendable (FaultSite) -> Tensor<Double>?

    init(
      _ name: String, numbers readCount: Int = 0, storedAs storage: NumberFormat? = nil,
      granting grants: Fault.Grants = Fault.Grants(),
      _ value: @escaping @Sendable (FaultSite) -> Tensor<Double>?
    ) {
      self.name = name
      self.readCount = readCount
      self.storage = storage
      self.grants = grants
      self.value = value
    }
  }

  /// What the stable name of each begins with, which no fault of the catalogue has.
  static let prefix = "read."

  /// The stable name.
  let id: String
  /// What part of an implementation the mistake belongs to.
  let family: Fault.Family
  /// The operations whose output tells of it.
  let place: Place
  /// Whether it says less than any other: asked only where no other explains the capture.
  var isLast = false
  /// What may be it, the simplest numbers first, from what the operation reads and what was captured of it.
  let guesses: @Sendable (FaultSite, Tensor<Double>) -> [Guess]

  init(
    _ id: String, _ family: Fault.Family, at place: Place, isLast: Bool = false,
    _ guesses: @escaping @Sendable (FaultSite, Tensor<Double>) -> [Guess]
  ) {
    self.isLast = isLast
    self.id = Self.prefix + id
    self.family = family
    self.place = place
    self.guesses = guesses
  }

  /// Of one kind of operation, which is told what the kind says of itself.
  init<Kind: OperationKind>(
    _ id: String, _ family: Fault.Family, of kind: Kind.Type, isLast: Bool = false,
    _ guesses: @escaping @Sendable (Kind, FaultSite, Tensor<Double>) -> [Guess]
  ) {
    self.init(id, family, at: .of(kind)) { site, got in
      (site.operation.kind.payload as? Kind).map { guesses($0, site, got) } ?? []
    }
    self.isLast = isLast
  }

  /// Those of one level are asked where none of the level before explains; those first that say more.
  static let levels: [[Reading]] = [
    specific.filter { !$0.isLast },
    storage + normRoundings + accumulators + windowsInFewerBits + operandsInFewerBits,
    specific.filter(\.isLast), values + columnOrders + functionsBehind, lines,
  ]

  /// All of them.
  static let all = levels.flatMap(\.self)

  /// What is said of one kind of operation.
  private static let specific: [Reading] =
    ofKinds + visibilities + dropouts + caches + arrangements + keyRows + valueRows + storedRows + otherHeads
    + tiles + exponentials + functions
    + halves + notFinite + norms + normsInSteps + rotations + rows + sources + products + matrices
    + windows + sums + gatedSums + otherFunctions + otherBiases + normStatistics + normFormulas

  /// Those of one kind of operation each, which stand in its room.
  private static let ofKinds = Operation.Kind.Name.allCases.flatMap { $0.faulty.readings }

  /// The reading's fault of the simplest numbers that explain what was captured; nil where none do.
  ///
  /// - Parameter explains: says how well a fault explains it, within 1 for every element; nil where it changes nothing.
  func found<Found>(
    at site: FaultSite, got: Tensor<Double>, distinctCount: Int, explains: (Fault) throws -> Found?
  ) rethrows -> Found? {
    // Numbers are read off attention within one sequence.
    guard place.contains(site.operation, site.graph), !site.operation.readsSource else { return nil }
    // Numbers are told only by more numbers than they are.
    for guess in guesses(site, got) where 2 * guess.readCount <= distinctCount {
      if let found = try explains(fault(guess)) { return found }
    }
    return nil
  }

  /// A guess as a fault that can be planted.
  func fault(_ guess: Guess) -> Fault {
    var fault = Fault(
      id, guess.name, family, at: place, practice: "read off the capture", storedAs: guess.storage,
      output: guess.value)
    fault.grants = guess.grants
    return fault
  }
}

extension Reading {
  private static let greatestRoot = 16_384.0

  /// A factor as people choose it: 1/√n, √n, few digits, or as it was read.
  static func factors(near value: Double) -> [(name: String, factor: Double)] {
    guard value.isFinite, value != 0 else { return [] }
    // A number of few digits is what was written.
    let plain = plainNumbers(near: value).filter {
      abs($0 / value - 1) < 1e-5 && $0 == Double(significant($0, 3))
    }
    var found = plain.prefix(1).map { (name: words($0), factor: $0) }
    for (power, name) in [(-0.5, "1/√"), (0.5, "√")] {
      let whole = pow(abs(value), 1 / power).rounded()
      let root = value < 0 ? -pow(whole, power) : pow(whole, power)
      // Roots of greater numbers are so near each other that any factor is one.
      if (2...greatestRoot).contains(whole), abs(root / value - 1) < 1e-3 {
        found.append(((value < 0 ? "−" : "") + name + words(whole), root))
      }
    }
    return found + plainNumbers(near: value).map { (words($0), $0) }
  }
}

/// A number as people write it who chose it: with as few digits as can be, the number itself last.
func plainNumbers(near value: Double) -> [Double] {
  guard value.isFinite else { return [] }
  var found: [Double] = []
  for digits in [1, 2, 3, 4, 6] {
    if let number = Double(significant(value, digits)), !found.contains(number) { found.append(number) }
  }
  return found + [value]
}

/// A number in words.
func words(_ value: Double) -> String { significant(value, 6) }

/// The first few numbers in words.
func words(_ values: some Collection<Double>) -> String {
  let greatestCount = 4
  return values.prefix(greatestCount).map { significant($0, 4) }.joined(separator: ", ")
    + (values.count > greatestCount ? ", …" : "")
}

/// The first few whole numbers in words.
func words(_ values: some Collection<Int>) -> String {
  let greatestCount = 8
  return values.prefix(greatestCount).map(String.init).joined(separator: ", ")
    + (values.count > greatestCount ? ", …" : "")
}

/// What is read instead of what is due, from the first difference on.
func words(_ read: [Int], instead due: [Int]) -> String {
  let first = zip(read, due).enumerated().first { $1.0 != $1.1 }?.offset ?? 0
  return (first > 0 ? "from token \(first) on " : "")
    + "\(words(read[first...])) instead of \(words(due[first...]))"
}

/// Of ways to compute a few elements those that leave next to nothing of the squared error `whole`: first those that leave
/// about the least, in the order given, then the others.
func nearest<Way>(_ tried: [(way: Way, rest: Double)], of whole: Double) -> [Way] {
  let right = tried.filter { $0.rest <= greatestRest * whole }
  let least = right.map(\.rest).min() ?? 0
  let near = right.filter { $0.rest <= 2 * least }
  return (near + right.filter { $0.rest > 2 * least }.sorted { $0.rest < $1.rest }).prefix(4).map(\.way)
}

/// How much of a squared error a right explanation may leave.
let greatestRest = 1e-2

extension Tensor<Double> {
  /// The greatest of all magnitudes that are finite.
  var greatestMagnitude: Double { values.reduce(0) { $1.isFinite ? Swift.max($0, abs($1)) : $0 } }
}

/// How many times x is in y, by least squares over what is finite; nil where nothing is.
func quotient(of y: some Sequence<Double>, on x: some Sequence<Double>) -> Double? {
  var (product, square) = (0.0, 0.0)
  for (y, x) in zip(y, x) where y.isFinite && x.isFinite {
    product += x * y
    square += x * x
  }
  return square > 0 && product.isFinite ? product / square : nil
}
