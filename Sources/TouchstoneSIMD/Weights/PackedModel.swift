import Foundation
import TouchstoneGraph
import TouchstoneModel

/// A plan and its weights: every parameter in float32.
///
/// All of them are packed once and never written again; or, of a model that one pass goes through, those of a region
/// when it is its turn, in the same place, and their memory is given back behind it.
final class PackedModel: @unchecked Sendable {
  let plan: Plan
  private let memory: AlignedBuffer
  /// What is packed region by region; nil where everything is packed.
  private let source: Weights?
  private let lock = NSLock()

  /// The packed weights.
  var weights: UnsafePointer<Float> { UnsafePointer(memory.base) }

  /// - Parameter forOnePass: whether only what a region reads is packed, when it is its turn.
  /// - Throws: ``BadInput`` for a graph with an operation that no region computes, or where there is no memory for the
  ///   packed weights.
  init(_ weights: Weights, forOnePass: Bool = false) throws(BadInput) {
    plan = try Plan(weights.graph)
    let layout = plan.needs.weights
    memory = try AlignedBuffer(count: layout.count, holding: "packed weights", reserved: !forOnePass)
    source = forOnePass ? weights : nil
    if !forOnePass { WeightPacker(weights, memory).pack(layout.items, layout) }
  }

  /// Runs a pass; one after another where weights come and go.
  func pass<Result>(_ body: () throws -> Result) rethrows -> Result {
    if source == nil { return try body() }
    return try lock.withLock(body)
  }

  /// Runs `body` while the weights of a region are there.
  ///
  /// - Parameter region: which of ``Plan/weightsRead``.
  func withWeights(of region: Int, _ body: () throws -> Void) rethrows {
    guard let source else { return try body() }
    let (items, layout) = (plan.weightsRead[region], plan.needs.weights)
    WeightPacker(source, memory).pack(items, layout)
    defer { for item in items { memory.release(layout.place(of: item)) } }
    try body()
  }
}
