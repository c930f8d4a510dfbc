import Foundation
@_exported import TouchstoneFamilies
@_exported import TouchstoneGraph
@_exported import TouchstoneModel
import TouchstoneProperties
@_exported import TouchstoneVerdict

/// One thing that a right implementation passes: a golden, a probe or a property.
///
/// The whole suite is one line in a test target, for example of Swift Testing:
///
/// ```swift
/// @Test(arguments: ConformanceCheck.all)
/// func myEngineConforms(_ check: ConformanceCheck) throws { try check.run(MyEngine.init(weights:)) }
/// ```
///
/// The engine conforms to ``Transformer``: tokens, positions and mask in, named activations out, as many as it has.
public struct ConformanceCheck: Sendable, CustomStringConvertible {
  /// Where a check takes its inputs from, and how it judges.
  public enum Kind: String, Sendable {
    /// A trained model, or one whose shape or numbers are odd: every operation replayed in float64 from the engine's
    /// own inputs.
    case golden
    /// A model made to show faults: judged as a golden is.
    case probe
    /// Something that holds on every model, on generated ones; shrunk to the smallest where it does not.
    case property
  }

  /// What came of it.
  public enum Outcome: Sendable {
    /// The engine is right as far as it was looked at: how far, in a sentence.
    case passed(String)
    /// It is not.
    case failed(ConformanceFailure)
    /// The engine does not offer or hand out what the check needs: what that is.
    case notChecked(String)
  }

  /// Where it takes its inputs from.
  public let kind: Kind
  /// Its name among those of its kind.
  public let name: String
  private let body: @Sendable (Engine) throws -> Outcome

  /// The kind and the name, such as `golden tiny-odd`.
  public var description: String { "\(kind) \(name)" }

  init(_ kind: Kind, _ name: String, body: @escaping @Sendable (Engine) throws -> Outcome) {
    self.kind = kind
    self.name = name
    self.body = body
  }

  /// Every check that needs no files: goldens, then probes, then properties.
  public static let all = goldens + probes + properties

  /// Puts an engine through the check.
  ///
  /// - Parameters:
  ///   - test: the name of the running test, for the command that repeats it.
  ///   - engine: makes the engine of a model; called once for each model.
  /// - Throws: ``ConformanceFailure`` when the engine fails, and ``BadInput`` when the check cannot be made here. A
  ///   check that the engine cannot be put through passes, and says why on standard error.
  public func run<Engine: Transformer>(
    test: String = #function, _ engine: @escaping @Sendable (Weights) throws -> Engine
  ) throws {
    switch try outcome(test: test, engine) {
    case .passed: break
    case .failed(let failure): throw failure
    case .notChecked(let why):
      try? FileHandle.standardError.write(
        contentsOf: Data("touchstone: \(self) was not checked: \(why)\n".utf8))
    }
  }

  /// What comes of putting an engine through the check, without failing.
  ///
  /// - Parameters:
  ///   - test: the name of the running test, for the command that repeats it.
  ///   - engine: makes the engine of a model; called once for each model.
  /// - Throws: ``BadInput`` when the check cannot be made here, such as a model that is not where it should be.
  public func outcome<Engine: Transformer>(
    test: String = #function, _ engine: @escaping @Sendable (Weights) throws -> Engine
  ) throws -> Outcome {
    let named = TouchstoneProperties.Engine(String(describing: Engine.self), test: test, make: engine)
    do {
      return try body(named)
    } catch let missing as NotImplemented {
      return .notChecked(missing.description)
    }
  }
}

/// What is wrong with an engine, in the words of the verdict.
public struct ConformanceFailure: Error, Sendable, CustomStringConvertible {
  /// The check that it failed.
  public let check: String
  /// What replay says of the failing run, operation by operation; nil where the engine threw.
  public let verdict: Verdict?
  /// The answer, the operation and how far beyond its bound, the cause, the worst element, and how to see it again.
  public let description: String

  /// The operation where the difference begins, by the activation that it makes.
  public var operation: Activation? { verdict?.decisive?.activation }
  /// The fault of the catalogue that explains it, where one does.
  public var cause: Cause? { verdict?.cause }

  init(_ check: String, verdict: Verdict?, lines: [String]) {
    self.check = check
    self.verdict = verdict
    description = lines.joined(separator: "\n")
  }
}
