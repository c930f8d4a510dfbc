import TouchstoneGraph
import TouchstoneModel

/// In which precision a capture is judged: what it names, held against what its values are.
///
/// A wider type says little of itself, for every number of a narrow type is one of it; but a computation in the wider one
/// does not give such numbers everywhere. Only what was computed counts: the rows of a table are what the table is.
package struct PrecisionReading: Sendable, Equatable {
  /// What the capture is judged as.
  package let precision: Precision
  /// Why that is not what it names, after the answer; nil where it is.
  package let sentence: String?

  init(precision: Precision, sentence: String?) {
    self.precision = precision
    self.sentence = sentence
  }

  /// Reads it off a capture.
  ///
  /// - Throws: what reading the capture throws.
  package init(_ capture: some ActivationSource) throws {
    let named = capture.precision
    if !capture.namesPrecision {
      let types = try ValueTypes(capture, looksForMost: true)
      if let narrow = [types.common, types.most].compactMap(\.self).first(where: \.isNarrow) {
        precision = Precision(narrow)
        let values = types.common == narrow ? "every value is a" : "most tensors are"
        sentence =
          "judged as \(narrow.rawValue): \(values) \(narrow.rawValue), and the capture does not name its precision"
        return
      }
    } else if named.type.isNarrow, capture.storesWider {
      let types = try ValueTypes(capture, against: named.type)
      if types.contradictTheName {
        precision = types.common.map { Precision($0) } ?? .float32
        sentence =
          "judged as \(precision.name): the capture names \(named.name), and its values are not those of \(named.type.rawValue)"
        return
      }
    }
    precision = named
    sentence = nil
  }

  /// The cause of a mismatch in a capture that names a wide type and holds the numbers of a narrower one.
  ///
  /// - Throws: what reading the capture throws.
  package static func cause(of capture: some ActivationSource) throws -> Cause? {
    let named = capture.precision.type
    guard capture.namesPrecision, !named.isNarrow, let type = try ValueTypes(capture).common,
      type.significandBits < named.significandBits, capture.storesWider(than: type)
    else { return nil }
    return Cause(
      id: "precision.values-are-\(type.rawValue)",
      name: "every value is a \(type.rawValue), and the capture names \(named.rawValue)", ratio: 0,
      nextRatio: nil)
  }
}

/// The types that hold what a capture has computed.
private struct ValueTypes {
  /// The narrowest type that holds every value of every tensor; nil where there is none, or where the values are too few
  /// to say so.
  private(set) var common: ScalarType?
  /// The narrow type that holds more than half of the tensors that say something, one of them by other than a sum.
  private(set) var most: ScalarType?
  private var isTelling = false
  /// How many tensors say something, and how many of these are of each narrow type.
  private var telling = 0
  private var upholding: [ScalarType: Int] = [:]
  private let named: ScalarType?

  // What is of both narrow types is rounded to 8 bits, as nothing in float16 is.
  private static let narrow: [ScalarType] = [.bfloat16, .float16]

  /// Looks at one tensor after the other, and stops once the answer cannot change.
  ///
  /// - Parameters:
  ///   - named: a type of which it is asked how many tensors are.
  ///   - looksForMost: whether it is asked which type most tensors are of.
  init(_ capture: some ActivationSource, against named: ScalarType? = nil, looksForMost: Bool = false) throws
  {
    self.named = named
    var candidates = Self.narrow + [.float32]
    var computing: Set<ScalarType> = []
    let operations = capture.graph.operations.filter { !$0.making.isExact && $0.making != .lookedUp }
    for (place, operation) in operations.enumerated() {
      guard capture.hasRightShape(operation.output), let tensor = try capture.tensor(operation.output) else {
        continue
      }
      let saysSomething = tensor.hasManySignificands
      let types = Self.narrow.filter(tensor.isHeld)
      candidates = candidates.filter { types.contains($0) || $0 == .float32 && tensor.isHeld(by: .float32) }
      if saysSomething {
        // A sum of what is narrow may be narrow by chance; what LayerNorm, softmax or a matrix makes is not.
        if operation.making != .combined {
          isTelling = true
          computing.formUnion(types)
        }
        telling += 1
        for type in types { upholding[type, default: 0] += 1 }
      }
      let left = operations.count - place - 1
      let canBeMost = Self.narrow.contains { 2 * (upholding[$0, default: 0] + left) > telling + left }
      if named == nil, candidates.isEmpty || looksForMost && !candidates.contains(where: \.isNarrow),
        !(looksForMost && canBeMost)
      {
        return
      }
    }
    common = isTelling ? candidates.first : nil
    most = Self.narrow.first { 2 * upholding[$0, default: 0] > telling && computing.contains($0) }
  }

  /// Whether there are values that say something, and most are not those of the type that was asked for.
  ///
  /// Programs that mix types keep sums, LayerNorm and softmax wide, which are fewer than what they compute in the narrow one.
  var contradictTheName: Bool {
    isTelling && named.map { 2 * upholding[$0, default: 0] < telling } ?? false
  }
}

extension Tensor<Double> {
  /// Whether there are so many different significands that numbers of a wide type are not all narrow by chance.
  fileprivate var hasManySignificands: Bool {
    var seen: Set<UInt64> = []
    for value in values where value.isFinite && value != 0 {
      seen.insert(value.significandBitPattern)
      if seen.count >= 16 { return true }
    }
    return false
  }
}

extension ActivationSource {
  /// Whether an activation is stored in a wider type than the precision that is named.
  fileprivate var storesWider: Bool { storesWider(than: precision.type) }

  /// Whether an activation is stored in a wider type.
  func storesWider(than type: ScalarType) -> Bool {
    graph.operations.contains { operation in
      storedType(of: operation.output).map { $0.significandBits > type.significandBits } ?? false
    }
  }
}
