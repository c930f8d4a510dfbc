#if HDF5
  import Foundation
  import TouchstoneCheckpoints
  import TouchstoneGolden
  import TouchstoneModel

  /// Finds the weights that a golden was made with: given, embedded, or by digest in a folder `models`.
  package final class WeightsFinder: @unchecked Sendable {
    private let lock = NSLock()
    private let model: (path: String, weights: Weights)?
    /// The checkpoints of each `models` folder met so far, by the digest of their weights; guarded by the lock.
    private var known: [URL: [String: (path: String, weights: Weights)]] = [:]

    /// - Parameter model: the folder that the user named, if any.
    package init(model path: String? = nil) throws(BadInput) {
      guard let path else {
        model = nil
        return
      }
      let folder = URL(filePath: path, directoryHint: .isDirectory)
      model = (folder.path, try Checkpoint(at: folder).weights)
    }

    /// The weights, or nil where there are none for this golden.
    ///
    /// - Throws: ``BadInput`` where the given model is another than the golden's.
    package func find(for golden: ActivationFile) throws -> Weights? {
      try lock.withLock { try findAlone(golden).map { try trained($0, as: golden) } }
    }

    /// The weights of the graph that a golden has: with its backward pass, where it has one.
    private func trained(_ weights: Weights, as golden: ActivationFile) throws(BadInput) -> Weights {
      var weights = weights
      if golden.graph.inputs.contains(.audio), !weights.graph.inputs.contains(.audio) {
        weights = try weights.listening(by: golden.model.frontEnd)
      }
      guard let loss = golden.model.loss, !weights.graph.isDifferentiated else { return weights }
      return try weights.differentiated(by: loss)
    }

    /// The folder or file of the model with the weights of a golden; nil where none is given or near it.
    ///
    /// What stands beside the weights, such as the tokenizer, is there.
    package func path(for golden: ActivationFile) -> String? {
      lock.withLock { model?.path ?? checkpoint(near: golden)?.path }
    }

    private func findAlone(_ golden: ActivationFile) throws -> Weights? {
      if let model {
        guard golden.weightsDigest == nil || golden.weightsDigest == WeightsDigest.of(model.weights) else {
          throw BadInput(
            file: model.path, problem: "holds other weights than \(golden.path) was made with",
            remedy: "name the model of that golden")
        }
        return model.weights
      }
      return try golden.weights() ?? checkpoint(near: golden)?.weights
    }

    /// The model with a golden's digest in a folder `models` beside or above it.
    private func checkpoint(near golden: ActivationFile) -> (path: String, weights: Weights)? {
      guard let digest = golden.weightsDigest else { return nil }
      var folder = URL(filePath: golden.path).absoluteURL.deletingLastPathComponent()
      for _ in 0..<3 {
        if let found = checkpoints(in: folder.appending(path: "models"))[digest] { return found }
        folder.deleteLastPathComponent()
      }
      return nil
    }

    /// The weights, which must be there.
    package func weights(for golden: ActivationFile) throws -> Weights {
      guard let weights = try find(for: golden) else {
        throw BadInput(
          file: golden.path, problem: "holds no weights, and no folder `models` near it has them",
          remedy: "name the model by --model")
      }
      return weights
    }

    private func checkpoints(in folder: URL) -> [String: (path: String, weights: Weights)] {
      if let checkpoints = known[folder] { return checkpoints }
      let entries =
        (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
      var checkpoints: [String: (path: String, weights: Weights)] = [:]
      for entry in entries.sorted(by: { $0.path < $1.path }) {
        // A folder that is no checkpoint cannot be the one looked for.
        if let weights = try? Checkpoint(at: entry).weights {
          checkpoints[WeightsDigest.of(weights)] = (entry.path, weights)
        }
      }
      known[folder] = checkpoints
      return checkpoints
    }
  }
#endif
