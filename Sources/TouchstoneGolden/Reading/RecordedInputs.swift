import Foundation
import TouchstoneHDF5
import TouchstoneFiles
import TouchstoneGraph
import TouchstoneModel

/// What stands under `/inputs` of a file.
public struct RecordedInputs: Sendable {
  private let file: String
  /// One number for each token.
  private let numbers: [Input: [Int]]
  /// How many sequences there are.
  private let sequenceCount: Int
  /// What the model is trained for; nil where no targets are there.
  public let loss: Loss?
  /// What an encoder hears; nil where it reads.
  private let sound: Sound?
  /// How samples are cut, where these are what is heard.
  public let frontEnd: FrontEnd?
  /// Arrays in place of ids.
  private let arrays: [Input: Tensor<Float>]
  /// What stands there beside them.
  private let others: [String]

  /// Reads the inputs of a complete file of any kind: a golden, a capture, or what another program computed.
  ///
  /// Digests are checked and a child process reads first, as for ``ActivationFile/init(path:)``.
  ///
  /// - Throws: `BadInput` when the file is missing, corrupt, incomplete, or not of this format and version.
  public init(path: String) throws(BadInput) {
    let identity = try FileIdentity(path: path)
    try Superblock.check(path, byteCount: identity.byteCount)
    let digest = try OutsideDigest(checking: path)
    if !digest.isBundled { try FileReaderProcess.readFirst(path, .inputs) }
    try self.init(ofUnknownOrigin: path)
    guard try FileIdentity(path: path) == identity else {
      throw BadInput(file: path, problem: "changed while it was opened", remedy: "try again")
    }
  }

  /// Reads a file whose bytes are known, or feared by somebody else.
  init(ofUnknownOrigin path: String) throws(BadInput) {
    let header = ActivationFileHeader(try HDF5Reader(path: path))
    do throws(BadInput) {
      try header.checkFormat()
      try self.init(
        header, try header.manifest(isRequired: false), greatestCount: { _ in Inputs.greatestCount })
    } catch {
      throw error.inFile(path)
    }
  }

  fileprivate init(
    _ header: ActivationFileHeader, _ manifest: DatasetManifest?, greatestCount: (Input) -> Int
  ) throws(BadInput) {
    file = header.file.path
    var numbers: [Input: [Int]] = [:]
    var counts: Set<Int> = []
    for input in Input.allCases where input.isOfTokens {
      let path = GoldenFormat.path(of: input)
      guard let read = try header.integers(path, greatestCount: greatestCount(input), manifest) else {
        continue
      }
      numbers[input] = read.numbers
      counts.insert(read.sequenceCount)
    }
    guard counts.count <= 1 else {
      throw BadInput(
        place: GoldenFormat.inputs, problem: "holds different numbers of sequences: \(counts.sorted())",
        remedy: "store as many of each input")
    }
    self.numbers = numbers
    sequenceCount = counts.first ?? 1
    loss = try header.loss()
    frontEnd = try header.frontEnd()
    sound = try header.sound(frontEnd, manifest)
    arrays = try header.arrays(manifest)
    others = try header.file.members(of: GoldenFormat.inputs).filter {
      Input(rawValue: $0) == nil && !GoldenFormat.ofFrontEnd.contains($0)
    }
  }

  /// The checked inputs.
  ///
  /// - Throws: `BadInput` for ids out of range, unequal counts, or no token ids; for arrays that do not fit.
  func inputs(for graph: Graph) throws(BadInput) -> Inputs {
    if graph.readsArrays {
      return try Inputs(arrays: arrays.filter { graph.arrays.contains($0.key) }, graph: graph)
    }
    guard let tokenIDs = numbers[.tokenIDs] else {
      throw BadInput(
        place: GoldenFormat.path(of: .tokenIDs), problem: "is missing", remedy: "store the token ids")
    }
    return try Inputs(
      tokenIDs: tokenIDs, positionIDs: numbers[.positionIDs], attentionMask: mask(.attentionMask),
      tokenTypeIDs: graph.inputs.contains(.tokenTypeIDs) ? numbers[.tokenTypeIDs] : nil,
      source: try source(for: graph), targets: numbers[.targets], sequenceCount: sequenceCount, graph: graph)
  }

  /// What an encoder reads; nil for a model without one.
  private func source(for graph: Graph) throws(BadInput) -> Inputs? {
    guard graph.readsSource else { return nil }
    if let sound { return try Inputs.source(sound, graph: graph) }
    if graph.hearing != nil {
      throw BadInput(
        place: GoldenFormat.path(of: .inputFeatures), problem: "is missing",
        remedy: "store the features that the encoder hears, or audio")
    }
    guard let tokenIDs = numbers[.encoderTokenIDs] else {
      throw BadInput(
        place: GoldenFormat.path(of: .encoderTokenIDs), problem: "is missing",
        remedy: "store the ids that the encoder reads")
    }
    return try Inputs.source(
      tokenIDs: tokenIDs, positionIDs: numbers[.encoderPositionIDs],
      attentionMask: mask(.encoderAttentionMask), graph: graph)
  }

