import Foundation
import TouchstoneHDF5
import TouchstoneModel
import TouchstoneOptimiser

/// The recorded steps of an optimiser: `/step`, or `/steps/TTT` of a run.
///
/// No model is needed: what else the file holds is not looked at.
public final class StepFile: StepSource {
  /// Where the file is.
  public let path: String
  /// What made it.
  public let kind: ActivationFile.Kind
  /// The steps, in the order of their numbers.
  public let steps: [StepDescription]
  /// The arithmetic that made the values: `precision` of the provenance.
  public let precision: Precision
  /// Who wrote the file: the texts and numbers under `/provenance`.
  public let provenance: [String: String]

  private let file: HDF5Reader
  private let manifest: DatasetManifest?
  /// By path, everything that the steps read and make.
  private let recorded: [String: RecordedDataset]
  /// Where things stand, by step.
  private let places: [StepPlaces]

  /// Opens a file.
  ///
  /// Digests are checked and a child process reads first, as for ``ActivationFile/init(path:)``.
  ///
  /// - Throws: `BadInput` when the file is missing, corrupt or incomplete, holds no step, or says of one what has no sense.
  public convenience init(path: String) throws(BadInput) {
    let identity = try FileIdentity(path: path)
    try Superblock.check(path, byteCount: identity.byteCount)
    if !(try OutsideDigest(checking: path).isBundled) { try FileReaderProcess.readFirst(path, .steps) }
    try self.init(ofUnknownOrigin: path)
    guard try FileIdentity(path: path) == identity else {
      throw BadInput(file: path, problem: "changed while it was opened", remedy: "try again")
    }
  }

  /// Opens a file whose bytes are known, or feared by somebody else.
  init(ofUnknownOrigin path: String) throws(BadInput) {
    self.path = path
    file = try HDF5Reader(path: path)
    let header = ActivationFileHeader(file)
    do throws(BadInput) {
      try header.checkFormat()
      kind = try header.kind()
      manifest = try header.manifest(isRequired: kind == .golden)
      provenance = try header.provenance()
      precision = try header.precision(kind)
      var (steps, places) = ([StepDescription](), [StepPlaces]())
      var recorded: [String: RecordedDataset] = [:]
      for place in try StepPlaces.all(in: file) {
        let step = try StepHeader(file, manifest, place, before: places.last).description(&recorded)
        steps.append(step)
        places.append(place)
      }
      (self.steps, self.places, self.recorded) = (steps, places, recorded)
    } catch {
      throw error.inFile(path)
    }
  }

  // MARK: Values

  /// The extents of a quantity; nil where it is not recorded.
  public func shape(_ quantity: StepQuantity, of parameter: String, in step: Int) -> [Int]? {
    dataset(quantity, parameter, step)?.shape
  }

  /// The values, widened exactly; nil where they are not recorded.
  ///
  /// - Throws: `BadInput` when the file does not hold what its header declares, or a checksum fails.
  public func tensor(
    _ quantity: StepQuantity, of parameter: String, in step: Int
  ) throws(BadInput) -> Tensor<Double>? {
    try dataset(quantity, parameter, step).map { (stored) throws(BadInput) in try read(stored) }
  }

  /// What a micro-batch gave, widened exactly; nil where it is not recorded.
  ///
  /// - Throws: `BadInput` when the file does not hold what its header declares, or a checksum fails.
  public func microGradient(
    _ microBatch: Int, of parameter: String, in step: Int
  ) throws(BadInput) -> Tensor<Double>? {
    try recorded[places[step].micro(microBatch) + "/" + parameter].map { (stored) throws(BadInput) in
      try read(stored)
    }
  }

  /// Without a loss scale what was accumulated is the gradient, and need not be stored again.
  private func dataset(_ quantity: StepQuantity, _ parameter: String, _ step: Int) -> RecordedDataset? {
    let place = places[step]
    let found = recorded[place.path(quantity, parameter)]
    let isOne = quantity == .gradient || quantity == .accumulated
    guard isOne, steps[step].lossScale == 1, recorded[place.path(.gradient, parameter)] == nil else {
      return found
    }
    return quantity == .gradient ? recorded[place.path(.accumulated, parameter)] : nil
  }

  private func read(_ stored: RecordedDataset) throws(BadInput) -> Tensor<Double> {
    let bytes = try file.checkedBytes(of: stored.dataset, manifest)
    return StoredTensor(type: stored.type, shape: stored.shape, bytes: bytes).float64()
  }

  /// Reads all that could be asked of the file, and so checks every checksum in it.
  ///
  /// - Throws: `BadInput` naming the first dataset that cannot be read.
  public func checkContents() throws(BadInput) {
    for (_, stored) in recorded.sorted(by: { $0.key < $1.key }) { _ = try read(stored) }
  }

  /// Whether both are one file on the disk, by whatever name.
  ///
  /// - Throws: `BadInput` when one of them is gone.
  public func isSameFile(as other: StepFile) throws(BadInput) -> Bool {
    try FileIdentity(path: path) == FileIdentity(path: other.path)
  }
}
