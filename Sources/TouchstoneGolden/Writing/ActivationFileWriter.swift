import Foundation
import TouchstoneHDF5
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// Writes a golden or a capture, one activation at a time.
///
/// The file appears under its name only in ``finish()``, whole and flushed to the disk; a writer that is
/// dropped before leaves nothing. The same calls write the same bytes.
public final class ActivationFileWriter {
  private let destination: FileDestination
  private let kind: ActivationFile.Kind
  let model: RecordedModel
  let inputs: Inputs
  private let temperature: Double
  let layers: LayerRange?
  private let isSketch: Bool
  var datasets: DatasetWriter
  /// What was decided, of which the shapes of others follow.
  var decided: [Activation: Tensor<Double>] = [:]
  private var isOpen = true

  /// Starts a file that will be called `path`.
  ///
  /// - Parameters:
  ///   - provenance: written as attributes; `producer`, `producer_version`, `implementation` and `precision`
  ///     are expected, and no facts of time or machine in a golden.
  ///   - temperature: what divides the logits before `final/probs`.
  ///   - layers: which layers are written, where it is not all: what ``Graph/activations(of:)`` has of them.
  ///   - isSketch: whether sketches are written in place of activations.
  ///   - overwrite: whether a file that already has that name is replaced.
  ///   - writesDigest: whether `path.sha256` is written beside it, in the format of `sha256sum`; a golden has
  ///     one unless this says otherwise.
  /// - Throws: `BadInput` when the file exists and may not be replaced, or cannot be written, or for a temperature
  ///   outside ``Temperature/range``.
  public init(
    path: String, kind: ActivationFile.Kind, model: RecordedModel, inputs: Inputs,
    weightsDigest: String? = nil, provenance: [String: String] = [:], temperature: Double = 1,
    layers: LayerRange? = nil, isSketch: Bool = false, overwrite: Bool = false, writesDigest: Bool? = nil
  ) throws(BadInput) {
    try layers?.check(in: model.graph)
    let partial = model.graph.operations.first { model.graph.selection(of: $0.output) != nil }
    if isSketch, let partial {
      throw BadInput(
        file: path, place: partial.output.path,
        problem: "has rows of some tokens alone, which no sketch names",
        remedy: "leave sketches out, or record some layers alone by --layers")
    }
    guard Temperature.range.contains(temperature) else {
      throw BadInput(
        file: path, place: "temperature", problem: "is \(temperature)",
        remedy: "give one from \(Temperature.range.lowerBound) to \(Temperature.range.upperBound)")
    }
    destination = try FileDestination(
      path: path, overwrite: overwrite, writesDigest: writesDigest ?? (kind == .golden))
    self.kind = kind
    self.model = model
    self.inputs = inputs
    self.temperature = temperature
    self.layers = layers
    self.isSketch = isSketch
    datasets = DatasetWriter(try destination.create())
    try naming { () throws(BadInput) in
      try writeHeader(weightsDigest: weightsDigest)
      try writeInputs()
      try datasets.group(GoldenFormat.provenance)
      for (name, value) in provenance.sorted(by: { $0.key < $1.key }) {
        try file.setAttribute(name, of: GoldenFormat.provenance, to: value)
      }
    }
  }

  /// Starts a file of a model of the GPT-2 form, as
  /// ``init(path:kind:model:inputs:weightsDigest:provenance:temperature:layers:isSketch:overwrite:writesDigest:)`` does.
  public convenience init(
    path: String, kind: ActivationFile.Kind, configuration: Configuration, inputs: Inputs,
    weightsDigest: String? = nil, provenance: [String: String] = [:], temperature: Double = 1,
    overwrite: Bool = false, writesDigest: Bool? = nil
  ) throws(BadInput) {
    try self.init(
      path: path, kind: kind, model: RecordedModel(Architecture(configuration)), inputs: inputs,
      weightsDigest: weightsDigest, provenance: provenance, temperature: temperature, overwrite: overwrite,
      writesDigest: writesDigest)
  }

  deinit { abandon() }

  var graph: Graph { model.graph }
  var manifest: DatasetManifest { datasets.manifest }
  var file: HDF5Writer { datasets.file }

