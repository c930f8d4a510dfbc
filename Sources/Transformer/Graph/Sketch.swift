import TouchstoneModel

/// What is kept of an activation where the activation itself is too large: of each of its rows the length, fixed random
/// projections and the greatest entries; and the digest of all of it.
///
/// Projection k of a row x is Σ sₖ(j)·x[j], added in the order of j, with sₖ(j) = −1 where bit k of output j of SplitMix64
/// (Steele, Lea & Flood 2014) seeded with ``seed`` is set, else 1. Entries that the definition masks count as 0, whatever
/// is recorded there.
public struct Sketch: Sendable, Equatable {
  /// K: how many projections a row has.
  public static let projectionCount = 16
  /// How many of a row's greatest entries are kept, or all where it has fewer.
  public static let greatestCount = 4
  /// The seed of the signs.
  public static let seed: UInt64 = 0x746f_7563_6873_746f

  /// The extents of the activation.
  public let shape: [Int]
  /// √Σ x² of each row.
  public let norms: [Double]
  /// [rows, K].
  public let projections: [Double]
  /// The entries of greatest magnitude, falling, what is no number before all others: [rows, ``entryCount(ofRows:)``].
  public let greatest: [Double]
  /// Where in their row they stand; the first of equals first.
  public let places: [Int]
  /// The SHA-256 of the activation's little-endian bytes, as they are stored.
  public let sha256: String

  /// How many entries are kept of rows of a width.
  public static func entryCount(ofRows width: Int) -> Int { min(greatestCount, width) }

  /// Collects what was kept.
  public init(
    shape: [Int], norms: [Double], projections: [Double], greatest: [Double], places: [Int], sha256: String
  ) {
    let rows = shape.dropLast().reduce(1, *)
    let entries = rows * Self.entryCount(ofRows: shape.last ?? 1)
    precondition(
      norms.count == rows && projections.count == rows * Self.projectionCount && greatest.count == entries
        && places.count == entries, "a sketch does not fit the shape \(shape)")
    self.shape = shape
    self.norms = norms
    self.projections = projections
    self.greatest = greatest
    self.places = places
    self.sha256 = sha256
  }

  /// Makes a sketch.
  ///
  /// - Parameters:
  ///   - sha256: the digest of the bytes.
  ///   - isJudged: whether the element at a place follows the definition.
  public init(of tensor: Tensor<Double>, sha256: String, isJudged: (Int) -> Bool) {
    let width = tensor.rowWidth
    let signs = Self.signs(width)
    let entries = Self.entryCount(ofRows: width)
    var (norms, projections, greatest, places) = ([Double](), [Double](), [Double](), [Int]())
    for row in 0..<tensor.rowCount {
      var square = 0.0
      var sums = SIMD16<Double>.zero
      var kept: [(size: Double, place: Int)] = []
      for column in 0..<width where isJudged(row * width + column) {
        let value = tensor.values[row * width + column]
        square += value * value
        sums += signs[column] * value
        let size = value.isNaN ? .infinity : abs(value)
        if kept.count == entries, size <= kept[entries - 1].size { continue }
        let place = kept.firstIndex { $0.size < size } ?? kept.count
        kept.insert((size, column), at: place)
        if kept.count > entries { kept.removeLast() }
      }
      norms.append(square.squareRoot())
      for k in 0..<Self.projectionCount { projections.append(sums[k]) }
      // Rows of which little is judged.
      let others = (0..<width).lazy.filter { column in !kept.contains { $0.place == column } }
      for place in kept.map(\.place) + others.prefix(entries - kept.count) {
        let offset = row * width + place
        greatest.append(isJudged(offset) ? tensor.values[offset] : 0)
        places.append(place)
      }
    }
    self.init(
      shape: tensor.shape, norms: norms, projections: projections, greatest: greatest, places: places,
      sha256: sha256)
  }

  /// The signs of each column, one a projection.
  private static func signs(_ width: Int) -> [SIMD16<Double>] {
    var state = seed
    return (0..<width).map { _ in
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      z ^= z >> 31
      var signs = SIMD16<Double>(repeating: 1)
      for k in 0..<projectionCount where z >> UInt64(k) & 1 == 1 { signs[k] = -1 }
      return signs
    }
  }
}

/// Sketches of recorded activations, wherever they are kept.
public protocol SketchSource {
  /// The sketch of an activation; nil where there is none.
  func sketch(of activation: Activation) throws -> Sketch?
}
