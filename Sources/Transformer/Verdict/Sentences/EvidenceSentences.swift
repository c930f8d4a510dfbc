import TouchstoneModel

extension Evidence {
  /// What is found, in a sentence without its subject.
  package var sentence: String {
    switch self {
    case .shape(let shape, let due): "has the shape \(shape) where \(due) is due"
    case .notFinite(let value): "is \(value.isNaN ? .nan : value)"
    case .finiteness(let value, let due):
      "is \(value.isNaN ? .nan : value) where \(due.isFinite ? "a finite number" : "\(due)") is due"
    case .notHandedOn(let source): "is not the \(source) that it should be"
    case .onePassVariance:
      "is right for a variance found in one pass, E[x²] − μ², which cancels where the mean is large"
    case .drift:
      "strays from the golden though every recorded operation is consistent: "
        + "something that was not recorded differs"
    case .weight(let found): found.sentence
    case .cut(let found): found.sentence
    case .cutParameters(let found): found.sentence
    case .otherFunction(let found): found.sentence
    case .beyondPolicy(let found): found.sentence
    case .shared(let fault, let share, let deviations):
      "has errors that all rows share as if \(fault) (\(Int((100 * share).rounded())) % of the effect, "
        + "\(Int(min(deviations, 1e6))) standard deviations)"
    case .said(let sentence): sentence
    }
  }
}

extension WeightEvidence {
  fileprivate var sentence: String {
    "has errors that its rows share, as if the weight from input \(input) to output \(output) were "
      + "\(Float(found)) instead of \(Float(expected)) (\(Int(min(deviations, 1e6))) standard deviations, "
      + "where \(Int(min(threshold, 1e6).rounded(.up))) are no chance)"
  }
}

extension CutEvidence {
  fileprivate var sentence: String {
    let all =
      exceptions == 0
      ? "all \(grouped(count)) errors have one sign"
      : "\(grouped(count - exceptions)) of \(grouped(count)) errors have one sign"
    return
      "is cut to \(type.rawValue), not rounded to nearest: values are moved \(direction.rawValue) (\(all))"
  }
}

extension CutParameters {
  fileprivate var sentence: String {
    "is made with a \(subject.rawValue) that is cut to \(type.rawValue), not rounded to nearest "
      + "(\(grouped(count)) errors show \(Int((100 * share).rounded())) % of what that changes)"
  }
}

extension PolicyEvidence {
  fileprivate var sentence: String {
    switch kind {
    case .few(let share):
      "is computed in float32 and rounded once, at the store, but for \(grouped(count)) of "
        + "\(counted(elementCount, "element")): a step that is rounded moves \(significant(100 * share, 2)) % and more"
    case .scale(let factor):
      "has errors of \(significant(100 * factor, 2)) % of its results, where those of rounding depend on none "
        + "(\(grouped(elementCount)) results)"
    }
  }
}

extension OtherFunction {
  fileprivate var sentence: String {
    "is \(function.inWords) where \(due.inWords) is due (\(grouped(count)) arguments show "
      + "\(Int((100 * share).rounded())) % of what they differ by)"
  }
}

extension LayoutEvidence {
  /// What the difference is and what to change in the capture, without a subject.
  package var sentence: String {
    switch self {
    case .lastPosition(let shape, let due):
      "holds the last position only, \(shape): record every position, \(due), or none"
    case .fusedProjections(let axes):
      "holds queries, keys and values beside each other, \(axes): record q, k and v as [head, token, unit] each"
    case .shape(let shape, let axes, let due):
      "holds the same numbers under the shape \(shape): record them as \(list(axes)) = \(due)"
    case .axes(let stored, let flattened, let due):
      "holds the same numbers in another layout, \(list(stored))"
        + "\(flattened.map { ", flattened to \($0)" } ?? ""): record them as \(list(due))"
    case .extra(let axis, let count, let due, let first):
      "holds \(counted(count, axis)) too many: "
        + (first == 0
          ? "the first \(due) are those that are due" : "those from \(first) on are those that are due")
        + "; cut the others off"
    case .missing(let axis, let count, let due, let first):
      "lacks \(count) of \(counted(due, axis)), "
        + (count == 1 ? "that at \(first)" : "those from \(first) to \(first + count - 1)")
        + "; the others are right"
    case .headOrder(let order):
      "holds the same heads in another order, \(order): record head 0 first, as the weights have them"
    case .rowConstant:
      "is off by one constant in each row, which changes no probability: record it before that is added"
    }
  }

  /// What an engine does that goes on with the numbers as they were recorded; nil where that says no more.
  package var sentenceOfEngine: String? {
    guard case .axes(let stored, nil, let due) = self else { return nil }
    return "\(list(stored)) is read as \(list(due)), without transposing, and what follows goes on with that"
  }

  private func list(_ axes: [String]) -> String { "[" + axes.joined(separator: ", ") + "]" }
}
