import Foundation
import TouchstoneGraph
import TouchstoneModel

extension Modulation {
  static let readings: [Reading] = [
    Reading("modulation.other", .wiring, of: Modulation.self) { own, site, got in
      ModulatedBy.nearest(own, site, got).map { way in
        Reading.Guess(way.inWords(insteadOf: own)) { way.value(of: own, in: $0) }
      }
    },
    Reading("modulation.applied-twice", .wiring, of: Modulation.self) { own, _, _ in
      [
        Reading.Guess(own.shift == nil ? "the gate is applied twice" : "scale and shift are applied twice") {
          site in
          site.evaluated(changing: 0) { $0 = site.evaluated() }
        }
      ]
    },
  ]
}

/// What a number of the condition becomes before it scales or is added.
enum ConditionForm: CaseIterable, Sendable {
  case itself, plusOne, plusTwo, negative, oneMinus, magnitude, inverse, exponential, tanh, onePlusTanh,
    sigmoid
  case twiceSigmoid, silu, softplus

  func value(_ x: Double) -> Double {
    switch self {
    case .itself: x
    case .plusOne: 1 + x
    case .plusTwo: 2 + x
    case .negative: -x
    case .oneMinus: 1 - x
    case .magnitude: abs(x)
    case .inverse: 1 / (1 + x)
    case .exponential: exp(x)
    case .tanh: Foundation.tanh(x)
    case .onePlusTanh: 1 + Foundation.tanh(x)
    case .sigmoid: 1 / (1 + exp(-x))
    case .twiceSigmoid: 2 / (1 + exp(-x))
    case .silu: x / (1 + exp(-x))
    case .softplus: log1p(exp(x))
    }
  }

  /// Of a part of the condition.
  func inWords(_ part: Int) -> String {
    switch self {
    case .itself: "part \(part)"
    case .plusOne: "1 + part \(part)"
    case .plusTwo: "2 + part \(part)"
    case .negative: "−part \(part)"
    case .oneMinus: "1 − part \(part)"
    case .magnitude: "the magnitude of part \(part)"
    case .inverse: "1/(1 + part \(part))"
    case .exponential: "exp of part \(part)"
    case .tanh: "tanh of part \(part)"
    case .onePlusTanh: "1 + tanh of part \(part)"
    case .sigmoid: "the sigmoid of part \(part)"
    case .twiceSigmoid: "twice the sigmoid of part \(part)"
    case .silu: "SiLU of part \(part)"
    case .softplus: "softplus of part \(part)"
    }
  }
}

/// Another way to modulate by a condition: which parts scale and are added, in what form, and which of their numbers.
private struct ModulatedBy: Sendable, Equatable {
  /// Which number of a part is taken for a unit of a token.
  enum Number: CaseIterable, Sendable {
    case own, first, reversed, next, before, ofToken

    func index(_ token: Int, _ unit: Int, _ width: Int) -> Int {
      switch self {
      case .own: unit
      case .first: 0
      case .reversed: width - 1 - unit
      case .next: (unit + 1) % width
      case .before: (unit + width - 1) % width
      case .ofToken: token % width
      }
    }

    var inWords: String {
      switch self {
      case .own: ""
      case .first: ", its first number for all units,"
      case .reversed: ", in reverse order,"
      case .next: ", that of the next unit,"
      case .before: ", that of the unit before,"
      case .ofToken: ", by token instead of by unit,"
      }
    }
  }

  struct Term: Sendable, Equatable {
    let form: ConditionForm
    let part: Int
    var number = Number.own

    var inWords: String { form.inWords(part) + number.inWords }

    func value(_ token: Int, _ unit: Int, _ width: Int, _ condition: [Double]) -> Double {
      form.value(condition[part * width + number.index(token, unit, width)])
    }
  }

  /// nil for 1.
  let scale: Term?
  /// nil for 0.
  let shift: Term?

  private static let probeCount = 48

  /// The simplest first.
  static func all(_ own: Modulation) -> [ModulatedBy] {
    func terms(_ forms: [ConditionForm], due: ConditionForm) -> [Term?] {
      let others = Number.allCases.dropFirst().flatMap { number in
        (0..<own.parts).map { Term(form: due, part: $0, number: number) }
      }
      return [nil] + forms.flatMap { form in (0..<own.parts).map { Term(form: form, part: $0) } } + others
    }
    let scales = terms(ConditionForm.allCases, due: own.plus == 0 ? .itself : .plusOne)
    let shifts = terms([.itself, .negative], due: .itself)
    return scales.flatMap { scale in shifts.map { ModulatedBy(scale: scale, shift: $0) } }
  }

  private func value(_ x: Tensor<Double>, _ offset: Int, _ condition: [Double]) -> Double {
    let (token, unit) = offset.quotientAndRemainder(dividingBy: x.rowWidth)
    let factor = scale.map { $0.value(token, unit, x.rowWidth, condition) } ?? 1
    return x.values[offset] * factor + (shift.map { $0.value(token, unit, x.rowWidth, condition) } ?? 0)
  }

  /// Those that leave next to nothing of some of the errors.
  static func nearest(_ own: Modulation, _ site: FaultSite, _ got: Tensor<Double>) -> [ModulatedBy] {
    let (x, condition, want) = (site.activations[0], site.activations[1].values, site.evaluated())
    let step = max(1, site.wrongPlaces.count / probeCount)
    let probes = stride(from: 0, to: site.wrongPlaces.count, by: step).map { site.wrongPlaces[$0] }
    func rest(_ value: (Int) -> Double) -> Double {
      probes.reduce(0) { $0 + (value($1) - got.values[$1]) * (value($1) - got.values[$1]) }
    }
    let due = ModulatedBy(own)
    let tried = all(own).filter { $0 != due }.map { way in
      (way: way, rest: rest { way.value(x, $0, condition) })
    }
    return TouchstoneFaults.nearest(tried, of: rest { want.values[$0] })
  }

  func value(of own: Modulation, in site: FaultSite) -> Tensor<Double>? {
    let (x, condition) = (site.activations[0], site.activations[1].values)
    guard condition.count == own.parts * x.rowWidth else { return nil }
    return Tensor(x.values.indices.map { value(x, $0, condition) }, shape: x.shape)
  }

  init(scale: Term?, shift: Term?) { (self.scale, self.shift) = (scale, shift) }

  /// What is due.
  private init(_ own: Modulation) {
    scale = Term(form: own.plus == 0 ? .itself : .plusOne, part: own.scale)
    shift = own.shift.map { Term(form: .itself, part: $0) }
  }

  /// What is not as it is due.
  func inWords(insteadOf own: Modulation) -> String {
    let due = ModulatedBy(own)
    func inWords(_ term: Term?, _ none: String) -> String { term?.inWords ?? none }
    var parts: [String] = []
    if scale != due.scale {
      parts.append(
        "rows are multiplied by \(inWords(scale, "1")) instead of \(inWords(due.scale, "1")) of the condition"
      )
    }
    if let shift, shift == due.shift.map({ Term(form: .negative, part: $0.part) }) {
      parts.append("part \(shift.part) of the condition is taken away instead of added")
    } else if shift != due.shift {
      parts.append("\(inWords(shift, "nothing")) is added instead of \(inWords(due.shift, "nothing"))")
    }
    return parts.joined(separator: ", ")
  }
}
