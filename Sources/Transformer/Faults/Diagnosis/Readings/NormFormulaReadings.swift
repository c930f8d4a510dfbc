import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// A norm by another formula: what is taken from a row, what it is divided by, and which parameters are used.
  static let normFormulas: [Reading] = [
    Reading("norm.other-formula", .layerNorm, at: .norms) { site, got in
      NormFormula.found(site, got).map { formula in
        Guess(formula.inWords(site)) { site in formula.value(of: site) }
      }
    }
  ]
}

/// How a row is normalised, whatever the model's norm is.
struct NormFormula: Sendable, Equatable {
  /// What a row is divided by; the mean is that of the row, taken from it or not.
  enum Divisor: CaseIterable, Sendable {
    case deviation, unbiasedDeviation, deviationAndEpsilon, meanSquare, variance, length, meanMagnitude
    case greatest
    case one

    var inWords: String {
      switch self {
      case .deviation: "√(variance + ε)"
      case .unbiasedDeviation: "√(variance by n − 1 + ε)"
      case .deviationAndEpsilon: "√variance + ε"
      case .meanSquare: "√(mean of the squares + ε)"
      case .variance: "variance + ε, without the root"
      case .length: "the length of the row"
      case .meanMagnitude: "the mean magnitude"
      case .greatest: "the greatest magnitude"
      case .one: "nothing"
      }
    }

    func value(of row: ArraySlice<Double>, mean: Double, epsilon: Double) -> Double {
      let count = Double(row.count)
      func squares(around centre: Double) -> Double {
        row.reduce(0) { $0 + ($1 - centre) * ($1 - centre) }
      }
      switch self {
      case .deviation: return (squares(around: mean) / count + epsilon).squareRoot()
      case .unbiasedDeviation: return (squares(around: mean) / (count - 1) + epsilon).squareRoot()
      case .deviationAndEpsilon: return (squares(around: mean) / count).squareRoot() + epsilon
      case .meanSquare: return (squares(around: 0) / count + epsilon).squareRoot()
      case .variance: return squares(around: mean) / count + epsilon
      case .length: return (squares(around: mean) + epsilon).squareRoot()
      case .meanMagnitude: return row.reduce(0) { $0 + abs($1 - mean) } / count + epsilon
      case .greatest: return row.reduce(0) { max($0, abs($1 - mean)) } + epsilon
      case .one: return 1
      }
    }
  }

  let takesMean: Bool
  let divisor: Divisor
  var hasGain = true
  var hasBias = true

  static let all: [NormFormula] = {
    let parameters = [(true, true), (false, true), (true, false), (false, false)]
    return parameters.flatMap { gain, bias in
      [true, false].flatMap { takesMean in
        Divisor.allCases.map {
          NormFormula(takesMean: takesMean, divisor: $0, hasGain: gain, hasBias: bias)
        }
      }
    }
  }()

  /// Those that leave next to nothing of the error in a few rows, those nearest to the model's own first.
  static func found(_ site: FaultSite, _ got: Tensor<Double>) -> [NormFormula] {
    guard let norm = site.norm, !norm.isJoined, got.values.allSatisfy(\.isFinite) else { return [] }
    let own = NormFormula(norm)
    let want = site.evaluated()
    let rows = Set(site.wrongPlaces.map { $0 / got.rowWidth }).sorted().suffix(3)
    func rest(_ formula: NormFormula?) -> Double {
      rows.reduce(0.0) { sum, row in
        let value = formula.map { $0.row(row, of: site) } ?? Array(want.row(row))
        return zip(got.row(row), value).reduce(sum) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      }
    }
    let count = site.parameters.count
    let possible = all.filter { $0 != own && ($0.hasGain || count > 0) && ($0.hasBias || count > 1) }
    let tried = possible.sorted { $0.distance(from: own) < $1.distance(from: own) }
      .map { (way: $0, rest: rest($0)) }
    return nearest(tried, of: rest(nil))
  }

  private init(takesMean: Bool, divisor: Divisor, hasGain: Bool, hasBias: Bool) {
    (self.takesMean, self.divisor) = (takesMean, divisor)
    (self.hasGain, self.hasBias) = (hasGain, hasBias)
  }

  private init(_ norm: any Normalising) {
    self.init(
      takesMean: norm.subtractsMean, divisor: norm.subtractsMean ? .deviation : .meanSquare, hasGain: true,
      hasBias: true)
  }

  /// In how many things they differ.
  private func distance(from other: NormFormula) -> Int {
    [
      takesMean != other.takesMean, divisor != other.divisor, hasGain != other.hasGain,
      hasBias != other.hasBias,
    ].count { $0 }
  }

  /// What is not as the model's norm has it.
  func inWords(_ site: FaultSite) -> String {
    guard let norm = site.norm else { return "" }
    let own = NormFormula(norm)
    var parts: [String] = []
    if takesMean != own.takesMean {
      parts.append(
        takesMean ? "the mean of each row is subtracted" : "the mean of each row is not subtracted")
    }
    if divisor != own.divisor {
      parts.append("each row is divided by \(divisor.inWords) instead of \(own.divisor.inWords)")
    }
    if hasGain != own.hasGain { parts.append("the norm's weight is not used") }
    if hasBias != own.hasBias { parts.append("the norm's bias is not added") }
    return parts.joined(separator: ", ")
  }

  /// One row of the output.
  private func row(_ index: Int, of site: FaultSite) -> [Double] {
    guard let norm = site.norm else { return [] }
    let x = site.activations[0].row(index)
    let mean = x.reduce(0, +) / Double(x.count)
    let shift = takesMean ? mean : 0
    let divisor = divisor.value(of: x, mean: mean, epsilon: norm.epsilon)
    let (gain, bias) = (site.site.operands.parameters.first, site.site.operands.parameters.dropFirst().first)
    return x.enumerated().map { column, value in
      var y = (value - shift) / divisor
      if hasGain, let gain { y *= norm.offset + gain[column] }
      if hasBias, let bias { y += bias[column] }
      return y
    }
  }

  func value(of site: FaultSite) -> Tensor<Double> {
    let x = site.activations[0]
    return Tensor((0..<x.rowCount).flatMap { row($0, of: site) }, shape: x.shape)
  }
}
