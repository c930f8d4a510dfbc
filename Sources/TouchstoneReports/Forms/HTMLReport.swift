import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

extension Report {
  /// The report as one HTML page with a heat map of layers by operations.
  ///
  /// The page holds everything it shows: no script, nothing fetched from elsewhere.
  public func html() -> String {
    let headline = Headline(verdict)
    let omissions = Omissions(verdict.notCompared)
    let map = HeatMap(verdict.findings)
    return htmlTemplate.render([
      "outcome": verdict.outcome.rawValue, "word": headline.word, "sentence": headline.sentence,
      "details": (headline.causes.map { "cause: " + $0 } + [headline.worst].compactMap { $0 }).map {
        ["detail": $0]
      },
      "subject": subject,
      "hasMaps": !map.layers.isEmpty,
      "maps": map.quantities.map { map.values(of: $0) },
      "hasTable": !verdict.findings.isEmpty,
      "operations": Self.listed(verdict).map(Self.values),
      "hasOmissions": omissions.count > 0, "omissionCount": grouped(omissions.count),
      "omissions": omissions.entries.map { ["what": $0.what, "why": $0.why] },
      "hasNotes": !verdict.notes.isEmpty, "notes": verdict.notes.map { ["note": $0] },
    ])
  }

  /// What the list under the maps shows: everything flagged, and what is outside the layers and so not in the maps.
  private static func listed(_ verdict: Verdict) -> [Finding] {
    verdict.findings.filter { $0.zone != .consistent || $0.activation.block == nil }
  }

  private static func values(_ finding: Finding) -> [String: Any] {
    [
      "path": finding.activation.path, "zone": finding.zone.rawValue,
      "zoneClass": finding.zone.rawValue.lowercased(), "ratio": ratioText(finding.ratio),
      "inherited": relativeText(finding.inherited), "statement": finding.statement,
      "element": finding.worstElement ?? "",
    ]
  }
}

/// Layers by operations, coloured.
private struct HeatMap {
  enum Quantity {
    /// The error over its bound, by zone.
    case introduced
    /// The end-to-end error, by powers of ten.
    case inherited
  }

  let layers: [Activation.Block]
  /// Nothing inherited is known without a golden.
  let quantities: [Quantity]
  private let names: [String]
  private let findings: [Activation: Finding]

  init(_ all: [Finding]) {
    findings = Dictionary(all.map { ($0.activation, $0) }) { $0.order < $1.order ? $1 : $0 }
    let stacks = all.compactMap(\.activation.block?.stack)
    layers = Set(findings.keys.compactMap(\.block)).sorted { one, other in
      one.stack == other.stack
        ? one.index < other.index
        : stacks.firstIndex(of: one.stack) ?? 0 < stacks.firstIndex(of: other.stack) ?? 0
    }
    quantities = all.contains { $0.inherited != nil } ? [.introduced, .inherited] : [.introduced]
    names = OperationOrder(all.filter { $0.activation.block != nil }).names
  }

  /// Deep models get narrow columns without numbers, which are shown on pointing.
  private var isDense: Bool { layers.count > 24 }

  func values(of quantity: Quantity) -> [String: Any] {
    [
      "title": quantity == .introduced
        ? "Introduced: error over its bound" : "Inherited: error against the golden",
      "isDense": isDense,
      "columns": layers.map { ["layer": isDense && !$0.index.isMultiple(of: 8) ? "" : Self.title($0)] },
      "rows": names.map { name -> [String: Any] in
        [
          "point": name,
          "cells": layers.map { cell(findings[Activation(name, in: $0)], quantity) },
        ]
      },
    ]
  }

  /// Its index; behind the first letter of its stack where a model has two, as `e3`.
  private static func title(_ block: Activation.Block) -> String {
    (block.stack.contains("/") ? String(block.stack.prefix(1)) : "") + String(block.index)
  }

  private func cell(_ finding: Finding?, _ quantity: Quantity) -> [String: Any] {
    guard let finding else { return ["shade": "none", "tip": "not compared", "text": ""] }
    let path = finding.activation.path
    switch quantity {
    case .introduced:
      let text = ratioText(finding.ratio)
      let parts = [path, finding.zone.rawValue, text, finding.worstElement].compactMap { $0 }
      let initial = finding.zone == .consistent ? "" : String(finding.zone.rawValue.prefix(1))
      return [
        "shade": finding.zone.rawValue.lowercased(), "tip": parts.joined(separator: " · "),
        "text": isDense ? initial : text,
      ]
    case .inherited:
      let text = relativeText(finding.inherited)
      return [
        "shade": Self.shade(finding.inherited), "tip": "\(path) · \(text)", "text": isDense ? "" : text,
      ]
    }
  }

  /// Eight shades from 1e-8, which float32 cannot avoid, to 0.1 and more.
  private static func shade(_ inherited: Double?) -> String {
    guard let inherited else { return "none" }
    let threshold = [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1].firstIndex { inherited < $0 } ?? 7
    return "shade\(threshold)"
  }
}
