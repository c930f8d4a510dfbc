#if HDF5
  import Foundation
  import TouchstoneFamilies
  import TouchstoneGolden
  import TouchstoneModel
  import TouchstoneProperties
  import TouchstoneReference

  extension ModelCase {
    /// Writes the case with its weights and what the reference makes of it.
    ///
    /// - Returns: the path, below `.build/counterexamples` of the folder in which the tests run.
    /// - Throws: `BadInput` when the disk refuses it.
    package func writeGolden(name: String) throws -> String {
      let folder = ".build/counterexamples"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let plain = name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
      let path = "\(folder)/\(String(plain)).h5"
      let model = try model()
      let weights = try model.weights()
      let inputs = try inputs()
      let writer = try ActivationFileWriter(
        path: path, kind: .golden, model: RecordedModel(Architecture(model.configuration)), inputs: inputs,
        weightsDigest: WeightsDigest.of(weights),
        provenance: ["producer": "touchstone", "implementation": "reference", "precision": "float64"],
        overwrite: true)
      try writer.writeWeights(weights)
      try ReferenceTransformer(weights).forward(inputs) { try writer.write($0, $1) }
      try writer.finish()
      return path
    }
  }
#endif
