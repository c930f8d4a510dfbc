import TouchstoneModel

extension Fault {
  static let layerNormFaults: [Fault] =
    [1e-6, 1e-12, 0, 1e-3].map { epsilon in
      Fault(
        "norm.epsilon-\(epsilon)", "ε is \(epsilon) instead of the model's", .layerNorm, at: norms,
        practice: "another family's default is built in"
      ) { site in
        guard epsilon != site.configuration.layerNormEpsilon else { return nil }
        return site.evaluated(kind: .layerNorm(epsilon: epsilon))
      }
    } + [
      Fault(
        "norm.missing", "the norm is left out", .layerNorm, at: norms,
        practice: "a layer is not wired, often the final one"
      ) { $0.activations[0] }
    ]

  static let activationFaults: [Fault] = ActivationFunction.allCases.map { function in
    Fault(
      "activation.\(function.rawValue)", "the nonlinearity is \(function.rawValue) instead of the model's",
      .activation, at: [.feedForwardActivation],
      practice: "the two GELUs are confused, or a default is built in"
    ) { site in
      guard site.operation.kind != .activationFunction(function) else { return nil }
      return site.evaluated(kind: .activationFunction(function))
    }
  }
}
