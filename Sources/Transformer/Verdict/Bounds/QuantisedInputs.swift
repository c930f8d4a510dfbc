import TouchstoneGraph
import TouchstoneModel

extension ProductInputs {
  /// In what an operation reads its inputs; nil for as they are recorded, and for what is no product with a matrix.
  package func format(of operation: Operation) -> Format? {
    guard operation.kind.payload is Linear else { return nil }
    return format(at: operation.output.path)
  }
}

extension ProductInputs.Format {
  /// How many values of a row share a step; nil where each is rounded by itself.
  private var blockLength: Int? {
    switch self {
    case .float16, .bfloat16: nil
    case .q80, .q81: 32
    case .q8k: 256
    }
  }

  /// Whether values are multiples of a step that a block shares.
  var hasSteps: Bool { blockLength != nil }

  /// The values as a product reads them.
  package func read(_ values: Tensor<Double>) -> Tensor<Double> {
    read(Operand(values: values)).values
  }

  /// What a product reads of an operand: values as this format has them, and how far an implementation's may lie from these.
  ///
  /// What a step is multiplied by follows exactly from the values, but where one lies half-way between two multiples within
  /// the rounding of x·(127/amax): there either neighbour is granted. An operand that is not known exactly may fall to a
  /// neighbour anywhere.
  ///
  /// Clause: BND-33.
  func read(_ operand: Operand) -> Operand {
    guard let length = blockLength else {
      let type = self == .float16 ? ScalarType.float16 : .bfloat16
      let values = operand.values.values.map { type.rounded($0) }
      let error = operand.error.map { errors in
        zip(errors, values).map { error, value in error + type.spacing(around: value) }
      }
      return Operand(values: Tensor(values, shape: operand.values.shape), error: error, format: self)
    }
    let width = operand.values.rowWidth
    var values = operand.values.values
    var uncertain = [Double](repeating: 0, count: values.count)
    for row in 0..<operand.values.rowCount {
      for start in stride(from: row * width, to: (row + 1) * width, by: length) {
        quantise(start..<min(start + length, (row + 1) * width), of: &values, &uncertain, operand)
      }
    }
    let isExact = operand.error == nil && !uncertain.contains { $0 > 0 }
    let errors = isExact ? nil : uncertain.indices.map { operand.error(at: $0) + uncertain[$0] }
    return Operand(values: Tensor(values, shape: operand.values.shape), error: errors, format: self)
  }

  private func quantise(
    _ block: Range<Int>, of values: inout [Double], _ uncertain: inout [Double], _ operand: Operand
  ) {
    let greatest = block.max { abs(values[$0]) < abs(values[$1]) } ?? block.lowerBound
    let extreme = Float(values[greatest])
    guard extreme.isFinite, block.allSatisfy({ values[$0].isFinite }) else { return }
    let step = step(extreme)
    guard extreme != 0, step != 0 else {
      for place in block { values[place] = 0 }
      return
    }
    // What the greatest may be off by moves every step.
    let ofGreatest = operand.error(at: greatest).stat / abs(values[greatest])
    for place in block {
      let multiple = values[place] / Double(extreme) * 127
      let nearest = multiple.rounded(.toNearestOrAwayFromZero)
      values[place] = nearest * step
      if operand.error(at: place).stat > 0 || ofGreatest > 0 {
        uncertain[place] = abs(step) + abs(values[place]) * (ofGreatest + 0x1p-10)
      } else if abs(abs(multiple - nearest) - 0.5) <= Self.halfWay * abs(multiple) {
        uncertain[place] = abs(step)
      }
    }
  }

  /// The roundings of 127/amax, or of 1/(amax/127), and of the product with it, relative to that.
  private static let halfWay = 4 * 0x1p-24

  /// What the multiples of a block whose value of the greatest magnitude is `extreme` are multiples of: of the sign of that value.
  private func step(_ extreme: Float) -> Double {
    switch self {
    case .q80, .q81:
      let step = ScalarType.float16.rounded(Double(abs(extreme) / 127))
      return extreme < 0 ? -step : step
    case .q8k: return -Double(1 / (-127 / extreme))
    case .float16, .bfloat16: return 0
    }
  }
}