  private func mask(_ input: Input) -> [Bool]? { numbers[input]?.map { $0 != 0 } }

  /// The checked inputs, if they are all that the file holds: what no model reads is not left out silently.
  ///
  /// - Throws: `BadInput` for ids out of range, unequal counts, no token ids, or an input that `graph` does not read.
  public func allInputs(for graph: Graph) throws(BadInput) -> Inputs {
    do throws(BadInput) {
      var given = Set(numbers.keys).union(arrays.keys)
      if let sound { given.insert(sound.frontEnd == nil ? .inputFeatures : .audio) }
      let unread = Input.allCases.first { given.contains($0) && !graph.mayBeGiven($0) }
      if let other = unread?.rawValue ?? others.first {
        throw BadInput(
          place: GoldenFormat.inputs + "/" + other, problem: "is an input that the model does not read",
          remedy: "give a file of this model")
      }
      return try inputs(for: graph)
    } catch {
      throw error.inFile(file)
    }
  }
}

/// Reads what a model was given.
extension ActivationFileHeader {
  /// What the model was given.
  func inputs(_ graph: Graph, _ manifest: DatasetManifest?) throws(BadInput) -> Inputs {
    let inputs = try RecordedInputs(self, manifest) { input in
      (input.isOfSource ? graph.idCount(of: .encoderPositionIDs) : graph.contextLength)
        ?? Inputs.greatestCount
    }
    return try inputs.inputs(for: graph)
  }

  /// The greatest number of sequences.
  private static let greatestSequenceCount = 1 << 10

  /// One integer for each token, in any integer type, with or without an axis of sequences in front.
  fileprivate func integers(
    _ path: String, greatestCount: Int, _ manifest: DatasetManifest?
  ) throws(BadInput) -> (numbers: [Int], sequenceCount: Int)? {
    guard let dataset = try file.dataset(at: path) else { return nil }
    let sequenceCount = dataset.shape.count == 2 ? dataset.shape[0] : 1
    guard (1...2).contains(dataset.shape.count), (1...Self.greatestSequenceCount).contains(sequenceCount)
    else {
      throw BadInput(
        place: path, problem: "has the shape \(dataset.shape)",
        remedy: "store one number a token, of one sequence or of several of one length")
    }
    let count = dataset.shape.last ?? 0
    guard count <= greatestCount else {
      throw BadInput(
        place: path,
        problem: "holds \(count) numbers, and the model reads at most \(greatestCount) tokens",
        remedy: "give a shorter sequence")
    }
    guard case .integer = dataset.type else {
      throw BadInput(place: path, problem: "holds \(dataset.type)", remedy: "store int32 or int64")
    }
    guard let values = dataset.type.integers(try file.checkedBytes(of: dataset, manifest)) else {
      throw BadInput(place: path, problem: "holds a number beyond the range of int64", remedy: "store int32")
    }
    return (values, sequenceCount)
  }

  /// What the model is trained for; nil where nothing is asked for.
  func loss() throws(BadInput) -> Loss? {
    guard try file.dataset(at: GoldenFormat.path(of: .targets)) != nil else { return nil }
    let place = GoldenFormat.inputs
    let reduction = try text("reduction", of: place) ?? "mean"
    guard ["mean", "sum"].contains(reduction) else {
      throw BadInput(
        place: "\(place)@reduction", problem: "is \(JSONValue.quoted(reduction))", remedy: "store mean or sum"
      )
    }
    let loss = Loss(
      divisor: try number("divisor", of: place) ?? (reduction == "sum" ? 1 : nil),
      scale: try number("loss_scale", of: place) ?? 1,
      labelSmoothing: try number("label_smoothing", of: place) ?? 0,
      paddingIndex: try paddingIndex(of: place))
    do throws(BadInput) {
      try loss.check()
    } catch {
      throw BadInput(place: place, problem: error.problem, remedy: error.remedy)
    }
    return loss
  }

  /// The id that learns nothing from what is looked up; nil where all do.
  private func paddingIndex(of place: String) throws(BadInput) -> Int? {
    let name = "padding_index"
    guard let value = try number(name, of: place) else { return nil }
    guard let index = Int(exactly: value), index >= 0 else {
      throw BadInput(
        place: "\(place)@\(name)", problem: "is \(value)",
        remedy: "store an id, or leave it out where every row learns")
    }
    return index
  }

  /// A number; nil where there is no such attribute.
  private func number(_ name: String, of place: String) throws(BadInput) -> Double? {
    switch try file.attribute(name, of: place) {
    case nil: return nil
    case .number(let value): return value
    case .integer(let value): return Double(value)
    case .text: throw BadInput(place: "\(place)@\(name)", problem: "is no number", remedy: "store a float64")
    }
  }
}
