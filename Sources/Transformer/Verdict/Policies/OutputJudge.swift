import TouchstoneGraph
import TouchstoneModel

/// One operation of a capture, whose output may be exchanged: what all outputs are held against is computed once.
package final class OutputJudge {
  private let operation: Operation
  private let replay: Replay
  private let search: AlternativeSearch
  private let kept = KeptReplays()
  private let inferred: Replay

  init(_ operation: Operation, _ replay: Replay, _ search: AlternativeSearch) {
    self.operation = operation
    self.replay = replay.keepingEstimates
    self.search = search
    inferred = search.tightest(replay).keepingEstimates
  }

  /// What is found where the operation made `output` from what the capture holds of its inputs, every policy tried.
  ///
  /// - Parameter output: of the shape and the type that are recorded.
  /// - Returns: nil where no element can be compared.
  /// - Throws: what reading the capture throws.
  package func finding(_ output: Tensor<Double>) throws -> Finding? {
    try search.result(operation, replay.judging(output), kept: kept).finding
  }

  /// Whether an element of `output` lies beyond the policy that what is recorded shows.
  package func isBeyondPolicy(_ output: Tensor<Double>) -> Bool {
    inferred.judging(output).comparedByPolicy.map { $0.beyondCount > 0 } ?? false
  }
}
