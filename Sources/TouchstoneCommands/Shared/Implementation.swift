import ArgumentParser
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneSIMD

/// The implementations that the program holds itself.
enum Implementation: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// The fast float32 implementation.
  case simd
  /// The scalar float64 reference.
  case reference

  /// The names, for help texts.
  static var names: String { allCases.map(\.rawValue).joined(separator: " or ") }

  /// A predictor of next tokens.
  func predictor(_ weights: Weights) throws(BadInput) -> any NextTokenPredictor {
    switch self {
    case .simd: try SIMDTransformer(weights: weights)
    case .reference: ReferenceTransformer(weights)
    }
  }

  /// The forward pass.
  ///
  /// - Parameter forOnePass: whether it goes through the model once, for which its weights need not all be in memory.
  func transformer(_ weights: Weights, forOnePass: Bool = false) throws(BadInput) -> any Transformer {
    switch self {
    case .simd: try SIMDTransformer(weights: weights, forOnePass: forOnePass)
    case .reference: ReferenceTransformer(weights)
    }
  }

  /// What a capture that it makes says of its origin.
  func provenance() throws(BadInput) -> [String: String] {
    var facts = ["producer": "touchstone", "producer_version": TouchstoneCommand.version]
    facts["implementation"] = "touchstone-" + rawValue
    switch self {
    case .simd:
      facts["precision"] = Precision.float32.name
      facts["instruction_set"] = try InstructionSet.preferred().rawValue
    case .reference:
      facts["precision"] = Precision(.float64).name
    }
    return facts
  }
}
