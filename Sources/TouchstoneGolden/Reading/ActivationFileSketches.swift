import Foundation
import TouchstoneGraph
import TouchstoneHDF5
import TouchstoneModel

extension ActivationFile: SketchSource {
  /// The sketch of an activation; nil where there is none.
  ///
  /// - Throws: `BadInput` when it is not whole, or of another shape than the model gives the activation.
  public func sketch(of activation: Activation) throws(BadInput) -> Sketch? {
    let place = GoldenFormat.sketchPath(activation)
    guard isSketch, try file.kind(of: place) == .group,
      let shape = graph.shape(of: activation, in: inputs)
    else { return nil }
    let rows = Array(shape.dropLast())
    let entries = Sketch.entryCount(ofRows: shape.last ?? 1)
    let at = try dataset(place + "/greatest_at", shape: rows + [entries])
    guard case .integer = at.type, let places = at.type.integers(try file.checkedBytes(of: at, manifest)),
      places.allSatisfy((0..<(shape.last ?? 1)).contains)
    else { throw damaged(at.path, "holds no places of a row") }
    guard case .text(let digest)? = try file.attribute("sha256", of: place), Digest.isWellFormed(digest)
    else { throw damaged(place + "@sha256", "is not 64 hexadecimal digits") }
    return Sketch(
      shape: shape, norms: try numbers(place + "/norms", shape: rows),
      projections: try numbers(place + "/projections", shape: rows + [Sketch.projectionCount]),
      greatest: try numbers(place + "/greatest", shape: rows + [entries]), places: places, sha256: digest)
  }

  private func numbers(_ place: String, shape: [Int]) throws(BadInput) -> [Double] {
    let dataset = try dataset(place, shape: shape)
    guard dataset.type == .float(.float64) else { throw damaged(place, "holds \(dataset.type)") }
    return try read(RecordedDataset(dataset: dataset, type: .float64, shape: shape)).float64().values
  }

  /// Describes a dataset, whose shape is checked before anything of it is read.
  private func dataset(_ place: String, shape: [Int]) throws(BadInput) -> HDF5Dataset {
    guard let dataset = try file.dataset(at: place) else { throw damaged(place, "is missing") }
    guard dataset.shape == shape else {
      throw damaged(place, "has the shape \(dataset.shape) instead of \(shape)")
    }
    return dataset
  }

  private func damaged(_ place: String, _ problem: String) -> BadInput {
    BadInput(file: path, place: place, problem: problem, remedy: "sketch it again by `touchstone sketch`")
  }
}
