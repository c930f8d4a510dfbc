import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// The findings by layer and operation, short enough to read at any depth.
///
/// Neighbouring layers in which the same operations are flagged are shown as one group, each operation by its worst
/// layer; layers in which nothing is flagged are one row, unless that is all of them.
struct OperationTable {
  /// One line: an operation, or all the operations of some layers.
  struct Row {
    let label: String
    /// The worst of them.
    let worst: Finding
    /// The largest inherited error among them.
    let inherited: Double?
    /// Whether it stands for several operations.
    let isSummary: Bool

    init(_ findings: [Finding], worst: Finding, label: String? = nil) {
      self.label = label ?? worst.name
      self.worst = worst
      self.inherited = findings.compactMap(\.inherited).max()
      self.isSummary = label != nil
    }
  }

  /// Rows under a title; without one outside the layers.
  struct Group {
    let title: String?
    let rows: [Row]
  }

  let groups: [Group]

  /// More groups than this with flagged operations show only those.
  private static let greatestDetail = 3

  init(_ findings: [Finding]) {
    let outside = findings.filter { $0.activation.layer == nil }
    let before = outside.filter { $0.activation.point.rawValue.hasPrefix("embed/") }
    let after = outside.filter { !$0.activation.point.rawValue.hasPrefix("embed/") }
    let runs = Self.runs(findings)
    let flaggedRuns = runs.filter(\.isFlagged).count
    let layered = runs.map { run in
      if !run.isFlagged && flaggedRuns > 0 { return run.asOneRow }
      return run.asGroup(showsAll: flaggedRuns <= Self.greatestDetail)
    }
    groups = [Self.group(before)] + layered + [Self.group(after)]
  }

  private static func group(_ findings: [Finding]) -> Group {
    Group(title: nil, rows: rows(byPoint: findings))
  }

  fileprivate static func rows(byPoint findings: [Finding]) -> [Row] {
    let byPoint = Dictionary(grouping: findings, by: \.activation.point)
    return Activation.Point.allCases.compactMap { point in
      guard let same = byPoint[point], let worst = same.max(by: { $0.order < $1.order }) else { return nil }
      return Row(same, worst: worst)
    }
  }

  private static func runs(_ findings: [Finding]) -> [LayerRun] {
    var byLayer: [Int: [Finding]] = [:]
    for finding in findings {
      if let layer = finding.activation.layer { byLayer[layer, default: []].append(finding) }
    }
    var runs: [LayerRun] = []
    for (layer, findings) in byLayer.sorted(by: { $0.key < $1.key }) {
      let flagged = Set(findings.filter { $0.zone != .consistent }.map(\.activation.point))
      if let last = runs.last, last.flagged == flagged {
        runs[runs.count - 1].layers.append(layer)
        runs[runs.count - 1].findings += findings
      } else {
        runs.append(LayerRun(layers: [layer], flagged: flagged, findings: findings))
      }
    }
    return runs
  }
}

/// Neighbouring layers in which the same operations are flagged.
private struct LayerRun {
  var layers: [Int]
  let flagged: Set<Activation.Point>
  var findings: [Finding]

  var isFlagged: Bool { !flagged.isEmpty }

  var asOneRow: OperationTable.Group {
    OperationTable.Group(title: nil, rows: summary(findings, label: layersText(layers)))
  }

  func asGroup(showsAll: Bool) -> OperationTable.Group {
    guard !showsAll else {
      return OperationTable.Group(title: layersText(layers), rows: OperationTable.rows(byPoint: findings))
    }
    let (shown, others) = (
      findings.filter { flagged.contains($0.activation.point) },
      findings.filter { !flagged.contains($0.activation.point) }
    )
    return OperationTable.Group(
      title: layersText(layers),
      rows: OperationTable.rows(byPoint: shown)
        + summary(others, label: counted(Set(others.map(\.activation.point)).count, "other operation")))
  }

  private func summary(_ findings: [Finding], label: String) -> [OperationTable.Row] {
    guard let worst = findings.max(by: { $0.order < $1.order }) else { return [] }
    return [OperationTable.Row(findings, worst: worst, label: label)]
  }
}
