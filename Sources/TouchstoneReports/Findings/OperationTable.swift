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
    let order = OperationOrder(findings).names
    let outside = findings.filter { $0.activation.block == nil }
    let before = outside.filter { $0.activation.isEmbedded }
    let after = outside.filter { !$0.activation.isEmbedded }
    let runs = Self.runs(findings)
    let flaggedRuns = runs.filter(\.isFlagged).count
    let layered = runs.map { run in
      if !run.isFlagged && flaggedRuns > 0 { return run.asOneRow }
      return run.asGroup(showsAll: flaggedRuns <= Self.greatestDetail, order)
    }
    groups = [Self.group(before, order)] + layered + [Self.group(after, order)]
  }

  private static func group(_ findings: [Finding], _ order: [String]) -> Group {
    Group(title: nil, rows: rows(of: findings, order))
  }

  /// A row for each name, in their order.
  fileprivate static func rows(of findings: [Finding], _ order: [String]) -> [Row] {
    let byName = Dictionary(grouping: findings, by: \.activation.name)
    return order.compactMap { name in
      guard let same = byName[name], let worst = same.max(by: { $0.order < $1.order }) else { return nil }
      return Row(same, worst: worst)
    }
  }

  private static func runs(_ findings: [Finding]) -> [LayerRun] {
    var byBlock: [Activation.Block: [Finding]] = [:]
    var stacks: [String] = []
    for finding in findings {
      guard let block = finding.activation.block else { continue }
      byBlock[block, default: []].append(finding)
      if !stacks.contains(block.stack) { stacks.append(block.stack) }
    }
    var runs: [LayerRun] = []
    for stack in stacks {
      let own = byBlock.filter { $0.key.stack == stack }.sorted { $0.key.index < $1.key.index }
      for (block, findings) in own {
        let flagged = Set(findings.filter { $0.zone != .consistent }.map(\.activation.name))
        if let last = runs.last, last.stack == stack, last.flagged == flagged {
          runs[runs.count - 1].layers.append(block.index)
          runs[runs.count - 1].findings += findings
        } else {
          runs.append(LayerRun(stack: stack, layers: [block.index], flagged: flagged, findings: findings))
        }
      }
    }
    return runs
  }
}

/// Neighbouring layers in which the same operations are flagged.
private struct LayerRun {
  let stack: String
  var layers: [Int]
  let flagged: Set<String>
  var findings: [Finding]

  var isFlagged: Bool { !flagged.isEmpty }

  private var title: String { blocksText(layers, of: stack) }

  var asOneRow: OperationTable.Group {
    OperationTable.Group(title: nil, rows: summary(findings, label: title))
  }

  func asGroup(showsAll: Bool, _ order: [String]) -> OperationTable.Group {
    guard !showsAll else {
      return OperationTable.Group(title: title, rows: OperationTable.rows(of: findings, order))
    }
    let (shown, others) = (
      findings.filter { flagged.contains($0.activation.name) },
      findings.filter { !flagged.contains($0.activation.name) }
    )
    return OperationTable.Group(
      title: title,
      rows: OperationTable.rows(of: shown, order)
        + summary(others, label: counted(Set(others.map(\.activation.name)).count, "other operation")))
  }

  private func summary(_ findings: [Finding], label: String) -> [OperationTable.Row] {
    guard let worst = findings.max(by: { $0.order < $1.order }) else { return [] }
    return [OperationTable.Row(findings, worst: worst, label: label)]
  }
}
