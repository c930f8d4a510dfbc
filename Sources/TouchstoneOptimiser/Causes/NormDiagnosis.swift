import TouchstoneModel
import TouchstoneVerdict

/// What a norm that is flagged is instead.
struct NormDiagnosis {
  private let context: StepContext

  init(_ context: StepContext) { self.context = context }

  /// The cause, where the recorded norm is another number of the same gradients within rounding.
  ///
  /// - Throws: `BadInput` where a parameter cannot be read.
  func causes(_ flagged: [StepFinding]) throws(BadInput) -> [StepCause] {
    guard flagged.contains(where: { $0.stage == .norm }), let got = context.description.norm,
      let squares = context.squares
    else { return [] }
    let (step, norm) = (context.description, squares.norm)
    let scale = step.lossScale
    var candidates: [(id: String, name: String, value: Double)] = [
      ("clip-norm-not-rooted", "the root of Σg² is not taken", squares.sum),
      ("clip-norm-is-mean", "it is a root mean square", norm / squares.count.squareRoot()),
      ("clip-norm-is-mean", "it is divided by the number of elements", norm / squares.count),
      ("clip-norm-is-mean", "it is a mean square", squares.sum / squares.count),
      ("clip-norm-is-maximum", "it is the greatest element", squares.greatest),
      ("clip-norm-is-absolute", "it is the sum of magnitudes", squares.absolute),
      ("clip-before-unscale", "it is of the gradients before they are unscaled", norm * scale),
      ("clip-before-unscale", "it is divided by the loss scale once more", norm / scale),
    ]
    var sumOfNorms = 0.0
    for name in step.parameters {
      let gradient = try context.source.tensor(.gradient, of: name, in: context.index)?.values ?? []
      let part = gradient.reduce(0) { $0 + $1 * $1 }
      sumOfNorms += part.squareRoot()
      candidates.append(
        ("clip-norm-of-one-tensor-lost", "\(name) is left out of it", max(0, squares.sum - part).squareRoot())
      )
      candidates.append(("clip-norm-of-one-tensor", "it is of \(name) alone", part.squareRoot()))
    }
    candidates.append(("clip-norm-of-norms-added", "the norms of the parameters are added", sumOfNorms))
    let relative = squares.relativeError(context.rounding).stat
    let found = candidates.filter { abs(got - $0.value) <= 2 * relative * abs($0.value) }
    guard let first = found.first else { return [] }
    return [
      StepCause(
        id: first.id,
        name: "the global norm is another: \(first.name) (\(number(got)) instead of \(number(norm)))",
        step: step.place, stages: [.norm], parameters: (step.parameters.count, step.parameters.count),
        examples: [], ratio: abs(got - first.value) / (2 * relative * abs(first.value)),
        equivalents: found.dropFirst().map(\.name))
    ]
  }
}
