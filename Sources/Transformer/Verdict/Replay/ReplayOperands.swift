import TouchstoneGraph
import TouchstoneModel

/// What a replay reads.
extension Replay {
  /// Whether the plain bounds grant any parameter a rounding.
  var grantsParameters: Bool { parameters(of: plan.operation).contains { $0.roundoff > 0 } }

  func parameters(of operation: Operation) -> [ParameterOperand] {
    operation.parameters.enumerated().compactMap { place, view in
      weights.map { weights in
        let (stored, view) = weights.storedFloat32(view, readBy: operation)
        switch parameterReading ?? (isSharp ? .rounded : alternative?.parameters ?? .granted) {
        case .firstRounded where place > 0, .given: return ParameterOperand(stored, view)
        case .rounded, .firstRounded:
          return ParameterOperand(stored.rounded(to: rounding.precision.type), view)
        case .granted: break
        }
        let roundoff = rounding.ofParameter(stored: weights.stored[view.parameter.name]?.type ?? .float32)
        return ParameterOperand(
          stored, view, roundoff: roundoff > 0 && stored.isHeld(by: rounding.precision.type) ? 0 : roundoff)
      }
    }
  }

  /// - Parameter product: the operation whose inputs are quantised, where it is a product that quantises them.
  func operand(
    _ source: ReplayPlan.Source, _ replayed: [Activation: Operand], readBy reader: Operation? = nil,
    multipliedBy product: Operation? = nil
  ) -> Operand {
    let known = knownOperand(source, replayed, readBy: reader)
    return product.flatMap(productInputs.format(of:))?.read(known) ?? known
  }

  private func knownOperand(
    _ source: ReplayPlan.Source, _ replayed: [Activation: Operand], readBy reader: Operation?
  ) -> Operand {
    switch source {
    case .recorded(let activation):
      guard let tensor = recorded[activation] else { preconditionFailure("\(activation) was not read") }
      let roundoff = roundoff(ofReading: tensor, by: reader)
      let isHalf = tensor.type == .float16 || rounding.precision.type == .float16
      let operand = Operand(
        values: tensor.values, roundoff: roundoff, underflow: roundoff > 0 && isHalf ? 0x1p-25 : 0)
      let isCopy = alternative?.copies.contains(activation) == true || mayBeFused(activation, into: reader)
      return isCopy ? operand.roundedCopy(in: rounding.precision.type) : operand
    case .replayed(let activation):
      guard let operand = replayed[activation] else {
        preconditionFailure("\(activation) was not computed before it is read")
      }
      return operand
    }
  }

  /// Whether a sum may have added a product that is recorded rounded before it was rounded: one instruction multiplies and adds.
  private func mayBeFused(_ activation: Activation, into reader: Operation?) -> Bool {
    guard !rounding.precision.type.isNarrow, reader?.kind.payload is Sum,
      let maker = graph.operation(making: activation)
    else { return false }
    switch maker.kind.payload {
    case is Scale: return true
    case let product as Product: return product.plus == 0
    case let gate as Modulation: return gate.plus == 0 && gate.shift == nil
    default: return false
    }
  }
}
