extension HonestArithmetic {
  /// Those of GPT-2, and what only models with RMSNorm, rotary positions, gates, biases on scores, parallel halves and experts
  /// have a choice of.
  public static let ofFamilies: [HonestArithmetic] =
    all + [
      variant("x by the root") { $0.rmsNorm = .quotient },
      variant("gain first", .lanes(8, fused: true)) { $0.rmsNorm = .gainFirst },
      variant("gain first, float64 sums", .wide) { $0.rmsNorm = .gainFirst },
      variant("frequencies by powers") { $0.rotary = .powers },
      variant("frequencies by reciprocals", .fused) { $0.rotary = .reciprocals },
      variant("frequencies multiplied", .lanes(4, fused: true)) { $0.rotary = .multiplied },
      variant("tables of cosines", .pairwise) { $0.rotary = .tables },
      variant("rotation fused", .lanes(16, fused: true)) { $0.fusesRotation = true },
      variant("gate fused", .blocked(32)) { $0.fusesGate = true },
      variant("steps stored", .wide) { $0.storesSteps = true },
      variant("steps stored, frequencies by reciprocals", .lanes(8, fused: false)) {
        $0.storesSteps = true
        $0.rotary = .reciprocals
      },
      variant("rotation, gate and residual fused, frequencies multiplied", .lanes(16, fused: true)) {
        $0.rotary = .multiplied
        $0.rmsNorm = .gainFirst
        ($0.fusesRotation, $0.fusesGate, $0.fusesResidual) = (true, true, true)
      },
      variant("offset added to the normalised", .pairwise) { $0.rmsNorm = .offsetApart },
      variant("sums from the last", .reversed) { $0.addsBackwards = true },
      variant("biases fused into scores", .lanes(8, fused: true)) { $0.scoreBias = .fused },
      variant("biases fused into attention, tables of slopes", .fused) {
        ($0.scoreBias, $0.rotary, $0.softmax) = (.fused, .tables, .online(block: 8))
        $0.fusesAttention = true
      },
      variant("residual fused, sums from the last, GELU by exp", .fused) {
        ($0.fusesResidual, $0.addsBackwards, $0.gelu) = (true, true, .byExponential)
      },
      variant("experts by logits", .lanes(8, fused: true)) { $0.routing = .byLogits },
      variant("experts by logits, added from the last", .pairwise) {
        ($0.routing, $0.addsBackwards) = (.byLogits, true)
      },
      variant("the last of equal experts", .wide) { $0.routing = .lastOfEqual },
    ]

  private static func variant(
    _ name: String, _ summation: Summation = .sequential, _ change: (inout HonestArithmetic) -> Void
  ) -> HonestArithmetic {
    var arithmetic = HonestArithmetic(name, summation)
    change(&arithmetic)
    return arithmetic
  }
}

extension Summation {
  /// Whether each product is fused into its addition.
  var isFused: Bool {
    switch self {
    case .fused, .lanes(_, fused: true): true
    default: false
    }
  }
}
