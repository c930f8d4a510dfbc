#if HDF5
  import TouchstoneGolden
  import TouchstoneModel

  extension ConformanceCheck {
    /// A check for each golden file.
    ///
    /// - Parameter path: a golden, or a folder: the goldens that its `MANIFEST.json` lists, else every golden below
    ///   it. The weights stand in the golden, or in a folder `models` beside or above it.
    /// - Throws: ``BadInput`` for a path without goldens. A damaged golden is the failure of its own check.
    public static func goldens(at path: String) throws -> [ConformanceCheck] {
      let paths = try GoldenSearch.goldens(at: path)
      guard !paths.isEmpty else {
        throw BadInput(file: path, problem: "holds no golden", remedy: "name a folder of goldens")
      }
      return paths.map { path in
        ConformanceCheck(.golden, path) { engine in
          let golden = try ActivationFile(path: path)
          let weights = try WeightsFinder().weights(for: golden)
          return try engine.outcome(
            "golden " + path, weights: weights, inputs: golden.inputs, golden: golden)
        }
      }
    }
  }
#endif
