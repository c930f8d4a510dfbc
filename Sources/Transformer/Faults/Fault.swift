import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

/// A realistic bug: one operation of the reference, put in the place of the right one.
public struct Fault: Sendable, CustomStringConvertible {
  /// What part of an implementation the bug belongs to.
  public enum Family: String, Sendable, CaseIterable {
    case attention
    case mask
    case softmax
    case heads
    case layerNorm = "layer norm"
    case activation
    case weights
    case bias
    case tail
    case cache
    case staleness
    case precision
    case wiring
    case embedding
    case readout
    case loss
    case gradient
  }

  /// The stable name in reports, such as `gelu.half-table`.
  public let id: String
  /// What is wrong, in words.
  public let name: String
  /// What part of an implementation it belongs to.
  public let family: Family
  /// Where it arises in practice.
  public let practice: String
  /// The operations that it can spoil.
  let place: Place
  /// The format that the faulty output is rounded to, where rounding it is part of the bug.
  let storage: NumberFormat?
  /// Whether it is computed term by term, and so takes long for large products.
  let isTermByTerm: Bool
  /// What its explanation of a capture is granted beyond the bounds.
  var grants = Grants()
  /// The faulty operation before that rounding; nil where the bug cannot arise, such as a second head in a model with one.
  let output: @Sendable (FaultSite) -> Tensor<Double>?

  /// What an explanation is granted where the numbers it makes carry more than the rounding of the definition.
  struct Grants: Sendable {
    /// How many times as large as those of the definition the numbers, and so their errors, are.
    var factor = 1.0
    /// The narrow format to which values are rounded on the way: a last place may fall to either side there, so that
    /// one element in ten may be off by a few of them.
    var rounding: NumberFormat?
    /// Whether it says where there are no numbers: what makes them all NaN would explain any NaN.
    var saysNaN = false
  }

  /// Describes a bug, whose `output` is made in float64 from what the operation reads.
  init(
    _ id: String, _ name: String, _ family: Family, at place: Place, practice: String,
    storedAs storage: NumberFormat? = nil, isTermByTerm: Bool = false,
    output: @escaping @Sendable (FaultSite) -> Tensor<Double>?
  ) {
    self.id = id
    self.name = name
    self.family = family
    self.practice = practice
    self.place = place
    self.storage = storage
    self.isTermByTerm = isTermByTerm
    self.output = output
  }

  /// Describes a bug of one kind of operation, whose `output` is told what the kind says of itself.
  init<Kind: OperationKind>(
    _ id: String, _ name: String, _ family: Family, of kind: Kind.Type, practice: String,
    output: @escaping @Sendable (Kind, FaultSite) -> Tensor<Double>?
  ) {
    self.init(id, name, family, at: .of(kind), practice: practice) { site in
      (site.operation.kind.payload as? Kind).flatMap { output($0, site) }
    }
  }

  /// The stable name.
  public var description: String { id }

  /// The same bug in other words.
  func named(_ name: String) -> Fault {
    Fault(
      id, name, family, at: place, practice: practice, storedAs: storage, isTermByTerm: isTermByTerm,
      output: output)
  }

  /// Whether it can spoil an operation of a model.
  public func canSpoil(_ operation: Operation, in graph: Graph) -> Bool {
    place.contains(operation, graph)
  }

  /// The operations of a model that it can spoil.
  public func sites(in graph: Graph) -> [Operation] {
    graph.operations.filter { canSpoil($0, in: graph) }
  }
}

extension Fault {
  /// The faulty output, rounded as the bug would have it; nil where the bug cannot arise or would give it another
  /// shape.
  func spoilt(_ site: FaultSite) -> Tensor<Double>? {
    let shape = site.graph.shape(of: site.operation.output, in: site.inputs)
    guard site.inputs.count > 0, let value = output(site), value.shape == shape else { return nil }
    guard let storage else { return value }
    return Tensor(value.values.map { storage.round($0) }, shape: value.shape)
  }
}
