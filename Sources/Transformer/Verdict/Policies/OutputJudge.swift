import TouchstoneGraph
import TouchstoneModel

/// One operation of a capture, whose output may be exchanged: what all outputs are held against is computed once.
package final class OutputJudge {
  private let operation: Operation
  private let replay: Replay
  private let search: AlternativeSearch
  private let kept = KeptReplays()

  init(_ operation: Operation, _ replay: Replay, _ search: AlternativeSearch) {
    self.operation = operation
    self.replay = replay.keepingEstimates
    self.search = search
  }

  /// What is found where the operation made `output` from what the capture holds of its inputs, every policy tried.
  ///
  /// - Parameter output: of the shape and the type that are recorded.
  /// - Returns: nil where no element can be compared.
  /// - Throws: what reading the capture throws.
  package func finding(_ output: Tensor<Double>) throws -> Finding? {
    let replay = replay.judging(output)
    return try replay.result().finding.map { try search.finding(operation, $0, replay, kept: kept) }
  }
}
