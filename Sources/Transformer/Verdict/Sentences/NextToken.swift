import TouchstoneGraph
import TouchstoneModel

/// The next tokens that a capture would choose beside those of the golden, position by position.
package struct NextTokens: Sendable, Equatable {
  /// How many positions are compared: those of tokens that attend to something.
  package let count: Int
  /// The positions at which the capture's greatest logit is another than the golden's.
  package let differing: [Int]
  /// The positions at which the capture's logits are not all finite, so that none is the greatest.
  package let unreadable: [Int]
  /// The positions at which rounding can change the golden's choice; nil where the golden has no noise floor that
  /// holds for this capture.
  package let ties: [Int]?

  /// Compares the logits.
  ///
  /// - Returns: nil where one of the two has none, or of another shape.
  /// - Throws: what reading them throws.
  package init?(of capture: any ActivationSource, golden: any ActivationSource) throws {
    guard let point = golden.graph.results.logits, capture.hasRightShape(point), golden.hasRightShape(point),
      let own = try capture.tensor(point),
      let wanted = try golden.tensor(point), own.shape == wanted.shape
    else { return nil }
    let seesAnyKey = golden.seesAnyKey(of: point)
    let positions = (0..<own.rowCount).filter { seesAnyKey[$0] }
    count = positions.count
    let certificate = capture.precision.type == .float32 ? try TokenCertificate(golden: golden) : nil
    let rows = positions.indices.concurrentMap { index in
      let (position, row) = (positions[index], own.row(positions[index]))
      return (
        isReadable: row.allSatisfy { $0.isFinite },
        differs: Self.greatest(row) != Self.greatest(wanted.row(position)),
        isTie: certificate.map { !$0.argMax(at: position).isCertain } ?? false
      )
    }
    let found = zip(positions, rows)
    unreadable = found.filter { !$1.isReadable }.map(\.0)
    differing = found.filter { $1.isReadable && $1.differs }.map(\.0)
    ties = certificate.map { _ in found.filter { $1.isTie }.map(\.0) }
  }

  /// The id of the greatest logit, the least of equal ones.
  private static func greatest(_ row: ArraySlice<Double>) -> Int? {
    guard var greatest = row.indices.first else { return nil }
    for id in row.indices where row[id] > row[greatest] { greatest = id }
    return greatest - row.startIndex
  }

  /// What there is to say, in a sentence; nil where no position is compared.
  package var sentence: String? {
    guard count > 0 else { return nil }
    guard unreadable.isEmpty else {
      return
        "Next token: at \(grouped(unreadable.count)) of \(counted(count, "position")) the capture's logits are not all "
        + "finite, so that none is the greatest."
    }
    guard !differing.isEmpty else {
      let certain = ties.map { ties in
        ", and certain at \(grouped(count - ties.count))"
          + (ties.isEmpty ? "" : ", within rounding of a tie at \(Self.list(ties))")
      }
      return
        "Next token: the capture's arg max is the golden's at \(grouped(count)) of \(counted(count, "position"))"
        + "\(certain ?? "")."
    }
    let isAll = differing.count == count
    let explained = ties.map(Set.init(_:)).map { ties in differing.filter(ties.contains) }
    let reason = explained.map { explained in
      explained.isEmpty
        ? "; rounding explains none of that" : "; rounding explains it at \(Self.list(explained)), a tie"
    }
    return
      "Next token: the capture's arg max is another at \(grouped(differing.count)) of \(counted(count, "position"))"
      + (isAll ? "" : " (\(Self.list(differing)))") + "\(reason ?? "")."
  }

  private static func list(_ positions: [Int]) -> String {
    positions.prefix(8).map(String.init).joined(separator: ", ")
      + (positions.count > 8 ? " and \(grouped(positions.count - 8)) more" : "")
  }
}
