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
      guard let gate = site.gate else { return nil }
      let other = site.activations[1]
      let active = Tensor(other.values.map(gate.function.callAsFunction), shape: other.shape)
      return site.evaluated(activations: [active, gate.before])
    },
    Fault(
      "gate.both-activated", "the nonlinearity is applied to both factors", .wiring, of: Product.self,
      practice: "it is called on the joint projection"
    ) { _, site in
      site.gate.map { gate in
        site.evaluated(changing: 1) { $0.values = $0.values.map(gate.function.callAsFunction) }
      }
    },
    Fault(
      "gate.after-product", "the nonlinearity is applied to the product", .wiring, of: Product.self,
      practice: "the two steps are in the wrong order"
    ) { _, site in
      guard let gate = site.gate else { return nil }
      let product = site.evaluated(activations: [gate.before, site.activations[1]])
      return Tensor(product.values.map(gate.function.callAsFunction), shape: product.shape)
    },
    Fault(
      "gate.of-itself", "the gate is multiplied by what it was made of", .wiring, of: Product.self,
      practice: "one half of the joint projection is read twice"
    ) { _, site in
      site.gate.flatMap { $0.before.shape == site.activations[1].shape ? $0.before : nil }
        .map { site.evaluated(activations: [site.activations[0], $0]) }
    },
    Fault(
      "gate.not-activated", "the gate is multiplied before its nonlinearity", .wiring, of: Product.self,
      practice: "the bilinear form of another model family"
    ) { _, site in
      site.gate.map { site.evaluated(activations: [$0.before, site.activations[1]]) }
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

extension FaultSite {
  /// The nonlinearity of the first factor, and what it was applied to.
  fileprivate var gate: (function: ActivationFunction.Function, before: Tensor<Double>)? {
    guard let source = graph.source(of: operation), let kind = source.kind.payload as? ActivationFunction,
      let before = source.inputs.first.flatMap(activation)
    else { return nil }
    return (kind.function, before)
  }
}
