import TouchstoneProperties
import TouchstoneReference

/// A row of scores or logits: ordinary, huge, equal, or with entries of −∞, and a temperature for it.
struct Row: Generated {
  var values: [Double]
  var temperature: Double

  static func generate(_ generator: inout SplitMix64) -> Row {
    let count = generator.element(of: [1, 2, 3, 5, 8, 13, 16, 17, 31, 64])
    let scale = generator.element(of: [1, 1, 5, 100, 1e4, 1e-3])
    var values = (0..<count).map { _ in (generator.nextUniform() * 2 - 1) * scale }
    switch generator.integer(in: 0...4) {
    case 0: values = values.map { $0.rounded() }
    case 1: values = values.map { _ in values[0] }
    case 2: values = values.enumerated().map { $0.offset > 0 && generator.oneIn(3) ? -.infinity : $0.element }
    case 3: values[generator.integer(in: 0...count - 1)] = generator.element(of: [1e4, -1e4, 740, -0.0])
    default: break
    }
    return Row(values: values, temperature: generator.element(of: [0.05, 0.3, 0.7, 1, 1.3, 2, 10]))
  }

  var simpler: [Row] {
    var rows: [Row] = []
    for count in values.count.smaller(downTo: 1) {
      rows.append(with { $0.values = Array(values.prefix(count)) })
    }
    if values.count > 1 {
      for index in values.indices { rows.append(with { $0.values.remove(at: index) }) }
    }
    if temperature != 1 { rows.append(with { $0.temperature = 1 }) }
    for (index, value) in values.enumerated() where value != 0 {
      rows.append(with { $0.values[index] = 0 })
      if value.isFinite, value != value.rounded() { rows.append(with { $0.values[index] = value.rounded() }) }
      if value.isFinite, abs(value) > 1 {
        rows.append(with { $0.values[index] = (value / 2).rounded(.towardZero) })
      }
    }
    return rows
  }

  private func with(_ change: (inout Row) -> Void) -> Row {
    var row = self
    change(&row)
    return row
  }

  var description: String { "\(values) at temperature \(temperature)" }
}
