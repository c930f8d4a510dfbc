import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference

extension Product: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = [
    Fault(
      "gate.missing", "what passes the gate is not weighted by it", .wiring, of: Product.self,
      practice: "a feed-forward block without a gate is assumed"
    ) { _, site in site.activations[1] },
    Fault(
      "gate.alone", "the gate alone is handed on", .wiring, of: Product.self,
      practice: "the second projection is forgotten"
    ) { _, site in site.activations[0] },
    Fault(
      "gate.added", "the gate is added instead of multiplied", .wiring, of: Product.self,
      practice: "the residual's kernel is called"
    ) { _, site in site.activations[0].adding(site.activations[1]) },
    Fault(
      "gate.exchanged", "the nonlinearity is that of the other factor", .wiring, of: Product.self,
      practice: "the halves of a joint projection are exchanged"
    ) { _, site in
      guard let source = site.graph.source(of: site.operation),
        let function = source.kind.payload as? ActivationFunction,
        let gate = source.inputs.first.flatMap(site.activation)
      else { return nil }
      let other = site.activations[1]
      let active = Tensor(other.values.map(function.function.callAsFunction), shape: other.shape)
      return site.evaluated(activations: [active, gate])
    },
    Fault(
      "gate.without-plus", "nothing is added to what passes the gate", .wiring,
      at: .of(Product.self).filtered { operation, _ in (operation.kind.payload as? Product)?.plus != 0 },
      practice: "the gate of another model family"
    ) { site in
      (site.operation.kind.payload as? Product).map { site.evaluated(as: Product(limit: $0.limit)) }
    },
    Fault(
      "gate.without-limit", "what passes the gate is not clipped", .wiring,
      at: .of(Product.self).filtered { operation, _ in (operation.kind.payload as? Product)?.limit != nil },
      practice: "the gate of another model family"
    ) { site in
      (site.operation.kind.payload as? Product).map { site.evaluated(as: Product(plus: $0.plus)) }
    },
  ]
}
