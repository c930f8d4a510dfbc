import Foundation

/// The trained model of the checkout.
enum TrainedModel {
  /// Its folder.
  static let folder = checkout.appending(path: "golden/models/shakespeare-gpt2")

  /// Hugging Face's own activations.
  static let independent = checkout.appending(path: "golden/independent")

  private static let checkout = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}
