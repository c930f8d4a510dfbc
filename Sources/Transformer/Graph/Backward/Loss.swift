import TouchstoneModel

/// What training makes small: the cross-entropy of the logits with the tokens that should have come, summed over the
/// tokens that have a target and divided by a number.
public struct Loss: Hashable, Sendable {
  /// What stands for a target where there is none (PyTorch's `ignore_index`).
  public static let ignoredTarget = -100

  /// What the sum is divided by; nil for the number of targets, which makes it their mean.
  public let divisor: Double?
  /// S: what gradients are multiplied by, so that 16 bits hold them; the loss itself is not.
  public let scale: Double
  /// How much of each target is spread over the whole vocabulary, as in Szegedy, Vanhoucke and others 2016, §7.
  public let labelSmoothing: Double
  /// The id of padding: to the rows of tables that it looks up, what is looked up gives no gradient (PyTorch's `padding_idx`); nil
  /// where every row learns.
  public let paddingIndex: Int?

  /// A loss; the mean unless told otherwise.
  public init(
    divisor: Double? = nil, scale: Double = 1, labelSmoothing: Double = 0, paddingIndex: Int? = nil
  ) {
    self.divisor = divisor
    self.scale = scale
    self.labelSmoothing = labelSmoothing
    self.paddingIndex = paddingIndex
  }

  /// The sum.
  public static let sum = Loss(divisor: 1)

  /// What the sum over the tokens of a sequence is divided by.
  package func divisor(of inputs: Inputs) -> Double {
    divisor ?? Double(inputs.targets?.count { $0 != Self.ignoredTarget } ?? 0)
  }

  /// The same as far as the logits are concerned.
  var ofLogits: Loss { Loss(divisor: divisor, scale: scale, labelSmoothing: labelSmoothing) }

  /// - Throws: ``BadInput``, without a place, for numbers from which no loss follows.
  public func check() throws(BadInput) {
    for (what, number) in [("divides by", divisor ?? 1), ("is scaled by", scale)] {
      guard number.isFinite, number > 0 else { throw .loss("\(what) \(number)") }
    }
    if let paddingIndex, paddingIndex < 0 { throw .loss("has the padding index \(paddingIndex)") }
    guard (0..<1).contains(labelSmoothing) else { throw .loss("smooths labels by \(labelSmoothing)") }
  }
}

extension BadInput {
  fileprivate static func loss(_ problem: String) -> BadInput {
    BadInput(
      problem: "the loss " + problem, remedy: "give positive numbers, and a smoothing from 0 to below 1")
  }
}

/// The stored form, in the order in which an operation has it.
extension Loss {
  var fields: [(name: String, value: JSONText)] {
    [
      ("divisor", .optional(divisor)), ("loss_scale", .number(scale)),
      ("label_smoothing", .number(labelSmoothing)),
    ]
  }

  init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      divisor: try fields.number("divisor"),
      scale: try fields.required("loss_scale", try fields.number("loss_scale")),
      labelSmoothing: try fields.required("label_smoothing", try fields.number("label_smoothing")))
  }
}
