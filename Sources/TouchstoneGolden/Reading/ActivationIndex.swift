import TouchstoneHDF5
import TouchstoneGraph
import TouchstoneFamilies
import TouchstoneModel

/// A dataset that holds floating-point values of the format.
struct RecordedDataset: Sendable {
  let dataset: HDF5Dataset
  /// The type of the values, which 16-bit integers may stand for.
  let type: ScalarType
  /// The extents without a leading batch axis of 1; where there are several sequences, those that the program has.
  let shape: [Int]
  var isDerived = false
  /// Whether the values are whole numbers, which stand for themselves.
  var isInteger = false
  /// Where the numbers of several sequences stand; nil for one.
  var batch: BatchLayout?

  init(dataset: HDF5Dataset, type: ScalarType, shape: [Int]) {
    self.dataset = dataset
    self.type = type
    self.shape = shape
  }

  /// Recognises the type of the values.
  ///
  /// - Throws: `BadInput` when it is none of the format's.
  init(_ dataset: HDF5Dataset, in file: HDF5Reader, shape: [Int]) throws(BadInput) {
    guard let type = try Self.type(of: dataset, in: file) else {
      throw BadInput(
        file: file.path, place: dataset.path, problem: "holds \(dataset.type)",
        remedy: "store float64, float32, float16 or bfloat16 (or uint16 with dtype = bfloat16)")
    }
    self.init(dataset: dataset, type: type, shape: shape)
  }

  static func type(of dataset: HDF5Dataset, in file: HDF5Reader) throws(BadInput) -> ScalarType? {
    switch dataset.type {
    case .float(let type):
      return type
    case .integer(byteCount: 2, isSigned: false), .opaque(byteCount: 2):
      let name = try file.attribute("dtype", of: dataset.path)
      return name == .text(ScalarType.bfloat16.rawValue) ? .bfloat16 : nil
    default:
      return nil
    }
  }
}

/// Which datasets of a file are activations, and which are something else.
///
/// Driven by what the file holds, not by what its configuration promises: a configuration of a few bytes may
/// promise millions of layers.
struct ActivationIndex {
  private(set) var recorded: [Activation: RecordedDataset] = [:]
  private(set) var extras: [String] = []
  private(set) var unknownPaths: [String] = []
  /// How many floating-point numbers those of them hold that hold such.
  private(set) var unknownCounts: [String: Int] = [:]

  private let file: HDF5Reader
  private let graph: Graph
  /// Groups in which activations of the model stand.
  private let groups: Set<String>
  private let inputs: Inputs
  private var visits = 0
  private var bytesLeft: Int
  /// Groups that the format does not know, which are looked into once, by whatever name.
  private var seen: Set<[UInt64]> = []

  init(_ file: HDF5Reader, _ graph: Graph, _ inputs: Inputs) throws(BadInput) {
    self.file = file
    self.graph = graph
    groups = Self.groups(of: graph)
    self.inputs = inputs
    bytesLeft = file.greatestByteCount
    for link in try file.links(of: "/") {
      switch link.name {
      case "inputs", GoldenFormat.provenance, GoldenFormat.weights, GoldenFormat.floor, GoldenFormat.sketch,
        GoldenFormat.step, GoldenFormat.steps, GoldenFormat.micro:
        continue
      default: try visit(link, at: link.name, depth: 1)
      }
    }
    for name in try file.members(of: "inputs") {
      let path = "inputs/" + name
      if activation(at: path) != nil { try sort(path) }
      let input = GoldenFormat.ofFrontEnd.contains(name) ? .audio : Input(rawValue: name)
      if input.map({ !graph.mayBeGiven($0) }) ?? true {
        unknownPaths.append(path)
      }
    }
  }

  /// Hard links may form rings, which no path of the format does.
  private static let greatestDepth = 8

  /// The deepest model has some eighteen thousand activations.
  private static let greatestVisitCount = 1 << 16

  private mutating func visit(_ link: HDF5Reader.Link, at path: String, depth: Int) throws(BadInput) {
    visits += 1
    guard visits <= Self.greatestVisitCount else {
      throw BadInput(
        place: path, problem: "is one of more than \(Self.greatestVisitCount) names in the file",
        remedy: "store what the format knows, and little else")
    }
    switch try file.kind(of: path) {
    case .group:
      guard depth < Self.greatestDepth, isOfFormat(path) || seen.insert(link.object).inserted else {
        unknownPaths.append(path)
        return
      }
      for link in try file.links(of: path) {
        try visit(link, at: path + "/" + link.name, depth: depth + 1)
      }
    case .dataset:
      try sort(path)
    case nil:
      guard activation(at: path) == nil else {
        throw BadInput(
          place: path, problem: "is a link that cannot be followed, or no dataset",
          remedy: "store the values in the file itself")
      }
      unknownPaths.append(path)
    }
  }

