import Foundation
import TouchstoneModel

/// Each vector thinks alone: the nonlinearity between the two products of the feed-forward block.
///
/// Clauses: FFN-5 to FFN-7.
///
/// - Parameters:
///   - x: any shape.
///   - function: which nonlinearity.
/// - Returns: the shape of `x`.
public func activate(_ x: Tensor<Double>, _ function: ActivationFunction) -> Tensor<Double> {
  switch function {
  case .geluTanh: Tensor(x.values.map(geluTanh), shape: x.shape)
  case .geluErf: Tensor(x.values.map(geluErf), shape: x.shape)
  case .relu: Tensor(x.values.map { $0.isNaN ? $0 : max(0, $0) }, shape: x.shape)
  }
}

/// GELU by tanh: 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) (Hendrycks & Gimpel 2016, §2).
///
/// The sum 1 + tanh z is computed as 2/(1 + e^(−2z)), the same number without cancellation for negative x.
/// −0 gives −0; −∞ gives −0, the limit.
///
/// Clauses: FFN-3, FFN-9.
public func geluTanh(_ x: Double) -> Double {
  if x == -.infinity { return -0.0 }
  let z = (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
  return x / (1 + exp(-2 * z))
}

/// GELU exactly: 0.5·x·(1 + erf(x/√2)) (Hendrycks & Gimpel 2016, §2), computed as 0.5·x·erfc(−x/√2).
///
/// −0 gives −0; −∞ gives −0, the limit.
///
/// Clauses: FFN-4, FFN-9.
public func geluErf(_ x: Double) -> Double {
  if x == -.infinity { return -0.0 }
  return 0.5 * x * erfc(-x / 2.0.squareRoot())
}
