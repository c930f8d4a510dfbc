import Testing
import TouchstoneFaults
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

/// What `touchstone power` counts, on a small model where every fault shows.
@Suite struct PowerTests {
  private let weights: Weights
  private let inputs: Inputs
  private let power: PowerTable

  /// Planted once for all tests.
  private static let planted = Result {
    let weights = try Sample.visible.weights()
    let inputs = try Sample.visible.inputs(weights.graph)
    return (weights, inputs, try PowerTable(weights: weights, inputs: inputs))
  }

  init() throws {
    (weights, inputs, power) = try Self.planted.get()
  }

  @Test func whatIsCaughtIsLocatedAndWhatIsMissedHasItsReason() {
    let total = power.total()
    #expect(total.visible > 1000)
    #expect(total.located == total.caught)
    let missed = power.entryCount(.belowRounding) + power.entryCount(.notStored)
    #expect(Double(missed) == total.visible - total.caught)
    #expect(power.missed.allSatisfy { $0.ratio <= 1 })
    let unseen = power.entries.filter {
      $0.outcome == .belowRounding && ($0.family == .weights || $0.family == .bias)
    }
    #expect(unseen.contains { $0.deviations != nil })
    #expect(unseen.allSatisfy { ($0.deviations ?? 0) < ($0.threshold ?? .infinity) })
  }

  @Test func aSampleIsDrawnWithoutRepetitionAndTheSameEachTime() {
    let sample = power.sample(50, seed: 3)
    #expect(sample.count == 50)
    #expect(Set(sample.map { "\($0.fault) \($0.site)" }).count == 50)
    #expect(sample == power.sample(50, seed: 3))
    #expect(sample != power.sample(50, seed: 4))
    #expect(power.sample(nil, seed: 3).count == Int(power.total().visible))
  }

  @Test func wholeRunsAreFlaggedAtTheFaultAndNamedRightlyOrNotAtAll() throws {
    let causes = try CauseTable(weights: weights, inputs: inputs, entries: power.sample(60, seed: 3))
    let flagged = causes.entries.filter { $0.flagged != nil }
    #expect(flagged.count >= 45)
    let mislocated = flagged.filter { !$0.isLocated }
    let wrong = causes.entries.filter(\.isWrong)
    let invented = causes.entries.filter { !$0.namedWithout.isEmpty }
    let right = causes.entries.filter(\.isRight)
    #expect(mislocated.isEmpty)
    #expect(wrong.isEmpty)
    // What tells one fault from another may be within the bound of every element: the end of a bias missing, or all of it.
    #expect(invented.count <= 1, "\(invented)")
    // Without its hypothesis most of what was named is read off the numbers.
    let read = right.filter { !$0.readWithout.isEmpty }
    #expect(2 * read.count >= right.count, "\(right.filter(\.readWithout.isEmpty).map(\.fault))")
    #expect(right.count > 35)
  }

  @Test func twoFaultsShowAsTwo() throws {
    let pairs = try PairTable(weights: weights, inputs: inputs, power: power, count: 30, seed: 3)
    #expect(pairs.entries.count == 30)
    let incomplete = pairs.entries.filter { !$0.isComplete }
    #expect(incomplete.isEmpty)
    let unnamed = pairs.entries.filter { !$0.isNamed }
    #expect(unnamed.count <= 1)
    let wrong = pairs.entries.filter(\.isWrong)
    #expect(wrong.isEmpty)
  }

  /// Whatever their thresholds: the tightest that flags no honest run catches less as well.
  @Test func noRuleOfOtherToolsCatchesAsMuchWithoutFlaggingHonestRuns() throws {
    let table = try PeerTable(weights: weights, inputs: inputs, entries: power.sample(80, seed: 3))
    #expect(table.honestCount == HonestArithmetic.all.count)
    let replay = try #require(table.lines.last)
    #expect(replay.flagged == 0)
    for line in table.lines.dropLast() {
      #expect(line.flagged > 0 || line.caught < replay.caught, "\(line)")
      #expect(line.caughtAtBest < replay.caught, "\(line)")
    }
  }

  /// A change of one weight that only all rows together show matches every fault as well as it matches none.
  @Test func whatTheDefinitionMatchesIsNotNamed() throws {
    let entries = power.entries.filter {
      $0.fault.hasPrefix("weights.bit-") && $0.outcome == .caught(.suspect) && $0.ratio <= 1
    }
    try #require(!entries.isEmpty)
    let causes = try CauseTable(weights: weights, inputs: inputs, entries: Array(entries.prefix(6)))
    for entry in causes.entries {
      #expect(entry.isLocated && entry.isStructureTold && entry.named.isEmpty, "\(entry)")
    }
  }
}
