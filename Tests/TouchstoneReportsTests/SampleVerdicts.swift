import TouchstoneFamilies
import TouchstoneGraph
import TouchstoneModel
import TouchstoneVerdict

@testable import TouchstoneReports

/// Verdicts as judging gives them, made by hand.
enum Sample {
  static let layerPoints = Activation.Point.allCases.filter {
    $0.isPerLayer && $0 != .keyCache && $0 != .valueCache
  }

  private static func index(_ point: Activation.Point?) -> [Int] {
    switch point {
    case .query, .key, .value, .attentionScores, .attentionProbabilities: [1, 7, 3]
    default: [7, 211]
    }
  }

  /// What the elements of an activation are, in a model of whatever size.
  private static func axes(_ activation: Activation) -> [Axis] {
    graph?.axes(of: Activation(activation.name, in: activation.block.map { _ in .init(0) })) ?? []
  }

  private static let graph = try? Configuration(
    vocabularySize: 512, contextLength: 16, width: 4, layerCount: 1, headCount: 2
  ).graph

  /// A finding for every operation of a model, all consistent but for those that `flag` changes.
  static func findings(
    layers: Int, flag: (Activation) -> (zone: Zone, ratio: Double)? = { _ in nil }
  ) -> [Finding] {
    let before: [Activation] = [.init(.tokenEmbedding), .init(.positionEmbedding), .init(.embeddingSum)]
    let within = (0..<layers).flatMap { layer in layerPoints.map { Activation($0, layer: layer) } }
    let after: [Activation] = [.init(.finalLayerNorm), .init(.logits), .init(.probabilities)]
    return (before + within + after).map { activation in
      let flagged = flag(activation)
      let wiring: [Activation.Point?] = [.tokenEmbedding, .positionEmbedding, .residualIn]
      let isWiring = wiring.contains(activation.point)
      return Finding(
        activation: activation, zone: flagged?.zone ?? .consistent,
        ratio: flagged?.ratio ?? (isWiring ? 0 : 0.25), index: index(activation.point),
        axes: axes(activation), got: 1.5127,
        want: 1.5119,
        inherited: isWiring ? 0 : 2.5e-7)
    }
  }

  static func verdict(
    _ findings: [Finding], notCompared: [NotCompared] = [], cause: Cause? = nil, notes: [String] = []
  ) -> Verdict {
    let worst = findings.map(\.zone).max()
    let outcome: Verdict.Outcome =
      switch worst {
      case nil, .suspect: .inconclusive
      case .consistent: .consistent
      case .fail, .proven: .mismatch
      }
    return Verdict(
      outcome: outcome, method: .replay, findings: findings, notCompared: notCompared, cause: cause,
      notes: notes)
  }

  static func report(_ verdict: Verdict) -> Report {
    Report(verdict: verdict, golden: "golden.h5", capture: "capture.h5", implementation: "engine 1.0")
  }

  static let halfTable = Cause(
    id: "gelu.half-table", name: "GELU through a half-precision table", ratio: 0.9, nextRatio: 41)

  /// The GELU of every layer of a small model is wrong, and the capture lacks the probabilities.
  static let mismatch = report(
    verdict(
      findings(layers: 4) { activation in
        guard activation.point == .feedForwardActivation, let layer = activation.layer else { return nil }
        return (.proven, layer == 0 ? 2690.1 : 1460)
      },
      notCompared: [
        NotCompared(path: "final/probs", why: "it is not recorded"),
        NotCompared(path: "layers/000/k_cache", why: "it is not recorded"),
        NotCompared(path: "layers/001/k_cache", why: "it is not recorded"),
      ],
      cause: halfTable, notes: ["The noise-floor check was not made: the golden has no noise floor."]))

  static let consistent = report(verdict(findings(layers: 4)))

  static let nothing = report(
    verdict([], notCompared: [NotCompared(path: "final/logits", why: "it is not recorded")]))

  /// Names and sentences that try to break out of every form.
  static let hostileText =
    "a<script>alert(1)</script>\"\u{301} onload='x' ]]> & | ` * _ \u{1B}[2J \u{9B}31m \u{202E} \n## x\u{0} <\u{338}b \u{FFFF}"

  static let hostile = Report(
    verdict: Verdict(
      outcome: .mismatch, method: .replay,
      findings: [
        Finding(
          activation: Activation(.logits), zone: .fail, ratio: .infinity, problem: hostileText)
      ],
      notCompared: [NotCompared(path: "extra/" + hostileText, why: hostileText)],
      cause: Cause(id: "x", name: hostileText, ratio: 1, nextRatio: nil), notes: [hostileText]),
    golden: hostileText, capture: hostileText, implementation: hostileText)
}
