import TouchstoneModel
import TouchstoneReference

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
    /// Those of them where the operation of the fault is the first that is flagged.
    public var located = 0.0
    /// Those that no order of correctly rounded operations explains.
    public var proven = 0.0
    /// Faults that change a stored value by more than the policy allows that is inferred from the run without them; 0 in float32.
    public var beyondPolicy = 0.0
    /// Those of them that were flagged.
    public var caughtBeyondPolicy = 0.0

    /// caught/visible; 1 where nothing is visible.
    public var share: Double { visible == 0 ? 1 : caught / visible }
    /// located/caught; 1 where nothing is caught.
    public var locatedShare: Double { caught == 0 ? 1 : located / caught }

    /// caughtBeyondPolicy/beyondPolicy; 1 where nothing is beyond.
    public var shareBeyondPolicy: Double { beyondPolicy == 0 ? 1 : caughtBeyondPolicy / beyondPolicy }

    mutating func add(_ other: Count, weight: Double = 1) {
      visible += other.visible * weight
      caught += other.caught * weight
      located += other.located * weight
      proven += other.proven * weight
      beyondPolicy += other.beyondPolicy * weight
      caughtBeyondPolicy += other.caughtBeyondPolicy * weight
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

  /// A fault that some site does not show though it changes something there.
  public struct Missed: Sendable {
    /// The fault's id.
    public let fault: String
    /// Over all its sites.
    public let count: Count
    /// At how many of them it changes no value as it is stored.
    public let notStored: Int
    /// The worst error over `stat` where it was missed.
    public let ratio: Double
    /// The most standard deviations that all elements together show where it was missed; nil where they are not looked at.
    public let deviations: Double?
  }

  /// The faults that some site does not show though they change something there, those of the lowest share first.
  public var missed: [Missed] {
    Dictionary(grouping: entries.filter(\.isVisible), by: \.fault).compactMap { fault, entries in
      let missed = entries.filter { !$0.isCaught }
      guard !missed.isEmpty else { return nil }
      return Missed(
        fault: fault, count: Self.sum(entries), notStored: missed.count { $0.outcome == .notStored },
        ratio: missed.map(\.ratio).max() ?? 0, deviations: missed.compactMap(\.deviations).max())
    }
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
        // In a fixed order, so that shares add up to the same last digit each time.
        let groups = Dictionary(grouping: golden.filter(isCounted), by: \.fault)
        for group in groups.sorted(by: { $0.key < $1.key }) {
          let count = Self.sum(group.value)
          if count.visible > 0 { total.add(count, weight: 1 / count.visible) }
        }
      }
    case .anyGolden:
      let groups = Dictionary(grouping: entries.filter(isCounted)) { [$0.fault, $0.kind] }
      return groups.values.reduce(into: Count()) { total, entries in
        let count = Self.sum(entries)
        total.add(
          Count(
            visible: min(count.visible, 1), caught: min(count.caught, 1), located: min(count.located, 1),
            proven: min(count.proven, 1), beyondPolicy: min(count.beyondPolicy, 1),
            caughtBeyondPolicy: min(count.caughtBeyondPolicy, 1)))
      }
    }
  }

  private static func sum(_ entries: [Entry]) -> Count {
    entries.reduce(into: Count()) { total, entry in
      guard entry.isVisible else { return }
      total.add(
        Count(
          visible: 1, caught: entry.isCaught ? 1 : 0, located: entry.isLocated ? 1 : 0,
          proven: entry.outcome == .caught(.proven) ? 1 : 0, beyondPolicy: entry.isBeyondPolicy ? 1 : 0,
          caughtBeyondPolicy: entry.isBeyondPolicy && entry.isCaught ? 1 : 0))
    }
  }

  /// What became of the faults, by outcome: how many, at every site.
  public func entryCount(_ outcome: Outcome) -> Int {
    entries.reduce(0) { $0 + ($1.outcome == outcome ? 1 : 0) }
  }

  /// Visible faults at their sites, drawn at random without repetition; all of them, in their order, without a count.
  public func sample(_ count: Int?, seed: UInt64, where isDrawn: (Entry) -> Bool = { _ in true }) -> [Entry] {
    let drawable = entries.filter { $0.isVisible && isDrawn($0) }
    guard let count, count < drawable.count else { return drawable }
    var random = SplitMix64(seed: seed)
    return Array(drawable.shuffled(using: &random).prefix(count))
  }
}
