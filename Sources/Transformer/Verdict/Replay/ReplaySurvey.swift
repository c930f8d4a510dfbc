import TouchstoneGraph
import TouchstoneModel

extension Replay {
  /// How the errors of an output are spread.
  ///
  /// - Parameters:
  ///   - method: how it was judged: each element by its bound, or rows by the noise of what was replayed together.
  ///   - greatest: the greatest finite value that the implementation can hold; beyond it ∞ is right.
  func survey(
    _ got: Tensor<Double>, _ want: Estimate, by method: Verdict.Method, greatest: Double,
    isJudged: (Int) -> Bool
  ) -> ErrorSurvey {
    func isCompared(_ offset: Int) -> Bool {
      let (actual, due) = (got.values[offset], want.values.values[offset])
      let overflows = actual.isInfinite && (actual < 0) == (due < 0) && abs(due) > greatest
      return isJudged(offset) && !overflows
    }
    guard method == .replay else {
      let noise = noiseDistribution(isJudged)
      return ErrorSurvey(
        unit: .rowNoise, got: got, want: want.values, axes: axes, headCount: headCount, isJudged: isCompared,
        bound: { noise.allowance(ofRow: $0 / got.rowWidth) })
    }
    return ErrorSurvey(
      got: got, want: want.values, axes: axes, headCount: headCount, isJudged: isCompared,
      bound: { want.bounds[$0].stat })
  }

  /// Into how many heads the columns of the output are divided, where it averages over keys by heads.
  private var headCount: Int? {
    guard plan.operation.kind.bounded.attention != nil, axes.count == 2,
      case .head(let count)? = plan.operation.inputs.first.flatMap({ graph.axes(of: $0)?.first }),
      case .unit(let width)? = axes.last, count > 1, width.isMultiple(of: count)
    else { return nil }
    return count
  }
}
