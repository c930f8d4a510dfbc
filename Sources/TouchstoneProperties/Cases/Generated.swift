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

/// The first case, of `count` cases generated from `seed`, `seed` + 1, …, on which `violation` finds something
/// wrong, made as simple as can be; nil when the property holds on all.
///
/// - Parameter violation: what is wrong with a case, or nil; what it throws is wrong too.
package func counterexample<Case: Generated>(
  among type: Case.Type = Case.self, seed: UInt64, count: Int, violation: (Case) throws -> String?
) -> Counterexample<Case>? {
  func wrong(_ candidate: Case) -> String? {
    do {
      return try violation(candidate)
    } catch is NotObserved {
      return nil
    } catch {
      return "throws: \(error)"
    }
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
    return Counterexample(seed: seed &+ offset, found: found, smallest: smallest, reason: reason)
  }
  return nil
}

/// An activation that a property needs and that the implementation does not hand out; the property says nothing then.
package struct NotObserved: Error {
  /// Marks a property as not applicable.
  package init() {}
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
