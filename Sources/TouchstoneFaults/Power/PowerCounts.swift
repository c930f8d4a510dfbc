import TouchstoneModel

extension PowerTable {
  /// How what was planted several times is counted.
  public enum Weighting: String, Sendable, CaseIterable {
    /// Every fault at every operation of every golden counts once.
    case everySite = "every site"
    /// Every fault counts once for each golden, at an operation drawn at random: what it is expected to give.
    case oneSite = "one site a golden"
    /// Every fault at every kind of operation counts once, and is caught where any golden catches it.
    case anyGolden = "any golden"
  }

  /// The counts behind one line of a table.
  public struct Count: Sendable, Equatable {
    /// Faults that change anything.
    public var visible = 0.0
    /// Those that were flagged.
    public var caught = 0.0
    /// Those that no order of correctly rounded operations explains.
    public var proven = 0.0

    /// caught/visible; 1 where nothing is visible.
    public var share: Double { visible == 0 ? 1 : caught / visible }

    mutating func add(_ other: Count, weight: Double = 1) {
      visible += other.visible * weight
      caught += other.caught * weight
      proven += other.proven * weight
    }
  }

  /// Everything together.
  public func total(_ weighting: Weighting = .everySite) -> Count {
    count(weighting) { _ in true }
  }

  /// Family by family.
  public func byFamily(_ weighting: Weighting = .everySite) -> [(family: Fault.Family, count: Count)] {
    Fault.Family.allCases.map { family in (family, count(weighting) { $0.family == family }) }
  }

  /// The faults that some site does not show though it changes something there, those of the lowest share first.
  public var missed: [(fault: String, count: Count)] {
    let byFault = Dictionary(grouping: entries, by: \.fault)
    return byFault.map { (fault: $0.key, count: Self.sum($0.value)) }
      .filter { $0.count.caught < $0.count.visible }
      .sorted { ($0.count.share, $0.fault) < ($1.count.share, $1.fault) }
  }

  /// The faults that were visible somewhere and caught nowhere.
  public var survivors: [String] {
    missed.filter { $0.count.caught == 0 }.map(\.fault).sorted()
  }

  /// The counts of what a condition admits.
  public func count(_ weighting: Weighting, where isCounted: (Entry) -> Bool) -> Count {
    switch weighting {
    case .everySite: return Self.sum(entries.filter(isCounted))
    case .oneSite:
      return goldens.reduce(into: Count()) { total, golden in
        for sites in Dictionary(grouping: golden.filter(isCounted), by: \.fault).values {
          let count = Self.sum(sites)
          if count.visible > 0 { total.add(count, weight: 1 / count.visible) }
        }
      }
    case .anyGolden:
      let groups = Dictionary(grouping: entries.filter(isCounted)) { [$0.fault, $0.site.point.rawValue] }
      return groups.values.reduce(into: Count()) { total, entries in
        let count = Self.sum(entries)
        total.add(
          Count(
            visible: min(count.visible, 1), caught: min(count.caught, 1), proven: min(count.proven, 1)))
      }
    }
  }

  private static func sum(_ entries: [Entry]) -> Count {
    entries.reduce(into: Count()) { total, entry in
      switch entry.outcome {
      case .caught(let zone): total.add(Count(visible: 1, caught: 1, proven: zone == .proven ? 1 : 0))
      case .belowRounding: total.add(Count(visible: 1, caught: 0, proven: 0))
      case .equivalent, .impossible: break
      }
    }
  }

  /// Why faults that were planted did not count or were not caught: how many, at every site.
  public var reasons: (belowRounding: Int, equivalent: Int, impossible: Int) {
    entries.reduce(into: (0, 0, 0)) { counts, entry in
      switch entry.outcome {
      case .caught: break
      case .belowRounding: counts.0 += 1
      case .equivalent: counts.1 += 1
      case .impossible: counts.2 += 1
      }
    }
  }
}
