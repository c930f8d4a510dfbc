import TouchstoneGraph
import TouchstoneModel

/// A plan and its weights: every parameter in float32, never written after `init`.
final class PackedModel: @unchecked Sendable {
  let plan: Plan
  private let memory: AlignedBuffer

  /// The packed weights.
  var weights: UnsafePointer<Float> { UnsafePointer(memory.base) }

  /// - Throws: ``BadInput`` for a graph with an operation that no region computes, or where there is no memory for the
  ///   packed weights.
  init(_ weights: Weights) throws(BadInput) {
    plan = try Plan(weights.graph)
    memory = try AlignedBuffer(count: plan.needs.weights.count, holding: "packed weights")
    WeightPacker(weights, memory).pack(plan.needs.weights)
  }
}
