import ArgumentParser
import TouchstoneGraph

/// The option of every verb that can work on some layers of a model.
struct LayersOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only these layers, counted from 0: A up to but not B. What stands before the first or behind the last goes with it.",
      valueName: "a..<b"))
  var layers: LayerRange?
}

extension LayerRange: ExpressibleByArgument {
  /// Reads `A..<B`.
  public init?(argument: String) { self.init(argument) }
}