  private func abandon() {
    guard isOpen else { return }
    isOpen = false
    file.abandon()
    destination.discard()
  }

  /// Runs `body`; whatever it throws ends the writer, and names the file as the user knows it.
  private func naming(_ body: () throws(BadInput) -> Void) throws(BadInput) {
    guard isOpen else {
      throw BadInput(file: destination.path, problem: "is already closed", remedy: "write it anew")
    }
    do throws(BadInput) {
      try destination.naming(body)
    } catch {
      abandon()
      throw error
    }
  }

  private func writeHeader(weightsDigest: String?) throws(BadInput) {
    let isFirstVersion = model.family == Family.gpt2.name && !model.hasOwnGraph
    try file.setAttribute("format", of: "/", to: GoldenFormat.format)
    let version = isFirstVersion ? GoldenFormat.firstVersion : GoldenFormat.version
    let isTraining = model.loss != nil || inputs.sequenceCount > 1
    try file.setAttribute(
      "format_version", of: "/", to: isTraining ? GoldenFormat.trainingVersion : version)
    try file.setAttribute("kind", of: "/", to: kind.rawValue)
    if let layers { try file.setAttribute(GoldenFormat.layers, of: "/", to: layers.description) }
    if isSketch { try file.setAttribute(GoldenFormat.sketch, of: "/", to: GoldenFormat.sketchForm) }
    try datasets.group("model")
    try file.setAttribute("family", of: "model", to: model.family)
    try file.setAttribute("config_json", of: "model", to: model.configJSON)
    if let weightsDigest {
      try file.setAttribute("weights_sha256", of: "model", to: weightsDigest)
    }
    if kind == .golden, !isFirstVersion || isTraining {
      let text = Data(model.forwardGraph.json.utf8)
      try datasets.write(
        GoldenFormat.graph, .integer(byteCount: 1, isSigned: false), shape: [text.count], bytes: text)
    }
  }

  // MARK: Activations

  /// Writes an activation in the type in which it is held: goldens in float64, captures as the engine has it.
  ///
  /// - Parameter isDerived: whether the engine reconstructed it for the recording.
  /// - Throws: `BadInput` when it was written before, a golden's shape is not the configuration's, or the
  ///   disk is full.
  public func write(
    _ activation: Activation, _ tensor: StoredTensor, isDerived: Bool = false
  ) throws(BadInput) {
    try naming { () throws(BadInput) in
      // It stands among the inputs already.
      if activation.isGiven, graph.axes(of: activation) != nil { return }
      guard let wanted = shape(of: activation, tensor) else {
        throw BadInput(place: activation.path, problem: "is no activation of this model")
      }
      guard kind == .capture || tensor.shape == wanted else {
        throw BadInput(place: activation.path, problem: "has the shape \(tensor.shape) instead of \(wanted)")
      }
      if graph.operation(making: activation)?.kind.payload.isDecision == true {
        decided[activation] = tensor.float64()
        let ids = try wholeNumbers(tensor, at: activation)
        try datasets.write(
          activation.path, .integer(byteCount: 4, isSigned: true), shape: tensor.shape,
          bytes: ids.withUnsafeBytes { Data($0) })
        return
      }
      // Of an expert that no token chose nothing is written.
      if tensor.shape.first == 0, wanted.first == 0 { return }
      let layout = tensor.shape == wanted ? BatchLayout(of: activation, in: graph, inputs) : nil
      let stored = layout?.batched(tensor) ?? tensor
      try datasets.write(activation.path, .float(stored.type), shape: stored.shape, bytes: stored.bytes)
      if isDerived { try file.setFlag("derived", of: activation.path) }
      if activation == graph.probabilities {
        try file.setAttribute("temperature", of: activation.path, to: temperature)
      }
    }
  }

