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
    let worstFirst = panels.indices.sorted { panels[$1].finding.order < panels[$0].finding.order }
    var texts: [Int: String] = [:]
    var room = room - 1000
    func give(_ extent: OperationPanel.Extent, to places: some Sequence<Int>) {
      for place in places {
        let text = panels[place].text(extent)
        let more = text.utf8.count - (texts[place]?.utf8.count ?? 0)
        if more <= 0 { continue }
        guard more <= room else { return }
        texts[place] = text
        room -= more
      }
    }
    give(.brief, to: worstFirst)
    give(.whole, to: worstFirst.prefix(Self.fullCount))
    give(.medium, to: worstFirst)
    give(.whole, to: worstFirst)
    ids = Dictionary(texts.keys.map { (panels[$0].finding.activation, panels[$0].id) }) { first, _ in first }
    func list(_ isWanted: (Finding) -> Bool) -> [String] {
      panels.indices.filter { isWanted(panels[$0].finding) }.compactMap { texts[$0] }
    }
    let flagged = list { $0.zone != .consistent }
    let others = list { $0.zone == .consistent }
    let missing = panels.count - texts.count
    let parts = [
      flagged.isEmpty ? "" : "<h2 id=\"flagged\">Flagged operations</h2>\n" + flagged.joined(separator: "\n"),
      others.isEmpty
        ? ""
        : "<details id=\"rest\"><summary>Operations within rounding (\(grouped(others.count)))</summary>\n"
          + others.joined(separator: "\n") + "\n</details>",
      missing == 0
        ? ""
        : "<p>\(counted(missing, "operation")) more are in the map alone, so that the page stays small; "
          + "<code>--json</code> has them all.</p>",
    ]
    text = parts.filter { !$0.isEmpty }.joined(separator: "\n")
  }
}
