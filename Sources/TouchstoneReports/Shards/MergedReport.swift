import Foundation
import TouchstoneModel
import TouchstoneVerdict

extension Report {
  /// The report on a model whose layers were judged in shards, each by `touchstone diff --layers`.
  ///
  /// - Parameter shards: the reports as ``json()`` gives them, by the names of their files, in any order.
  /// - Throws: ``BadInput`` for what is no such report, for layers that are in none of them or in two, and for reports of
  ///   different runs.
  public init(merging shards: [(file: String, text: Data)]) throws(BadInput) {
    var documents: [ShardDocument] = []
    for shard in shards { documents.append(try ShardDocument(shard.text, file: shard.file)) }
    documents.sort { $0.facts.layers.layers.lowerBound < $1.facts.layers.layers.lowerBound }
    guard let first = documents.first else {
      throw BadInput(problem: "there is no shard to merge", remedy: "name the reports of all shards")
    }
    for document in documents { try document.checkOfRun(first) }
    for (document, before) in zip(documents.dropFirst(), documents)
    where document.facts.layers.layers.lowerBound < before.facts.layers.layers.upperBound {
      throw BadInput(
        file: document.file, place: "layers",
        problem: "\(document.facts.layers) overlap \(before.facts.layers) of \(before.file)",
        remedy: "give each layer once")
    }
    let bounds = documents.map(\.facts.layers.layers)
    for (end, start) in zip(
      [0] + bounds.map(\.upperBound), bounds.map(\.lowerBound) + [first.facts.layerCount])
    where end < start {
      throw BadInput(
        place: "layers", problem: "\(end)..<\(start) are in none of the shards",
        remedy: "judge them by --layers, and give that report too")
    }
    self.init(
      verdict: Verdict(joining: documents.map(\.report.verdict)), golden: first.report.golden,
      capture: first.report.capture, implementation: first.report.implementation, run: first.run)
  }
}

extension ShardDocument {
  /// - Throws: ``BadInput`` for a report of another run, or one that was judged by other rules.
  fileprivate func checkOfRun(_ other: ShardDocument) throws(BadInput) {
    let (own, wanted) = (report.verdict, other.report.verdict)
    let differs: String? =
      if run != other.run || facts.layerCount != other.facts.layerCount
        || facts.operationCount != other.facts.operationCount
      {
        "is of another run than \(other.file): another model, other weights, another sequence or another precision"
      } else if report.implementation != other.report.implementation {
        "is of another implementation than \(other.file)"
      } else if own.contract != wanted.contract || facts.acceptsPartial != other.facts.acceptsPartial
        || facts.hasWeights != other.facts.hasWeights || own.precision != wanted.precision
      {
        "was judged otherwise than \(other.file): strictly, partially, with weights or in a precision that the other was not"
      } else {
        nil
      }
    guard let differs else { return }
    throw BadInput(file: file, problem: differs, remedy: "merge shards of one run, judged by one command")
  }
}