  /// Writes what is kept of an activation that is too large to be written.
  ///
  /// - Throws: `BadInput` when it was written before, is of another shape than the model's, or the disk is full.
  public func write(_ activation: Activation, _ sketch: Sketch) throws(BadInput) {
    try naming { () throws(BadInput) in
      guard isSketch, graph.shape(of: activation, in: inputs) == sketch.shape else {
        throw BadInput(
          place: activation.path, problem: "has the shape \(sketch.shape), which is not the model's",
          remedy: "sketch what has the model's shapes")
      }
      let (place, rows) = (GoldenFormat.sketchPath(activation), Array(sketch.shape.dropLast()))
      let entries = Sketch.entryCount(ofRows: sketch.shape.last ?? 1)
      for (name, values, width) in [
        ("norms", sketch.norms, []), ("projections", sketch.projections, [Sketch.projectionCount]),
        ("greatest", sketch.greatest, [entries]),
      ] {
        let stored = StoredTensor(Tensor(values, shape: rows + width))
        try datasets.write(place + "/" + name, .float(.float64), shape: stored.shape, bytes: stored.bytes)
      }
      // Places are below an extent, which int32 holds.
      let places = sketch.places.map { Int32($0).littleEndian }
      try datasets.write(
        place + "/greatest_at", .integer(byteCount: 4, isSigned: true), shape: rows + [entries],
        bytes: places.withUnsafeBytes { Data($0) })
      try file.setAttribute("sha256", of: place, to: sketch.sha256)
      if activation == graph.probabilities {
        try file.setAttribute("temperature", of: place, to: temperature)
      }
    }
  }

  /// Writes an activation in float64, the type of goldens.
  public func write(
    _ activation: Activation, _ tensor: Tensor<Double>, isDerived: Bool = false
  ) throws(BadInput) {
    try write(activation, StoredTensor(tensor), isDerived: isDerived)
  }

  /// Writes an activation in float32.
  public func write(
    _ activation: Activation, _ tensor: Tensor<Float>, isDerived: Bool = false
  ) throws(BadInput) {
    try write(activation, StoredTensor(tensor), isDerived: isDerived)
  }

  // MARK: Optional parts

  /// Embeds the weights as they are stored, which makes the file self-contained.
  public func writeWeights(_ weights: Weights) throws(BadInput) {
    try naming { () throws(BadInput) in
      for (name, tensor) in weights.stored.sorted(by: { $0.key < $1.key }) {
        try datasets.write(
          GoldenFormat.weightPath(name), .float(tensor.type), shape: tensor.shape, bytes: tensor.bytes)
      }
    }
  }

  /// Writes the measured noise floor of an activation: one root mean square for each of its rows.
  public func writeNoiseFloor(of activation: Activation, _ floor: Tensor<Double>) throws(BadInput) {
    try naming { () throws(BadInput) in
      let rows = manifest.entries[activation.path]?.shape
      let wanted =
        graph.selection(of: activation) == nil
        ? graph.shape(of: activation, in: inputs)?.dropLast().map(\.self)
        : rows?.dropLast().map(\.self)
      let path = GoldenFormat.floorPath(activation)
      guard let wanted, floor.shape == wanted else {
        let wanted = wanted ?? []
        throw BadInput(place: path, problem: "has the shape \(floor.shape) instead of \(wanted)")
      }
      let stored = StoredTensor(floor)
      try datasets.write(path, .float(stored.type), shape: stored.shape, bytes: stored.bytes)
    }
  }

  // MARK: Finishing

  /// Completes the file and gives it its name.
  ///
  /// - Throws: `BadInput` when a golden lacks an activation or the disk is full; nothing is left behind then.
  public func finish() throws(BadInput) {
    try naming { () throws(BadInput) in
      if kind == .golden { try checkWhole() }
      try datasets.finish()
      try destination.publish()
    }
    isOpen = false
  }

  /// A dataset that is there when the activation, or its sketch, is.
  func path(of activation: Activation) -> String {
    isSketch ? GoldenFormat.sketchPath(activation) + "/norms" : activation.path
  }
}

extension Data {
  /// `withUnsafeBytes` for a body that throws one type of error.
  func withBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws(BadInput) -> Result
  ) throws(BadInput) -> Result {
    let result = withUnsafeBytes { raw in
      Swift.Result { () throws(BadInput) in try body(raw) }
    }
    return try result.get()
  }
}
