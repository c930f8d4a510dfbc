import ArgumentParser
import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel

/// The options that say what a model is trained for.
struct LossOptions: ParsableArguments {
  @Flag(
    help: "Records the loss and the backward pass as well: the gradient of every activation and parameter.")
  var backward = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The token that should come after each, -100 where none is asked for; next: the token that does, unless given.",
      valueName: "ids"))
  var targets: Targets?

  @Option(help: ArgumentHelp("What the sum over tokens becomes: mean or sum.", valueName: "name"))
  var reduction: Reduction?

  @Option(
    help: ArgumentHelp(
      "What the sum over tokens is divided by, such as all targets of a step with several batches.",
      valueName: "number"))
  var divisor: Double?

  @Option(help: ArgumentHelp("What gradients are multiplied by.", valueName: "number"))
  var lossScale: Double?

  @Option(help: ArgumentHelp("How much of each target is spread over the vocabulary.", valueName: "number"))
  var labelSmoothing: Double?

  @Option(
    help: ArgumentHelp(
      "The id whose row of a table learns nothing from what is looked up; none: every row learns. What Hugging Face's code does, unless given.",
      valueName: "id"))
  var paddingIndex: PaddingIndex?

  /// PyTorch's `padding_idx`.
  enum PaddingIndex: ExpressibleByArgument, Sendable {
    case none
    case id(Int)

    init?(argument: String) {
      if argument == "none" {
        self = .none
      } else if let id = Int(argument), id >= 0 {
        self = .id(id)
      } else {
        return nil
      }
    }
  }

  /// Mean or sum.
  enum Reduction: String, CaseIterable, ExpressibleByArgument, Sendable {
    case mean, sum
  }

  /// The tokens that should come.
  enum Targets: ExpressibleByArgument, Sendable {
    case next
    case ids([Int])

    init?(argument: String) {
      if argument == "next" {
        self = .next
      } else if let ids = IntegerList(argument: argument) {
        self = .ids(ids.values)
      } else {
        return nil
      }
    }
  }

  func validate() throws {
    let isGiven =
      targets != nil || reduction != nil || divisor != nil || lossScale != nil || labelSmoothing != nil
      || paddingIndex != nil
    if isGiven, !backward {
      throw ValidationError(
        "--targets, --reduction, --divisor, --loss-scale, --label-smoothing and --padding-index say what is trained: add --backward."
      )
    }
    if reduction != nil, divisor != nil {
      throw ValidationError("Give either --reduction or --divisor, not both.")
    }
  }

  /// The loss of a model; nil where nothing is trained.
  func loss(of architecture: Architecture) -> Loss? {
    guard backward else { return nil }
    let index: Int? =
      switch paddingIndex {
      case nil: architecture.unlearnedID
      case PaddingIndex.none?: nil
      case .id(let id)?: id
      }
    return Loss(
      divisor: divisor ?? (reduction == .sum ? 1 : nil), scale: lossScale ?? 1,
      labelSmoothing: labelSmoothing ?? 0, paddingIndex: index)
  }

  /// The same sequence with its targets; the last token has none to come.
  ///
  /// - Throws: ``BadInput`` for other counts, ids that the model has not, and the next token of a model that sees it.
  func asked(of inputs: Inputs, _ graph: Graph) throws(BadInput) -> Inputs {
    guard backward else { return inputs }
    if case .id(let id)? = paddingIndex, let count = graph.idCount(of: .tokenIDs), id >= count {
      throw BadInput(
        place: "--padding-index", problem: "is \(id), and the model has \(count) ids",
        remedy: "give the id of padding, or none")
    }
    return try Inputs(
      tokenIDs: inputs.tokenIDs, positionIDs: inputs.positionIDs, attentionMask: inputs.attentionMask,
      tokenTypeIDs: inputs.tokenTypeIDs, source: inputs.source, targets: targetIDs(inputs, graph),
      graph: graph)
  }

  private func targetIDs(_ inputs: Inputs, _ graph: Graph) throws(BadInput) -> [Int] {
    if case .ids(let ids)? = targets { return ids }
    guard graph.continuesText else {
      throw BadInput(
        place: "--targets", problem: "asks for the next token, which this model sees already",
        remedy: "give an id for each token, -100 where none is asked for")
    }
    return Array(inputs.tokenIDs.dropFirst()) + [Loss.ignoredTarget]
  }
}
