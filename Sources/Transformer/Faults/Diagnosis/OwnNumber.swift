import TouchstoneGraph
import TouchstoneVerdict

extension Operation {
  /// The number or function of the model that it is made with, in words; nil for none.
  var ownNumber: String? {
    switch kind.payload {
    case let norm as any Normalising: words(norm.epsilon)
    case let own as ActivationFunction: own.function.inWords
    case let own as Rotate: words(own.frequencies.theta)
    case let own as AttentionScores: words(own.scale)
    default: nil
    }
  }
}

extension Fault {
  /// What is wrong, and instead of what.
  ///
  /// - Parameter due: the model's own number or function; nil where it is not known.
  func name(insteadOf due: String?) -> String {
    guard let due else { return name }
    // What befalls GELU befalls the function that stands in its place.
    if id.hasPrefix("gelu."), !due.contains("GELU") { return name.replacing("GELU", with: due) }
    return name.replacing("the model's own number", with: due).replacing("the model's", with: due)
  }
}
