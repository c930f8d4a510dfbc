import TouchstoneGraph
import TouchstoneModel

/// The inside of a feed-forward block: a product and its nonlinearity, which may gate a second product.
///
/// A gate and what it lets through are one packed matrix, whose panels alternate: sixteen of each stand together when a
/// piece is finished. Clauses: KER-1, KER-7 to KER-9, KER-13.
struct FeedForwardInput: Region {
  private let matrix: PackedMatrix
  private let input: Place
  private let function: ActivationFunction
  /// How the gate lets the other through; nil without a gate.
  private let product: Product?
  /// What each operation makes, in their order.
  private let outputs: [(activation: Activation, made: Made)]
  /// F.
  private let width: Int
  private var isGated: Bool { product != nil }

  /// The last of what it makes.
  var result: Activation? { outputs.last?.activation }

  private enum Made {
    case preactivation, activation, other, product
  }

  init?(_ reader: inout GraphReader) {
    guard let first = reader.take(Linear.self, where: { $0.kind == Linear() }),
      let input = reader.place(of: first.inputs[0]), input.column == 0,
      ![.inner, .before, .gated].contains(input.buffer)
    else { return nil }
    var products = [first]
    var activation: GraphReader.Taken<ActivationFunction>?
    let start = reader.index - 1
    while true {
      if products.count < 2,
        let other = reader.take(Linear.self, where: { $0.kind == Linear() && $0.inputs == first.inputs })
      {
        products.append(other)
      } else if activation == nil,
        let found = reader.take(
          ActivationFunction.self, where: { products.map(\.output).contains($0.inputs[0]) })
      {
        activation = found
      } else {
        break
      }
    }
    guard let activation else { return nil }
    function = activation.kind
    self.input = input
    // The gate is the product that goes through the nonlinearity.
    let gate = products.first { $0.output == activation.inputs[0] } ?? first
    width = reader.columns(of: gate.output).width
    var made: [Activation: Made] = [gate.output: .preactivation, activation.output: .activation]
    let parts = { (products: [GraphReader.Taken<Linear>]) in products.map { MatrixSource.Part($0.parameters) }
    }
    if let other = products.first(where: { $0.output != gate.output }) {
      let factors: Set = [activation.output, other.output]
      guard
        let product = reader.take(
          Product.self,
          where: { Set($0.inputs) == factors && $0.inputs.count == 2 && $0.isPlain(gate: activation.output) })
      else { return nil }
      self.product = product.kind
      made[other.output] = .other
      made[product.output] = .product
      matrix = reader.matrix(MatrixSource(parts([gate, other]), alternates: true))
      reader.scratch(.inner, width: matrix.columns)
      reader.put(product.output, in: .gated)
    } else {
      product = nil
      matrix = reader.matrix(MatrixSource(parts([gate])))
      reader.put(activation.output, in: .inner)
    }
    reader.scratch(.before, width: width)
    outputs = reader.operations[start..<reader.index].compactMap { operation in
      made[operation.output].map { (operation.output, $0) }
    }
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let workspace = machine.workspace
    let (inner, gated) = (workspace[.inner], workspace[.gated])
    let before = observe == nil ? nil : workspace[.before]
    let (kernels, kernel) = (machine.kernels, machine.kernels.function(function.function))
    let panel = Kernels.panelWidth
    machine.multiply(workspace.buffer(input), matrix, to: inner, rows: rows.count) { row, column, count in
      let values = inner.row(row) + column
      guard isGated else {
        before.map { ($0.row(row) + column).update(from: values, count: count) }
        activate(values, count, kernel)
        return
      }
      for pair in stride(from: 0, to: count, by: 2 * panel) {
        let (gate, unit) = (values + pair, (column + pair) / 2)
        let count = min(panel, width - unit)
        before.map { ($0.row(row) + unit).update(from: gate, count: count) }
        activate(gate, count, kernel)
        letThrough(gate, gate + panel, count, gated.row(row) + unit, kernels)
      }
    }
    guard let observe else { return }
    for (activation, made) in outputs { try observe(activation, tensor(made, rows.count, workspace)) }
  }

  /// The nonlinearity of some numbers, clipped first where they are.
  private func activate(_ values: UnsafeMutablePointer<Float>, _ count: Int, _ kernel: Kernels.Elementwise) {
    if function.limit != nil {
      for index in 0..<count { values[index] = function.clipped(values[index]) }
    }
    kernel(values, count, values)
  }

  /// gate·(clip(other) + plus).
  private func letThrough(
    _ gate: UnsafePointer<Float>, _ other: UnsafePointer<Float>, _ count: Int,
    _ target: UnsafeMutablePointer<Float>, _ kernels: Kernels
  ) {
    guard let product, product != Product() else {
      kernels.multiplyElements(gate, other, count, target)
      return
    }
    let (limit, plus) = (product.limit.map { Float($0) } ?? .infinity, Float(product.plus))
    for index in 0..<count { target[index] = gate[index] * (max(-limit, min(limit, other[index])) + plus) }
  }

  private func tensor(_ made: Made, _ rows: Int, _ workspace: Workspace) -> Tensor<Float> {
    let (inner, panel) = (workspace[.inner], Kernels.panelWidth)
    return switch made {
    case .preactivation: workspace[.before].tensor(rows, width)
    case .product: workspace[.gated].tensor(rows, width)
    case .activation:
      isGated ? inner.tensor(rows, width, panels: panel, every: 2 * panel) : inner.tensor(rows, width)
    case .other: inner.tensor(rows, width, from: panel, panels: panel, every: 2 * panel)
    }
  }
}

extension GraphReader.Taken<Product> {
  /// Whether nothing is done to the factors, or the gate is the one to which nothing is.
  fileprivate func isPlain(gate: Activation) -> Bool { kind == Product() || inputs.first == gate }
}
