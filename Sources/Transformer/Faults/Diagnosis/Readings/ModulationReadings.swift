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
  case itself, plusOne, negative, oneMinus, exponential, tanh, onePlusTanh, sigmoid, twiceSigmoid, softplus

  func value(_ x: Double) -> Double {
    switch self {
    case .itself: x
    case .plusOne: 1 + x
    case .negative: -x
    case .oneMinus: 1 - x
    case .exponential: exp(x)
    case .tanh: Foundation.tanh(x)
    case .onePlusTanh: 1 + Foundation.tanh(x)
    case .sigmoid: 1 / (1 + exp(-x))
    case .twiceSigmoid: 2 / (1 + exp(-x))
    case .softplus: log1p(exp(x))
    }
  }

  /// Of a part of the condition.
  func inWords(_ part: Int) -> String {
    switch self {
    case .itself: "part \(part)"
    case .plusOne: "1 + part \(part)"
    case .negative: "−part \(part)"
    case .oneMinus: "1 − part \(part)"
    case .exponential: "exp of part \(part)"
    case .tanh: "tanh of part \(part)"
    case .onePlusTanh: "1 + tanh of part \(part)"
    case .sigmoid: "the sigmoid of part \(part)"
    case .twiceSigmoid: "twice the sigmoid of part \(part)"
    case .softplus: "softplus of part \(part)"
    }
  }
}

/// Another way to modulate by a condition: which parts scale and are added, and in what form.
private struct ModulatedBy: Sendable, Equatable {
  struct Term: Sendable, Equatable {
    let form: ConditionForm
    let part: Int
  }

  /// nil for 1.
  let scale: Term?
  /// nil for 0.
  let shift: Term?

  private static let probeCount = 48

  /// The simplest first.
  static func all(_ parts: Int) -> [ModulatedBy] {
    func terms(_ forms: [ConditionForm]) -> [Term?] {
      [nil] + forms.flatMap { form in (0..<parts).map { Term(form: form, part: $0) } }
    }
    let (scales, shifts) = (terms(ConditionForm.allCases), terms([.itself, .negative]))
    return scales.flatMap { scale in shifts.map { ModulatedBy(scale: scale, shift: $0) } }
  }

  private func value(_ x: Double, _ column: Int, _ width: Int, _ condition: [Double]) -> Double {
    let factor = scale.map { $0.form.value(condition[$0.part * width + column]) } ?? 1
    return x * factor + (shift.map { $0.form.value(condition[$0.part * width + column]) } ?? 0)
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
    let tried = all(own.parts).filter { $0 != due }.map { way in
      (way: way, rest: rest { way.value(x.values[$0], $0 % x.rowWidth, x.rowWidth, condition) })
    }
    return TouchstoneFaults.nearest(tried, of: rest { want.values[$0] })
  }

  func value(of own: Modulation, in site: FaultSite) -> Tensor<Double>? {
    let (x, condition) = (site.activations[0], site.activations[1].values)
    guard condition.count == own.parts * x.rowWidth else { return nil }
    let values = x.values.indices.map { value(x.values[$0], $0 % x.rowWidth, x.rowWidth, condition) }
    return Tensor(values, shape: x.shape)
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
    func inWords(_ term: Term?, _ none: String) -> String { term.map { $0.form.inWords($0.part) } ?? none }
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
