import Foundation
import TouchstoneHDF5
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// A golden or a capture on disk: one sequence through one model.
///
/// Opening checks that the file is whole, of this format, and what its digest says; values are read when
/// they are asked for, and each is held against the file's manifest. Safe to use from several threads.
public final class ActivationFile: ActivationSource, Sendable {
  /// What made the file.
  public enum Kind: String, Sendable {
    /// The reference: what is right.
    case golden
    /// An implementation under test.
    case capture
  }

  /// Where the file is.
  public let path: String
  /// What made the file.
  public let kind: Kind
  /// The model that was run.
  public let model: RecordedModel
  /// What the model was given.
  public let inputs: Inputs
  /// The digest of the weights, as ``WeightsDigest`` computes it; captures may lack it.
  public let weightsDigest: String?
  /// Who wrote the file: the texts and numbers under `/provenance`.
  public let provenance: [String: String]
  /// The arithmetic that made the values: `precision` of the provenance, float32 in captures without it.
  public let precision: Precision
  /// In what products with a matrix read their inputs.
  public let productInputs: ProductInputs
  /// Whether the file names its precision, or is a golden, whose precision the format names.
  public let namesPrecision: Bool
  /// What divided the logits before `final/probs`.
  public let temperature: Double
  /// Whether the whole file was held against a digest kept outside it: its bytes are those that somebody meant.
  public let hasTrustedDigest: Bool
  /// The layers that it holds, where it is a shard: what their operations make, and what those read; nil for all.
  public let layers: LayerRange?
  /// Whether it holds sketches in place of activations.
  public let isSketch: Bool
  /// Datasets under `/extra`, which are never judged.
  public let extras: [String]
  /// Datasets elsewhere that the format does not know, and which are not judged either.
  public let unknownPaths: [String]
  private let unknownCounts: [String: Int]
  /// Whether `/inputs/position_ids` is there; without it positions are 0 … T−1.
  public let givesPositions: Bool

  let file: HDF5Reader
  let manifest: DatasetManifest?
  let recorded: [Activation: RecordedDataset]

  /// Opens the golden or capture at `path`.
  ///
  /// Where `path.sha256` stands beside the file, or a `MANIFEST.json` in a folder above lists it, its digest
  /// is checked first. Then a child process reads the file before this one does, where ``FileReaderProcess`` can
  /// start one: crafted HDF5 files can crash the library that reads them. The goldens that come with this program, and
  /// what the user trusts, need no child.
  ///
  /// - Throws: `BadInput` when the file is missing, corrupt, incomplete, or not of this format and version.
  public convenience init(path: String) throws(BadInput) {
    try self.init(path: path, golden: nil, readFirst: FileReaderProcess.readFirst)
  }

  /// Opens the file at `path`, as ``init(path:)`` does, in order to hold it against `golden`.
  ///
  /// - Throws: `BadInput` as ``init(path:)`` does; but a capture of a family that only the golden knows is read.
  public convenience init(path: String, against golden: ActivationFile) throws(BadInput) {
    try self.init(path: path, golden: golden, readFirst: FileReaderProcess.readFirst)
  }

  /// Opens a file as ``init(path:)`` does, with `program` as the child.
  convenience init(path: String, readFirstBy program: String) throws(BadInput) {
    try self.init(path: path, golden: nil) { (path, task) throws(BadInput) in
      try FileReaderProcess.survive(path, task, program: program)
    }
  }

  private convenience init(
    path: String, golden: ActivationFile?,
    readFirst: (String, FileReaderProcess.Task) throws(BadInput) -> Void
  ) throws(BadInput) {
    let identity = try FileIdentity(path: path)
    try Superblock.check(path, byteCount: identity.byteCount)
    let digest = try OutsideDigest(checking: path)
    let model = golden?.model
    if !digest.isBundled {
      try readFirst(path, .everything(golden: model?.hasOwnGraph == true ? golden?.path : nil))
    }
    try self.init(path: path, hasTrustedDigest: digest.exists, golden: model)
    guard try FileIdentity(path: path) == identity else {
      throw BadInput(file: path, problem: "changed while it was opened", remedy: "try again")
    }
  }

