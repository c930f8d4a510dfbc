import TouchstoneGraph
import TouchstoneModel

/// A model of no family: what the regions compute beside GPT-2 and Llama.
struct Form {
  /// What is normalised of queries and keys.
  enum HeadNorm { case none, each, joined }
  /// Where the feed-forward half stands.
  enum Halves { case inSequence, besideByOneNorm, besideByTwoNorms }

  var rotate: Rotate?
  var window: Int?
  var headNorm = HeadNorm.none
  var halves = Halves.inSequence
  /// Whether what a half makes is normalised before it is added.
  var normsHalves = false
  /// A factor on the embedding.
  var scale: Double?
  /// Whether the embedding is normalised.
  var normsEmbedding = false
  /// Where scores are capped, and logits.
  var caps: (scores: Double?, logits: Double?) = (nil, nil)
  var function = ActivationFunction.Function.geluErf
  var isGated = true
  /// Whether what the gate lets through stands before the gate.
  var gatesSecond = false
  var hasPositions = false
  /// How keys are counted that scores are biased by; nil for no bias.
  var biases: Alibi.Form?
  /// Where projections are clipped.
  var limit: Double?
  var keyHeads = 3
  var headWidth = 10
  var tokens = 37
  var masked: [Int] = []

  private let width = 12
  private let norm = RMSNorm(epsilon: 1e-4, offset: 1)

  init(_ change: (inout Form) -> Void = { _ in }) { change(&self) }

  func example(_ name: String, seed: UInt64) throws -> Case {
    Case(name: "other form, \(name)", graph: try graph(), seed: seed, tokenCount: tokens, masked: masked)
  }

  private func graph() throws -> Graph {
    var g = GraphBuilder(root: "", layout: .inputsFirst)
    let table = g.parameter("table", 29, width)
    var x = g.embedding("embed/token", .tokenIDs, in: table)
    if hasPositions {
      x = g.sum(
        "embed/sum", x,
        g.embedding("embed/position", .positionIDs, in: g.parameter("wpe", tokens + 2, width), offset: 2))
    }
    if let scale { x = g.scale("embed/scaled", x, by: scale) }
    if normsEmbedding { x = g.layerNorm("embed/ln", x, LayerNorm(epsilon: 1e-6), "embed_ln") }
    let bias = biases.map { g.alibi("embed/attn_bias", Alibi(heads: 2 * keyHeads, form: $0)) }
    for layer in 0..<2 {
      g.block(layer, parameters: "\(layer).") { b in
        let stream = b.identity("resid_in", x)
        let first = b.layerNorm("ln_1", stream, LayerNorm(epsilon: 1e-6), "ln_1")
        let beside = halves == .besideByTwoNorms ? b.rmsNorm("ln_2", stream, norm, "ln_2") : first
        var attended = attention(of: first, bias, &b)
        if normsHalves { attended = b.rmsNorm("attn_post_norm", attended, norm, "attn_post_norm") }
        guard halves == .inSequence else {
          x = b.sum("resid_out", stream, attended, feedForward(of: beside, &b))
          return
        }
        let middle = b.sum("resid_mid", stream, attended)
        var thought = feedForward(of: b.rmsNorm("ln_2", middle, norm, "ln_2"), &b)
        if normsHalves { thought = b.rmsNorm("mlp_post_norm", thought, norm, "mlp_post_norm") }
        x = b.sum("resid_out", middle, thought)
      }
    }
    let last = g.rmsNorm("final/ln_f", x, RMSNorm(epsilon: 0), "ln_f")
    return try g.graph(readingOut: last, rowsOf: table, cap: caps.logits)
  }

