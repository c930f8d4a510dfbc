import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// A case that is made from random numbers, and made simpler when a property fails on it.
package protocol Generated: Sendable, CustomStringConvertible {
  /// A case determined by the generator.
  static func generate(_ generator: inout SplitMix64) -> Self

  /// Cases with less in them, the simplest first; none when nothing can be taken away.
  ///
  /// Each is smaller in a measure that cannot fall for ever, so that shrinking ends.
  var simpler: [Self] { get }
}

/// A case on which a property fails, and the way to it.
package struct Counterexample<Case: Generated>: Sendable, CustomStringConvertible {
  /// Generates the case that was found first.
  package let seed: UInt64
  /// The case that was found first.
  package let found: Case
  /// The simplest case that still fails.
  package let smallest: Case
  /// What is wrong there.
  package let reason: String

  /// The smallest case, what is wrong with it, and the seed.
  package var description: String {
    "fails for \(smallest): \(reason) (seed \(seed), shrunk from \(found))"
  }
}

/// What a search for a counterexample came to.
package enum SearchResult<Case: Generated>: Sendable {
  /// Nothing is wrong with any case that could be tried.
  case holds
  /// Something is wrong with a case.
  case fails(Counterexample<Case>)
  /// No case could be tried; why.
  case notApplicable(String)
}

/// Looks, among `count` cases generated from `seed`, `seed` + 1, …, for the first on which `violation` finds
/// something wrong, and makes it as simple as can be.
///
/// - Parameter violation: what is wrong with a case, or nil. What it throws is wrong too, but for `NotObserved` and
///   `NotImplemented`, which say that the case could not be tried.
package func search<Case: Generated>(
  _ type: Case.Type = Case.self, seed: UInt64, count: Int, violation: (Case) throws -> String?
) -> SearchResult<Case> {
  var obstacle: String?
  var tried = 0
  func wrong(_ candidate: Case) -> String? {
    do {
      let found = try violation(candidate)
      tried += 1
      return found
    } catch let missing as NotObserved {
      obstacle = missing.description
    } catch let missing as NotImplemented {
      obstacle = missing.description
    } catch {
      return "throws: \(error)"
    }
    return nil
  }
  for offset in 0..<UInt64(max(0, count)) {
    var generator = SplitMix64(seed: seed &+ offset)
    let found = Case.generate(&generator)
    guard var reason = wrong(found) else { continue }
    var smallest = found
    search: while true {
      for candidate in smallest.simpler {
        if let stillWrong = wrong(candidate) {
          (smallest, reason) = (candidate, stillWrong)
          continue search
        }
      }
      break
    }
    return .fails(Counterexample(seed: seed &+ offset, found: found, smallest: smallest, reason: reason))
  }
  return tried == 0 ? .notApplicable(obstacle ?? "no case was generated") : .holds
}

/// The counterexample of ``search(_:seed:count:violation:)``; nil when the property holds on all cases.
package func counterexample<Case: Generated>(
  among type: Case.Type = Case.self, seed: UInt64, count: Int, violation: (Case) throws -> String?
) -> Counterexample<Case>? {
  guard case .fails(let found) = search(type, seed: seed, count: count, violation: violation) else {
    return nil
  }
  return found
}

/// Something that a property needs and that the implementation does not hand out; the property says nothing then.
package struct NotObserved: Error, CustomStringConvertible {
  let what: String
  /// A sentence.
  package var description: String { "\(what) is not handed out" }
}

extension SplitMix64 {
  /// A whole number of `range`, each about equally often.
  package mutating func integer(in range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self)
  }

  /// One of `choices`.
  package mutating func element<Element>(of choices: [Element]) -> Element {
    choices[integer(in: 0...choices.count - 1)]
  }

  /// True once in `count` times.
  package mutating func oneIn(_ count: Int) -> Bool {
    integer(in: 1...count) == 1
  }
}

extension Int {
  /// Smaller numbers down to `least`, the least first.
  package func smaller(downTo least: Int) -> [Int] {
    guard self > least else { return [] }
    return Set([least, least + (self - least) / 2, self - 1]).sorted()
  }
}
