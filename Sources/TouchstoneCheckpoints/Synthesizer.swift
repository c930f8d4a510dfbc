import Foundation
import TouchstoneFamilies
import TouchstoneFiles
import TouchstoneGraph
import TouchstoneModel

/// Makes models of any size with reproducible random weights, the same in every language.
///
/// Element i (row-major) of the t-th parameter, in the order of ``Graph/parameters``, is drawn by
/// SplitMix64 (Steele, Lea & Flood 2014) at the counter t·2⁴⁰ + i + 1, so that any element can be computed alone:
///
///     z = mix(seed) + (t·2⁴⁰ + i + 1) · 0x9E3779B97F4A7C15     (64-bit arithmetic that wraps)
///     u = (mix(z) >> 40) · 2⁻²⁴ − 0.5                          (exact in float32)
///     value = base + u · scale                                  (float32; one rounding, in the sum)
///
/// where mix is SplitMix64's finaliser, which maps 0 to 0, and base and scale are the ``WeightRule``'s. Probes replace some
/// of these numbers (``WeightRule/pattern``).
public enum Synthesizer {
  /// The weights of a model of the GPT-2 form, in memory.
  ///
  /// - Parameters:
  ///   - configuration: The model's shape.
  ///   - seed: Selects one of 2⁶⁴ models of that shape.
  ///   - rule: The size of the weights; ``WeightRule/probing(width:)`` where none is given.
  public static func weights(
    configuration: Configuration, seed: UInt64 = 0, rule: WeightRule? = nil
  ) throws(BadInput) -> Weights {
    try weights(
      of: configuration.graph, names: Family.gpt2.tensors, seed: seed,
      rule: rule ?? .probing(width: configuration.width))
  }

  /// The weights of a preset, in memory.
  public static func weights(_ preset: Preset, seed: UInt64 = 0) throws(BadInput) -> Weights {
    let architecture = preset.architecture
    return try weights(
      of: architecture.graph, names: architecture.family.tensors, seed: seed, rule: preset.rule)
  }

  /// The weights of a model, in memory.
  ///
  /// - Parameters:
  ///   - graph: The model.
  ///   - names: How its family's checkpoints spell what it names.
  ///   - seed: Selects one of 2⁶⁴ models.
  ///   - rule: The size of the weights.
  public static func weights(
    of graph: Graph, names: TensorNames, seed: UInt64 = 0, rule: WeightRule
  ) throws(BadInput) -> Weights {
    var tensors = [String: StoredTensor]()
    for (number, (parameter, purpose)) in graph.purposes.enumerated() {
      tensors[parameter.name] = tensor(parameter, purpose, number: number, seed: seed, rule)
    }
    return try Weights(graph: graph, names: names, tensors: tensors)
  }

  /// Writes a model of the size `preset` as a Hugging Face folder: `model.safetensors`, then `config.json`.
  ///
  /// The folder is made if it does not exist; a model that it already holds is never overwritten. Needs the
  /// memory of the largest tensor.
  ///
  /// - Parameter progress: is told which share of the weights is written.
  /// - Throws: ``BadInput`` if `directory` already holds a model, or the disk has no room for the new one.
  public static func write(
    _ preset: Preset, seed: UInt64 = 0, to directory: URL, progress: (Double) -> Void = { _ in }
  ) throws(BadInput) {
    let (architecture, rule) = (preset.architecture, preset.rule)
    let weightsFile = directory.appendingPathComponent("model.safetensors")
    let configurationFile = directory.appendingPathComponent("config.json")
    for file in [weightsFile, configurationFile] where FileManager.default.fileExists(atPath: file.path) {
      throw BadInput(
        file: file.path, problem: "exists already", remedy: "give a new folder, or remove the model first")
    }
    try checkSpace(for: preset, in: directory)
    do {
      let make = { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }
      let isNew = !FileManager.default.fileExists(atPath: directory.path)
      // Interrupted, a new folder goes as a whole: a model without its configuration is none.
      try isNew ? Unfinished.create(directory.path, make) : make()
    } catch {
      throw BadInput(
        file: directory.path, problem: "the folder cannot be made",
        remedy: "check the path and its permissions")
    }

    defer { Unfinished.forget(directory.path) }
    let parameters = Dictionary(
      uniqueKeysWithValues: architecture.graph.purposes.enumerated().map { ($1.parameter.name, ($0, $1)) })
    let outlines = parameters.mapValues {
      SafetensorsWriter.Outline(type: .float32, shape: $0.1.parameter.shape)
    }
    try SafetensorsWriter.write(outlines, to: weightsFile, overwrite: false, progress: progress) { name in
      guard let (number, (parameter, purpose)) = parameters[name] else {
        preconditionFailure("no parameter has the name \(name)")
      }
      return tensor(parameter, purpose, number: number, seed: seed, rule).bytes
    }
    let text = Data((architecture.configJSON + "\n").utf8)
    try AtomicFile.write(text, to: configurationFile.path, overwrite: false)
  }

  private static func checkSpace(for preset: Preset, in directory: URL) throws(BadInput) {
    var place = directory.standardizedFileURL
    while !FileManager.default.fileExists(atPath: place.path), place.pathComponents.count > 1 {
      place.deleteLastPathComponent()
    }
    let system = try? FileManager.default.attributesOfFileSystem(forPath: place.path)
    guard let free = (system?[.systemFreeSize] as? NSNumber)?.int64Value else { return }
    let needed = Int64(preset.architecture.graph.parameterCount) * 4 + 100_000
    guard needed <= free else {
      throw BadInput(
        file: directory.path,
        problem:
          "\(preset.name) takes \(needed / 1_000_000) MB, but the disk has \(free / 1_000_000) MB free",
        remedy: "choose a smaller preset or another disk")
    }
  }

  private static func tensor(
    _ parameter: Parameter, _ purpose: Parameter.Purpose, number: Int, seed: UInt64, _ rule: WeightRule
  ) -> StoredTensor {
    let shape = parameter.shape
    let count = shape.reduce(1, *)
    let width = shape.count > 1 ? shape[shape.count - 1] : 1
    let distribution = rule.distribution(purpose)
    let pattern = rule.pattern?(parameter)
    let values = [Float](unsafeUninitializedCapacity: count) { values, initialized in
      for index in 0..<count {
        let random = value(at: index, ofTensor: number, seed: seed, distribution)
        values.initializeElement(
          at: index, to: pattern?(index / width, index % width, random) ?? random)
      }
      initialized = count
    }
    return StoredTensor(Tensor(values, shape: shape))
  }

  /// Element `index` of the `tensor`-th parameter.
  package static func value(
    at index: Int, ofTensor tensor: Int, seed: UInt64, _ distribution: WeightRule.Distribution
  ) -> Float {
    let counter = (UInt64(tensor) << 40) &+ UInt64(index) &+ 1
    let bits = mix(mix(seed) &+ counter &* increment)
    let fraction = Float(bits >> 40) * 0x1p-24 - 0.5
    return distribution.base + fraction * distribution.scale
  }

  private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

  private static func mix(_ state: UInt64) -> UInt64 {
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
