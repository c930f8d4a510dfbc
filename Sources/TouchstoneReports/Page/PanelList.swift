import TouchstoneGraph
import TouchstoneVerdict

/// The operations of a page, each to be opened, in the order of computation: what is flagged first, in as much detail as there
/// is room for, from the worst on.
struct PanelList {
  /// The ids of the panels that there are.
  let ids: [Activation: String]
  /// The whole list.
  let text: String

  /// So many of the worst are shown in full before any other gets more than the least.
  private static let fullCount = 24

  /// - Parameters:
  ///   - panels: one for each operation compared, in the order of computation.
  ///   - room: how many bytes the text may have.
  init(_ panels: [OperationPanel], room: Int) {
    let worstFirst = panels.indices.sorted { one, other in
      let (left, right) = (panels[one].finding.order, panels[other].finding.order)
      return left == right ? one < other : left > right
    }
    var parts = [[String]](repeating: [], count: panels.count)
    // What stands around the list.
    var room = room - 1000
    func give(_ count: Int, to places: some Sequence<Int>) {
      for place in places {
        while parts[place].count < count {
          let part = panels[place].part(parts[place].count)
          let frame = parts[place].isEmpty ? panels[place].text([]).utf8.count : 0
          let more = part.utf8.count + frame
          guard more <= room else { return }
          parts[place].append(part)
          room -= more
        }
      }
    }
    give(OperationPanel.partCount, to: worstFirst.prefix(Self.fullCount))
    for count in 1...OperationPanel.partCount { give(count, to: worstFirst) }
    let shown = panels.indices.filter { !parts[$0].isEmpty }
    ids = Dictionary(shown.map { (panels[$0].finding.activation, panels[$0].id) }) { first, _ in
      first
    }
    func list(_ isWanted: (Finding) -> Bool) -> [String] {
      shown.filter { isWanted(panels[$0].finding) }.map { panels[$0].text(parts[$0]) }
    }
    let flagged = list { $0.zone != .consistent }
    let others = list { $0.zone == .consistent }
    let missing = panels.count - shown.count
    let sections = [
      flagged.isEmpty
        ? "" : "<h2 id=\"flagged\">Flagged operations</h2>\n" + Self.list(flagged),
      others.isEmpty
        ? ""
        : "<details id=\"rest\"><summary>Operations within rounding (\(grouped(others.count)))</summary>\n"
          + others.joined(separator: "\n") + "\n</details>",
      missing == 0
        ? ""
        : "<p>\(counted(missing, "operation")) more are in the map alone, so that the page stays small; "
          + "<code>--json</code> has them all.</p>",
    ]
    text = sections.filter { !$0.isEmpty }.joined(separator: "\n")
  }

  /// The first of a long list, the others folded.
  private static func list(_ panels: [String]) -> String {
    let (first, rest) = PageTemplates.folded(panels)
    let fold = "<details class=\"fold\" id=\"flagged-rest\"><summary>\(grouped(rest.count)) more</summary>\n"
    return first.joined(separator: "\n")
      + (rest.isEmpty ? "" : "\n" + fold + rest.joined(separator: "\n") + "\n</details>")
  }
}
