import TouchstoneGraph
import TouchstoneModel

/// A product with a matrix as readings look at it: x [T, K], W (outputs, inputs) and both what is due and what was
/// captured as [T, N].
struct ReadProduct {
  let own: Linear
  let x: Tensor<Double>
  let weight: ParameterValues<Double>
  let extents: MatrixExtents
  let bias: ParameterValues<Double>?
  let want: Tensor<Double>
  let got: Tensor<Double>
  /// The outputs that are wrong at any token.
  let wrongOutputs: [Int]

  var tokens: Int { x.rowCount }
  var inputs: Int { x.rowWidth }
  var outputs: Int { want.rowWidth }

  /// nil where what was captured is not finite.
  init?(_ own: Linear, _ site: FaultSite, _ got: Tensor<Double>) {
    let want = site.evaluated()
    guard got.shape == want.shape, got.values.allSatisfy(\.isFinite) else { return nil }
    self.own = own
    x = site.activations[0]
    weight = site.site.operands.parameters[0]
    extents = MatrixExtents(weight)
    bias = site.site.operands.parameters.dropFirst().first
    let width = got.rowWidth
    let outputs = site.wrongPlaces.map { place in
      place % width + (own.heads == nil ? 0 : place / (width * site.inputs.count) * width)
    }
    wrongOutputs = Set(outputs).sorted()
    self.want = own.heads == nil ? want : want.joinedHeads()
    self.got = own.heads == nil ? got : got.joinedHeads()
  }

  func error(_ token: Int, _ output: Int) -> Double { got[token, output] - want[token, output] }

  /// The elements that are farthest off, each of another output, those of the farthest token first.
  func farthest(_ count: Int) -> [(token: Int, output: Int)] {
    let order = (0..<tokens).sorted { squaredError($0) > squaredError($1) }.prefix(max(1, count / 2))
    return (0..<count).compactMap { index -> (token: Int, output: Int)? in
      guard let token = order.isEmpty ? nil : order[index % order.count] else { return nil }
      let columns = (0..<outputs).filter { $0 % count == index || outputs < count }
      return columns.max { abs(error(token, $0)) < abs(error(token, $1)) }.map { (token, $0) }
    }.filter { error($0.token, $0.output) != 0 }
  }

  /// Whether other factors give nearly what was captured where it is farthest off: refutes most without the whole product.
  ///
  /// - Parameters:
  ///   - x: what is multiplied, [T, K]; the operation's own unless given.
  ///   - weight: the matrix; the operation's own unless given.
  ///   - bias: the bias of an output.
  func mayBe(
    x: Tensor<Double>? = nil, weight: ParameterValues<Double>? = nil, bias: (Int) -> Double
  ) -> Bool {
    let (x, weight) = (x ?? self.x, weight ?? self.weight)
    return farthest(Self.probeCount).allSatisfy { token, output in
      let sum = (0..<inputs).reduce(bias(output)) { $0 + x[token, $1] * weight[output, $1] }
      return abs(own.clipped(sum) - got[token, output]) <= Self.probeRest * abs(error(token, output))
    }
  }

  private static let probeCount = 6
  private static let probeRest = 0.1

  private func squaredError(_ token: Int) -> Double {
    (0..<outputs).reduce(0) { $0 + error(token, $1) * error(token, $1) }
  }

  /// [T, N] as the operation has it, heads apart.
  func output(_ y: Tensor<Double>) -> Tensor<Double> {
    guard let heads = own.heads else { return y }
    let width = outputs / heads
    var apart = Tensor<Double>(repeating: 0, shape: [heads, tokens, width])
    for token in 0..<tokens {
      for output in 0..<outputs {
        apart.values[(output / width * tokens + token) * width + output % width] = y[token, output]
      }
    }
    return apart
  }
}
