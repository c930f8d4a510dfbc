import Foundation
import TouchstoneGraph
import TouchstoneHDF5
import TouchstoneModel

/// Reads what a model was given that is no ids.
extension ActivationFileHeader {
  /// How samples are cut; nil where the file holds none.
  func frontEnd() throws(BadInput) -> FrontEnd? {
    guard try file.dataset(at: GoldenFormat.path(of: .audio)) != nil else { return nil }
    return FrontEnd(
      windowLength: try scalar(GoldenFormat.windowLength), hop: try scalar(GoldenFormat.hopLength))
  }

  /// Features or samples; nil where the file holds neither.
  func sound(_ frontEnd: FrontEnd?, _ manifest: DatasetManifest?) throws(BadInput) -> Sound? {
    let features = try numbers(GoldenFormat.path(of: .inputFeatures), rank: 2, manifest)
    guard let frontEnd else { return features.map { Sound(features: $0.float32()) } }
    guard features == nil, let samples = try numbers(GoldenFormat.path(of: .audio), rank: 1, manifest) else {
      throw BadInput(
        place: GoldenFormat.path(of: .audio), problem: "stands beside features",
        remedy: "store one of the two")
    }
    let place = GoldenFormat.inputs + "/" + GoldenFormat.filters
    guard let filters = try numbers(place, rank: 2, manifest) else {
      throw BadInput(
        place: place, problem: "is missing", remedy: "store what each band takes of each frequency")
    }
    return Sound(samples: samples.float32().values, filters: filters.float64(), frontEnd: frontEnd)
  }

  /// Arrays that stand in place of ids.
  func arrays(_ manifest: DatasetManifest?) throws(BadInput) -> [Input: Tensor<Float>] {
    var arrays: [Input: Tensor<Float>] = [:]
    for input in Input.allCases where input.isArray {
      let rank = input == .pixelValues ? 3 : 2
      arrays[input] = try numbers(GoldenFormat.path(of: input), rank: rank, manifest)?.float32()
    }
    return arrays
  }

  private func scalar(_ name: String) throws(BadInput) -> Int {
    let place = GoldenFormat.inputs + "/" + name
    guard let dataset = try file.dataset(at: place), case .integer = dataset.type,
      dataset.shape.reduce(1, *) == 1, let value = dataset.type.integers(try file.bytes(of: dataset))?.first
    else {
      throw BadInput(place: place, problem: "is no whole number", remedy: "store an int32 beside the samples")
    }
    return value
  }

  /// Floating-point numbers; nil where there is no such dataset.
  private func numbers(
    _ place: String, rank: Int, _ manifest: DatasetManifest?
  ) throws(BadInput) -> StoredTensor? {
    guard let dataset = try file.dataset(at: place) else { return nil }
    guard case .float(let type) = dataset.type, dataset.shape.count == rank,
      dataset.shape.reduce(1.0, { $0 * Double($1) }) <= Double(Inputs.greatestCount)
    else {
      throw BadInput(
        place: place, problem: "holds \(dataset.type) \(dataset.shape)",
        remedy: "store up to \(Inputs.greatestCount) numbers in float32 or float64, along \(rank) axes")
    }
    return StoredTensor(
      type: type, shape: dataset.shape, bytes: try file.checkedBytes(of: dataset, manifest))
  }
}