  /// Opens a file whose bytes are known, or feared by somebody else.
  init(path: String, hasTrustedDigest: Bool, golden: RecordedModel? = nil) throws(BadInput) {
    self.path = path
    self.hasTrustedDigest = hasTrustedDigest
    let file = try HDF5Reader(path: path)
    let header = ActivationFileHeader(file)
    do throws(BadInput) {
      try header.checkFormat()
      kind = try header.kind()
      manifest = try header.manifest(isRequired: kind == .golden)
      model = try header.model(kind, manifest, golden: golden).trained(for: try header.loss()).listening(
        by: try header.frontEnd())
      let graph = model.graph
      inputs = try header.inputs(graph, manifest)
      givesPositions = try file.dataset(at: GoldenFormat.positionIDs) != nil
      weightsDigest = try header.weightsDigest()
      provenance = try header.provenance()
      precision = try header.precision(kind)
      productInputs = try header.productInputs()
      namesPrecision = kind == .golden || provenance["precision"] != nil
      let index = try ActivationIndex(file, graph, inputs)
      layers = try header.layers(graph)
      isSketch = try header.isSketch()
      recorded = index.recorded
      extras = index.extras
      unknownPaths = index.unknownPaths
      unknownCounts = index.unknownCounts
      temperature = try header.temperature(graph)
    } catch {
      throw error.inFile(path)
    }
    self.file = file
    if kind == .golden {
      do throws(BadInput) { try isSketch ? checkSketches() : checkWhole() } catch { throw error.inFile(path) }
      for activation in isSketch
        ? graph.operations.map(\.output) : recorded.keys.sorted(by: { $0.path < $1.path })
      {
        _ = try noiseFloor(of: activation)
      }
    }
  }

  /// The operations of the model that was run.
  public var graph: Graph { model.graph }

  /// Whether both are one file on the disk, by whatever name.
  ///
  /// - Throws: `BadInput` when one of them is gone.
  public func isSameFile(as other: ActivationFile) throws(BadInput) -> Bool {
    try FileIdentity(path: path) == FileIdentity(path: other.path)
  }

  // MARK: Activations

  /// The recorded activations.
  public var activations: Set<Activation> { Set(recorded.keys) }

  /// The type in which an activation is stored; nil where it is not recorded.
  public func storedType(of activation: Activation) -> ScalarType? {
    recorded[activation]?.type
  }

  /// The recorded extents, a leading batch axis of 1 left out; nil where the activation is not recorded.
  public func storedShape(of activation: Activation) -> [Int]? {
    recorded[activation]?.shape
  }

  /// How many floating-point numbers stand under a name that the format does not know; nil where other things do.
  public func elementCount(atUnknown path: String) -> Int? { unknownCounts[path] }

  /// Whether an engine reconstructed the activation for the recording, instead of computing with it.
  public func isDerived(_ activation: Activation) -> Bool {
    recorded[activation]?.isDerived ?? false
  }

  /// The values, widened exactly; nil where the activation is not recorded.
  ///
  /// - Throws: `BadInput` when the file does not hold what its header declares, or a checksum fails.
  public func tensor(_ activation: Activation) throws(BadInput) -> Tensor<Double>? {
    try recorded[activation].map { (stored) throws(BadInput) in try read(stored).float64() }
  }

  /// The values as they are stored; nil where the activation is not recorded.
  public func storedTensor(_ activation: Activation) throws(BadInput) -> StoredTensor? {
    try recorded[activation].map { (stored) throws(BadInput) in try read(stored) }
  }

