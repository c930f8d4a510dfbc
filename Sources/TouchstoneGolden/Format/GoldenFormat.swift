import TouchstoneGraph
import TouchstoneModel

/// The fixed names of the golden format, version 1; `Docs/Format.md` describes them.
enum GoldenFormat {
  static let format = "touchstone"
  /// What goldens and captures of the GPT-2 form say.
  static let firstVersion = "1.0"
  /// From this version on a golden holds its graph.
  static let version = "1.1"
  /// What files say that hold a backward pass, or several sequences.
  static let trainingVersion = "1.2"

  /// What files of an optimiser's steps say.
  static let stepVersion = "1.2"
  /// The group of one step of an optimiser, and that of the steps of a run.
  static let step = "step"
  static let steps = "steps"
  /// The group of what micro-batches made.
  static let micro = "micro"
  /// Where the gradients of parameters stand in a file of one step, or of one micro-batch.
  static let weightGradients = "grad/weights"

  /// The attribute of the root that says which layers a shard holds.
  static let layers = "layers"
  /// The attribute of the root that says how sketches are made, and the group in which they stand.
  static let sketch = "sketch"
  /// The one way in which sketches are made.
  static let sketchForm = "1"
  static let graph = "model/graph"
  static let inputs = "inputs"
  static let positionIDs = path(of: .positionIDs)
  static let weights = "weights"
  static let floor = "floor"
  static let extra = "extra"
  static let provenance = "provenance"
  static let manifest = "provenance/manifest"

  /// What stands beside samples: how they are cut, and what each band takes of each frequency.
  static let windowLength = "n_fft"
  static let hopLength = "hop_length"
  static let filters = "mel_filters"
  static let ofFrontEnd: Set = [windowLength, hopLength, filters]

  /// Where what a model was given stands.
  static func path(of input: Input) -> String { inputs + "/" + input.rawValue }

  /// Where the noise floor of an activation stands.
  static func floorPath(_ activation: Activation) -> String { floor + "/" + activation.path }

  /// Where the sketch of an activation stands.
  static func sketchPath(_ activation: Activation) -> String { sketch + "/" + activation.path }

  /// Where an embedded tensor stands.
  static func weightPath(_ name: String) -> String { weights + "/" + name }
}