  /// Of each head of keys two heads of queries, the keys and the values, in one matrix.
  private func attention(of norm: Activation, _ bias: Activation?, _ b: inout GraphBuilder) -> Activation {
    func cut(_ name: String, _ take: Range<Int>, _ b: inout GraphBuilder) -> Activation {
      b.linear(
        name, norm, "qkv", outputs: 4 * keyHeads * headWidth,
        selection: .init(groups: keyHeads, parts: 4, take: take), hasBias: true, heads: keyHeads * take.count,
        limit: limit)
    }
    var (query, key) = (cut("q", 0..<2, &b), cut("k", 2..<3, &b))
    let value = cut("v", 3..<4, &b)
    if headNorm != .none {
      func normalised(_ x: Activation, heads: Int, _ b: inout GraphBuilder) -> Activation {
        let (name, isJoined) = (x.name + "_norm", headNorm == .joined)
        let gain = b.parameter(name, isJoined ? heads * headWidth : headWidth)
        return b.append(
          RMSNorm(epsilon: 1e-6, isJoined: isJoined), name, from: [x], with: [ParameterView(gain)])
      }
      query = normalised(query, heads: 2 * keyHeads, &b)
      key = normalised(key, heads: keyHeads, &b)
    }
    if let rotate {
      query = b.rotate("q_rope", query, rotate)
      key = b.rotate("k_rope", key, rotate)
    }
    let context = b.attention(
      query: query, key: key, value: value, scale: 0.3,
      visibility: Visibility(isCausal: true, window: window), bias: bias, cap: caps.scores)
    return b.linear("attn_out", context, "out", outputs: width, hasBias: false)
  }

  private func feedForward(of norm: Activation, _ b: inout GraphBuilder) -> Activation {
    func passed(_ b: inout GraphBuilder) -> Activation {
      b.linear("mlp_up", norm, "up", outputs: 21, hasBias: false)
    }
    let early = gatesSecond ? passed(&b) : nil
    let first = b.linear("mlp_gate", norm, "gate", outputs: 21, hasBias: true)
    let active = b.activate("mlp_act", ActivationFunction(function), first)
    let inner = isGated ? b.product("mlp_gated", early ?? passed(&b), active) : active
    return b.linear("mlp_out", inner, "down", outputs: width, hasBias: true)
  }
}

/// Models of no family.
let others: [Case] = Form.all.enumerated().compactMap { index, form in
  try? form.form.example(form.name, seed: 41 + UInt64(index))
}

extension Form {
  static let all: [(name: String, form: Form)] = changes.map { ($0.0, Form($0.1)) }

  private static let frequencies = RotaryFrequencies(theta: 100)

  private static let changes: [(String, @Sendable (inout Form) -> Void)] = [
    ("interleaved", { $0.rotate = Rotate(width: 10, style: .interleaved, frequencies: frequencies) }),
    ("some columns", { $0.rotate = Rotate(width: 4, first: 3, frequencies: frequencies, magnitude: 1.25) }),
    (
      "interleaved to half",
      { $0.rotate = Rotate(width: 6, first: 1, style: .interleavedToHalf, frequencies: frequencies) }
    ),
    ("window of one", { $0.window = 1 }),
    ("window below a tile", { ($0.window, $0.tokens, $0.masked) = (7, 70, [0, 3, 33]) }),
    ("window of a tile", { ($0.window, $0.tokens, $0.headWidth) = (32, 129, 32) }),
    ("window above a tile", { ($0.window, $0.tokens, $0.keyHeads) = (45, 130, 1) }),
    ("normalised heads", { ($0.headNorm, $0.rotate) = (.each, Rotate(width: 10, frequencies: frequencies)) }),
    ("heads normalised together", { ($0.headNorm, $0.normsHalves) = (.joined, true) }),
    ("halves side by side", { ($0.halves, $0.isGated) = (.besideByOneNorm, false) }),
    ("halves side by side, two norms", { ($0.halves, $0.hasPositions) = (.besideByTwoNorms, true) }),
    ("scaled embedding", { ($0.scale, $0.normsHalves) = (3.4641016151377544, true) }),
    ("biased scores", { ($0.biases, $0.masked, $0.tokens) = (.bloom, [0, 1, 9, 36], 70) }),
    ("biased from the end, clipped", { ($0.biases, $0.limit, $0.keyHeads) = (.mpt, 0.75, 5) }),
    ("gate behind what it lets through", { $0.gatesSecond = true }),
    ("capped scores", { ($0.caps.scores, $0.window, $0.masked) = (0.5, 7, [3]) }),
    ("capped scores and logits, tanh", { ($0.caps, $0.tokens, $0.function) = ((2, 1.5), 65, .tanh) }),
    ("normalised embedding", { ($0.normsEmbedding, $0.isGated) = (true, false) }),
  ]
}