  /// Whether activations may stand in the group at `path`.
  private func isOfFormat(_ path: String) -> Bool {
    // Blocks beyond the model's are looked into as well, so that what stands there is named.
    groups.contains(path) || Activation(path: path + "/q").map { $0.block != nil && $0.name == "q" } ?? false
  }

  /// What stands there in files of this model; nil for any other path.
  private func activation(at path: String) -> Activation? {
    Activation(path: path).flatMap { graph.axes(of: $0) == nil ? nil : $0 }
  }

  private static func groups(of graph: Graph) -> Set<String> {
    var groups: Set<String> = []
    for operation in graph.operations {
      var path = operation.output.path[...]
      while let slash = path.lastIndex(of: "/") {
        path = path[..<slash]
        guard groups.insert(String(path)).inserted else { break }
      }
    }
    return groups
  }

  private mutating func sort(_ path: String) throws(BadInput) {
    if path == GoldenFormat.graph { return }
    if path.hasPrefix(GoldenFormat.extra + "/") {
      extras.append(path)
      return
    }
    guard let activation = activation(at: path),
      let wanted = graph.shape(of: activation, in: inputs),
      let dataset = try file.dataset(at: path)
    else {
      unknownPaths.append(path)
      unknownCounts[path] = elementCount(ofUnknown: path)
      return
    }
    let layout = BatchLayout(of: activation, in: graph, inputs)
    let batch = layout?.shape == dataset.shape ? layout : nil
    let isBatch = dataset.shape.count == wanted.count + 1 && dataset.shape.first == 1
    let shape = batch != nil ? wanted : isBatch ? Array(dataset.shape.dropFirst()) : dataset.shape
    try checkExtent(dataset, wanted)
    var stored = try recordedDataset(dataset, of: activation, shape: shape)
    stored.batch = batch
    stored.isDerived = try file.attribute("derived", of: path).map { $0 == .integer(1) } ?? false
    recorded[activation] = stored
  }

  /// A dataset of an activation: of a decision integers too.
  private func recordedDataset(
    _ dataset: HDF5Dataset, of activation: Activation, shape: [Int]
  ) throws(BadInput) -> RecordedDataset {
    guard case .integer = dataset.type, graph.decisions.contains(activation) else {
      return try RecordedDataset(dataset, in: file, shape: shape)
    }
    var stored = RecordedDataset(dataset: dataset, type: .float64, shape: shape)
    stored.isInteger = true
    return stored
  }

  /// Refuses an extent that is far beyond the right one.
  ///
  /// A wrong shape is a finding; this one is no engine's mistake, but a file's that is damaged or means harm. None of it
  /// is read.
  private mutating func checkExtent(_ dataset: HDF5Dataset, _ wanted: [Int]) throws(BadInput) {
    // What cannot be read anyway takes no memory.
    guard dataset.obstacle == nil else { return }
    // A vocabulary that is padded, a batch of a few, one head for all: well within this.
    guard let own = Self.count(dataset.shape), let right = Self.count(wanted), own / 16 <= max(right, 1 << 12)
    else {
      throw BadInput(
        place: dataset.path,
        problem: "declares the shape \(dataset.shape), far beyond the \(wanted) of its model",
        remedy: "it is damaged or was made to do harm: write it again")
    }
    try file.spend(dataset, from: &bytesLeft)
  }

  /// How many floating-point numbers are there; nil where there are none, or where that cannot be read: nobody needs it.
  private func elementCount(ofUnknown path: String) -> Int? {
    guard let dataset = (try? file.dataset(at: path)) ?? nil,
      (try? RecordedDataset.type(of: dataset, in: file)) ?? nil != nil
    else { return nil }
    return Self.count(dataset.shape)
  }

  /// The elements of a shape; nil where they are more than can be counted.
  private static func count(_ shape: [Int]) -> Int? {
    shape.reduce(1) { count, extent in
      count.flatMap {
        let (product, overflow) = $0.multipliedReportingOverflow(by: extent)
        return overflow ? nil : product
      }
    }
  }
}
