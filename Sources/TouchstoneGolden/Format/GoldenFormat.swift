import TouchstoneGraph
import TouchstoneModel

/// The fixed names of the golden format, version 1; `Docs/Format.md` describes them.
enum GoldenFormat {
  static let format = "touchstone"
  static let version = "1.0"
  static let family = "gpt2"

  static let tokenIDs = "inputs/token_ids"
  static let positionIDs = "inputs/position_ids"
  static let attentionMask = "inputs/attention_mask"
  static let weights = "weights"
  static let floor = "floor"
  static let extra = "extra"
  static let provenance = "provenance"
  static let manifest = "provenance/manifest"

  /// Where the noise floor of an activation stands.
  static func floorPath(_ activation: Activation) -> String { floor + "/" + activation.path }

  /// Where an embedded tensor stands.
  static func weightPath(_ parameter: Parameter) -> String { weights + "/" + parameter.name }
}
