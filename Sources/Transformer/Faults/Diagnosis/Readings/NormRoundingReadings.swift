import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// A norm some of whose steps or parameters are rounded to a narrower format.
  static let normRoundings: [Reading] = [
    Reading("norm.rounded-steps", .layerNorm, at: .norms) { site, got in
      RoundedNorm.found(site, got).map { rounded in
        Guess(rounded.inWords, storedAs: rounded.parts.contains(.output) ? rounded.format : nil) {
          rounded.value(of: $0)
        }
      }
    }
  ]
}

extension Reading {
  /// A norm that rounds after every step: a last place may fall to either side on the way.
  static let normsInSteps: [Reading] = [
    Reading("norm.in-steps", .layerNorm, at: .norms) { site, _ in
      guard site.norm?.isJoined == false else { return [] }
      return [NumberFormat.bfloat16, .float16].flatMap { format in
        [false, true].map { divides in
          Guess(
            "the norm is rounded to \(format.name) after every step"
              + (divides ? ", σ too, by which it divides" : ""),
            storedAs: format, granting: Fault.Grants(rounding: format)
          ) { RoundedNorm(format: format, parts: .steps, divides: divides).value(of: $0) }
        }
      }
    }
  ]
}

/// A norm of which some steps are rounded.
struct RoundedNorm: Sendable {
  /// What may be rounded.
  struct Parts: OptionSet, Hashable, Sendable {
    let rawValue: Int
    static let mean = Parts(rawValue: 1)
    static let variance = Parts(rawValue: 2)
    static let inverseDeviation = Parts(rawValue: 4)
    static let normalised = Parts(rawValue: 8)
    static let gain = Parts(rawValue: 16)
    static let bias = Parts(rawValue: 32)
    static let scaled = Parts(rawValue: 64)
    static let difference = Parts(rawValue: 128)
    static let output = Parts(rawValue: 256)

    static let names: [(Parts, String)] = [
      (.mean, "mean"), (.variance, "variance"), (.difference, "what is left without the mean"),
      (.inverseDeviation, "1/σ"), (.normalised, "what is normalised"), (.gain, "weight"),
      (.scaled, "what is scaled"),
      (.bias, "bias"), (.output, "output"),
    ]
    static let steps: Parts = [.mean, .variance, .inverseDeviation, .normalised, .scaled, .difference]
  }

  let format: NumberFormat
  let parts: Parts
  /// Whether it divides by σ, a root of what is rounded too, instead of multiplying by 1/σ.
  var divides = false

  private static let formats: [NumberFormat] = [.float16, .bfloat16, .tensorFloat32]
  private static let sampleCount = 6

  /// Those that leave next to nothing of the error in a few rows, the fewest parts first among those that leave the least.
  static func found(_ site: FaultSite, _ got: Tensor<Double>) -> [RoundedNorm] {
    guard let norm = site.norm, !norm.isJoined, got.values.allSatisfy(\.isFinite) else { return [] }
    let want = site.evaluated()
    let rows = Set(site.wrongPlaces.map { $0 / got.rowWidth }).sorted().prefix(sampleCount)
    let whole = rows.reduce(0.0) { sum, row in
      zip(got.row(row), want.row(row)).reduce(sum) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    let all = (1..<512).map { Parts(rawValue: $0) }.sorted {
      $0.rawValue.nonzeroBitCount < $1.rawValue.nonzeroBitCount
    }
    var tried: [(way: RoundedNorm, rest: Double)] = []
    for format in formats {
      for parts in all {
        let own = RoundedNorm(format: format, parts: parts)
        var rest = 0.0
        for row in rows {
          for (value, got) in zip(own.row(row, of: site), got.row(row)) {
            let difference = parts.contains(.output) ? format.leastError(from: value, to: got) : got - value
            rest += difference * difference
          }
          if rest > greatestRest * whole { break }
        }
        tried.append((own, rest))
      }
    }
    return nearest(tried, of: whole)
  }

  /// One row before the output's own rounding.
  private func row(_ index: Int, of site: FaultSite) -> [Double] {
    guard let norm = site.norm else { return [] }
    func rounded(_ value: Double, _ part: Parts) -> Double {
      parts.contains(part) ? format.round(value) : value
    }
    let (gain, bias) = (site.site.operands.parameters.first, site.site.operands.parameters.dropFirst().first)
    let row = NormRow(values: Array(site.activations[0].row(index)), subtractsMean: norm.subtractsMean)
    let mean = rounded(row.mean, .mean)
    let variance = rounded(row.variance, .variance)
    let square = variance + norm.epsilon
    let deviation = rounded((divides ? rounded(square, .variance) : square).squareRoot(), .inverseDeviation)
    let inverse = rounded(1 / square.squareRoot(), .inverseDeviation)
    return row.values.enumerated().map { column, x in
      let difference = rounded(x - mean, .difference)
      var y = rounded(divides ? difference / deviation : difference * inverse, .normalised)
      if let gain { y = rounded(y * (norm.offset + rounded(gain[column], .gain)), .scaled) }
      if let bias { y += rounded(bias[column], .bias) }
      return y
    }
  }

  func value(of site: FaultSite) -> Tensor<Double> {
    let x = site.activations[0]
    return Tensor((0..<x.rowCount).flatMap { row($0, of: site) }, shape: x.shape)
  }

  var inWords: String {
    let kind = parts.isSuperset(of: .steps) ? "every step of the norm is" : nil
    let names = Parts.names.filter { parts.contains($0.0) }.map(\.1)
    let list =
      names.count < 2 ? names[0] : names.dropLast().joined(separator: ", ") + " and " + names[names.count - 1]
    return (kind ?? "the norm's \(list) \(names.count == 1 ? "is" : "are")") + " rounded to \(format.name)"
  }
}
