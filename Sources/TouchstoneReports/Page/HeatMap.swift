import Foundation
import TouchstoneGraph
import TouchstoneVerdict

/// Operations by layers, what stands outside the layers in a column of its own: a cell for each that was compared or left out.
struct HeatMap {
  /// The cells of one operation.
  private struct Row {
    let name: String
    let cells: [Cell?]
  }

  private enum Cell {
    case compared(Finding)
    case leftOut(NotCompared)
  }

  private let blocks: [Activation.Block]
  private let rows: [Row]
  /// Whether anything is known of what was inherited: not without a golden.
  let hasInherited: Bool

  /// - Parameter order: every activation of the model, in the order of computation; empty where that is not known.
  init(_ verdict: Verdict, order: [Activation]) {
    let findings = Dictionary(verdict.findings.map { ($0.activation, $0) }) { $0.order < $1.order ? $1 : $0 }
    let omitted = verdict.notCompared.compactMap { one in
      Activation(path: one.path).flatMap { findings[$0] == nil ? ($0, one) : nil }
    }
    let omissions = Dictionary(omitted) { first, _ in first }
    let places = Dictionary(order.enumerated().map { ($1, $0) }) { first, _ in first }
    let known = verdict.findings.map(\.activation) + omitted.map(\.0)
    let all = known.enumerated().sorted {
      (places[$0.element] ?? order.count, $0.offset) < (places[$1.element] ?? order.count, $1.offset)
    }.map(\.element)
    let stacks = all.compactMap(\.block?.stack)
    blocks = Set(all.compactMap(\.block)).sorted { one, other in
      one.stack == other.stack
        ? one.index < other.index
        : stacks.firstIndex(of: one.stack) ?? 0 < stacks.firstIndex(of: other.stack) ?? 0
    }
    let outside = OperationOrder(all.filter { $0.block == nil }).names
    let inside = OperationOrder(all.filter { $0.block != nil }).names
    func cell(_ activation: Activation) -> Cell? {
      findings[activation].map { .compared($0) } ?? omissions[activation].map { .leftOut($0) }
    }
    let columns = [nil] + blocks.map(Optional.some)
    func rows(_ names: [String], isOutside: Bool) -> [Row] {
      names.map { name in
        Row(
          name: name, cells: columns.map { ($0 == nil) == isOutside ? cell(Activation(name, in: $0)) : nil })
      }
    }
    let before = outside.filter { Activation($0).isEmbedded }
    let after = outside.filter { !Activation($0).isEmbedded }
    self.rows = rows(before, isOutside: true) + rows(inside, isOutside: false) + rows(after, isOutside: true)
    hasInherited = verdict.findings.contains { $0.inherited != nil }
  }

  var isEmpty: Bool { rows.isEmpty }

  /// The table.
  ///
  /// - Parameter panels: the id of each activation's panel, for those that have one.
  func table(linking panels: [Activation: String]) -> String {
    // A deep model's cells say where they are by their row and column alone.
    let hasTips = rows.count * blocks.count <= 1500
    let columns = blocks.map { "<th scope=\"col\">\(Escaping.markup(Self.title($0)))</th>" }.joined()
    let body = rows.map { row in
      let cells = row.cells.map { Self.cell($0, panels, hasTip: hasTips) }.joined()
      return
        "<tr class=\"\(Self.kinds(row))\"><th scope=\"row\">\(Escaping.markup(row.name))</th>\(cells)</tr>"
    }.joined(separator: "\n")
    return
      "<table id=\"map\">\n<thead><tr><th scope=\"col\">operation</th><th scope=\"col\">once</th>\(columns)</tr></thead>\n"
      + "<tbody>\n\(body)\n</tbody></table>"
  }

  /// What the filters go by.
  private static func kinds(_ row: Row) -> String {
    var kinds: Set<String> = []
    for case .some(let cell) in row.cells {
      switch cell {
      case .compared(let finding):
        kinds.insert("has-c")
        if finding.zone != .consistent { kinds.insert("has-f") }
      case .leftOut: kinds.insert("has-n")
      }
    }
    return kinds.sorted().joined(separator: " ")
  }

  /// Its index; behind the first letter of its stack where a model has two, as `e3`.
  private static func title(_ block: Activation.Block) -> String {
    (block.stack.contains("/") ? String(block.stack.prefix(1)) : "") + String(block.index)
  }

  private static func cell(_ cell: Cell?, _ panels: [Activation: String], hasTip: Bool) -> String {
    switch cell {
    case nil: return "<td></td>"
    case .leftOut(let one):
      let tip = hasTip ? " title=\"\(Escaping.markup("\(one.path) was not compared: \(one.why)"))\"" : ""
      return "<td class=\"n\"><a href=\"#left-out\"\(tip)>–</a></td>"
    case .compared(let finding):
      let path = finding.activation.path
      let style = finding.zone == .consistent ? "c" : "f \(finding.zone.rawValue.lowercased())"
      let values =
        text(finding)
        + (finding.inherited == nil ? "" : "<i>\(Escaping.markup(relativeText(finding.inherited)))</i>")
      let tip = "\(path) · \(finding.zone.rawValue) · \(ratioText(finding.ratio))"
      let title = hasTip ? " title=\"\(Escaping.markup(tip))\"" : ""
      let shades = "\(style) \(shade(finding)) h\(shade(finding.inherited))"
      guard let panel = panels[finding.activation] else {
        return "<td class=\"\(shades)\"\(title)><b>\(values)</b></td>"
      }
      return "<td class=\"\(shades)\"><a href=\"#\(panel)\"\(title)>\(values)</a></td>"
    }
  }

  /// How a cell of what is consistent is shaded: by the level of its error.
  private static func shade(_ finding: Finding) -> String {
    guard finding.zone == .consistent else { return "x" }
    return "k\(min(SurveyPictures.level(of: finding.ratio) ?? 0, 3))"
  }

  /// Eight shades from 1e-7, below which float32 can do little, to 0.1 and more.
  private static func shade(_ inherited: Double?) -> Int {
    guard let inherited else { return 0 }
    return [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1].firstIndex { inherited < $0 } ?? 7
  }

  /// The error over its bound in few characters, the zone's letter before it where that is not consistent.
  private static func text(_ finding: Finding) -> String {
    let letter = finding.zone == .consistent ? "" : finding.zone.rawValue.prefix(1) + " "
    return letter + Escaping.markup(compact(finding.ratio))
  }

  static func compact(_ ratio: Double) -> String {
    if ratio == 0 { return "=" }
    guard ratio.isFinite, ratio >= 9.95 else {
      return ratioText(ratio).replacing(" ", with: "").replacing("x", with: "×")
    }
    let units: [(Double, String)] = [(1e9, ""), (1e6, "M"), (1e3, "k"), (1, "")]
    guard ratio < 1e9, let (unit, name) = units.first(where: { ratio >= $0.0 }) else {
      return String(format: "%.0e×", ratio)
    }
    let value = ratio / unit
    return String(format: value < 9.95 ? "%.1f" : "%.0f", value) + name + "×"
  }
}

extension Activation {
  /// Whether it stands before the blocks.
  var isEmbedded: Bool { name.split(separator: "/").dropLast().last == "embed" }
}
