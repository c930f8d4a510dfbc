import Foundation
import TouchstoneConformance
import TouchstoneGolden
import TouchstoneGraph
import TouchstoneModel

/// A program of the user's that runs once for many goldens: it reads a list of them and writes a capture for each.
struct BatchEngine: Engine {
  /// A line of the list.
  private struct Order {
    let capture: String
    /// What the program writes to say that it does not support a golden: a file with the reason.
    var refusal: String { capture + ".unsupported" }
  }

  let name: String
  private let folder: WorkFolder
  private let orders: [String: Order]
  /// How the program ended, where that was not well.
  private let failure: BadInput?

  /// Runs the program on the goldens that can be opened and whose weights are there.
  ///
  /// - Parameters:
  ///   - command: the command line for `/bin/sh`, with {list} in it: a file of a line for each golden, of the model's
  ///     folder, the golden and the capture to write, with tabs between them.
  ///   - timeout: seconds for each golden.
  ///   - kept: where the captures of goldens stay.
  init(
    command: String, timeout: Double, goldens: [String], finder: WeightsFinder,
    keeping kept: [String: CaptureDestination]
  ) throws {
    name = command
    folder = try WorkFolder()
    do {
      (orders, failure) = try Self.run(command, timeout, goldens, finder, kept, folder)
    } catch {
      folder.remove()
      throw error
    }
  }

  /// Removes what the program was given and wrote, but for the captures that are kept.
  func end() { folder.remove() }

  private static func run(
    _ command: String, _ timeout: Double, _ goldens: [String], _ finder: WeightsFinder,
    _ kept: [String: CaptureDestination], _ folder: WorkFolder
  ) throws -> ([String: Order], BadInput?) {
    var models: [String: URL] = [:]
    var orders: [String: Order] = [:]
    var list = ""
    for path in goldens {
      // Those that cannot be opened are refused one by one, when they are judged.
      guard let golden = try? ActivationFile(path: path), golden.kind == .golden,
        let weights = try? finder.weights(for: golden)
      else { continue }
      let digest = WeightsDigest.of(weights)
      let model = models[digest] ?? folder.url.appending(path: "model-\(models.count)")
      if models.updateValue(model, forKey: digest) == nil {
        try WorkFolder.write(weights, of: golden, to: model)
      }
      let capture = try kept[path]?.cleared() ?? folder.url.appending(path: "\(orders.count).h5").path
      let place = URL(filePath: path).standardizedFileURL.path
      let line = [model.path, place, URL(filePath: capture).standardizedFileURL.path]
      guard !line.contains(where: { $0.contains("\t") || $0.contains("\n") }) else {
        throw BadInput(
          file: path, problem: "has a tab or a line break in its path, which a list cannot say",
          remedy: "rename it, or use --exec")
      }
      list += line.joined(separator: "\t") + "\n"
      orders[path] = Order(capture: capture)
    }
    guard !orders.isEmpty else { return (orders, nil) }
    let file = folder.url.appending(path: "list.tsv")
    try Data(list.utf8).write(to: file)
    do {
      try ExternalEngine.run(
        command.replacing("{list}", with: ExternalEngine.quoted(file.path)), byHand: command,
        option: "--exec-all", timeout: timeout * Double(orders.count))
    } catch let error as BadInput {
      return (orders, error)
    }
    return (orders, nil)
  }

  func withActivations<Result>(
    for golden: ActivationFile, weights: Weights, keeping kept: CaptureDestination?,
    _ body: (any ActivationSource) throws -> Result
  ) throws -> Result {
    guard let order = orders[golden.path] else { throw failure ?? missing(golden) }
    if let reason = try? String(contentsOfFile: order.refusal, encoding: .utf8) {
      throw NotSupported(reason: reason.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    guard FileManager.default.fileExists(atPath: order.capture) else { throw failure ?? missing(golden) }
    return try body(ActivationFile(path: order.capture, against: golden))
  }

  private func missing(_ golden: ActivationFile) -> BadInput {
    BadInput(
      file: golden.path, problem: "the program ended without writing its capture",
      remedy: "write it where its line of {list} says, or CAPTURE.unsupported with the reason")
  }
}