  /// The recorded noise floor, one root mean square for each row; nil where there is none.
  ///
  /// - Throws: `BadInput` when it is not one number a row, or one that no float32 arithmetic can have.
  public func noiseFloor(of activation: Activation) throws(BadInput) -> Tensor<Double>? {
    let path = GoldenFormat.floorPath(activation)
    guard isSketch || recorded[activation] != nil, let dataset = try file.dataset(at: path) else {
      return nil
    }
    let wanted = (try dueShape(of: activation) ?? []).dropLast().map(\.self)
    guard dataset.shape == wanted, case .float(let type) = dataset.type else {
      throw BadInput(
        file: self.path, place: path,
        problem: "holds \(dataset.type) \(dataset.shape) where one number "
          + "for each of \(wanted) rows belongs", remedy: "record it again")
    }
    let floor = try read(RecordedDataset(dataset: dataset, type: type, shape: wanted)).float64()
    if let problem = NoiseFloorRange.problem(floor) {
      throw BadInput(
        file: self.path, place: path, problem: problem, remedy: "record it again by `touchstone record`")
    }
    return floor
  }

  // MARK: Weights

  /// The embedded weights; nil where the file holds none.
  ///
  /// - Throws: `BadInput` when they are not whole, or not those that the file's digest names.
  public func weights() throws(BadInput) -> Weights? {
    let names = try file.members(of: GoldenFormat.weights)
    guard !names.isEmpty else { return nil }
    // A configuration of a few bytes may ask for many layers; each needs its tensors.
    guard graph.layerCount <= names.count else {
      throw BadInput(
        file: path, place: GoldenFormat.weights,
        problem: "holds \(names.count) tensors for \(graph.layerCount) layers",
        remedy: "embed all of them")
    }
    do throws(BadInput) {
      let tensors = try embeddedTensors(names)
      let weights = try Weights(graph: graph, names: model.tensors, tensors: tensors)
      if let weightsDigest, WeightsDigest.of(weights) != weightsDigest {
        throw BadInput(
          place: GoldenFormat.weights, problem: "are not the weights that weights_sha256 names",
          remedy: "record it again")
      }
      return weights
    } catch {
      throw error.inFile(path)
    }
  }

  /// The tensors that the model has, by name; of others only the names, which say whether they may be there.
  private func embeddedTensors(_ names: [String]) throws(BadInput) -> [String: StoredTensor] {
    var wanted = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.name, $0.shape) })
    // A tied tensor may be stored once more.
    for (name, tied) in model.tensors.ties where wanted[name] == nil { wanted[name] = wanted[tied] }
    let fullNames = model.tensors.fullNames(ofStored: names, in: graph)
    var budget = file.greatestByteCount
    var tensors: [String: StoredTensor] = [:]
    for name in names {
      let place = GoldenFormat.weights + "/" + name
      guard let dataset = try file.dataset(at: place) else { continue }
      guard let shape = wanted[fullNames[name] ?? name] else {
        tensors[name] = StoredTensor(type: .float32, shape: [0], bytes: Data())
        continue
      }
      // Before anything is read, and so allocated.
      guard dataset.shape == shape else {
        throw BadInput(
          place: place, problem: "has the shape \(dataset.shape) where the model asks for \(shape)",
          remedy: "embed the weights of this model")
      }
      try file.spend(dataset, from: &budget)
      tensors[name] = try read(RecordedDataset(dataset, in: file, shape: shape))
    }
    return tensors
  }

  // MARK: Everything

  /// Reads all that could be asked of the file, and so checks every checksum in it.
  ///
  /// An activation of the wrong shape that is not wholly there is left out: nobody can ask for its values.
  ///
  /// - Throws: `BadInput` naming the first dataset that cannot be read.
  public func checkContents() throws(BadInput) {
    for (activation, stored) in recorded.sorted(by: { $0.key.path < $1.key.path }) {
      let wanted = try dueShape(of: activation)
      if stored.shape == wanted || stored.dataset.obstacle == nil { _ = try read(stored) }
      guard let floor = try noiseFloor(of: activation), stored.shape == wanted else { continue }
      if let problem = NoiseFloorRange.problem(floor, of: try read(stored).float64()) {
        throw BadInput(
          file: path, place: GoldenFormat.floorPath(activation), problem: problem,
          remedy: "record it again by `touchstone record`")
      }
    }
    if isSketch { for operation in graph.operations { _ = try sketch(of: operation.output) } }
    _ = try weights()
  }
}
