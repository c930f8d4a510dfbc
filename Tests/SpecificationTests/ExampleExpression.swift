import TouchstoneModel

/// A number or a list of values, as an example writes it.
indirect enum ExampleValue: Equatable {
  case number(Double)
  case list([ExampleValue])

  /// The values of a tensor, nested by its shape.
  init(_ tensor: Tensor<Double>) {
    self.init(tensor.values[...], shape: tensor.shape[...])
  }

  private init(_ values: ArraySlice<Double>, shape: ArraySlice<Int>) {
    guard let extent = shape.first else {
      self = .number(values.first ?? .nan)
      return
    }
    let stride = extent == 0 ? 0 : values.count / extent
    self = .list(
      (0..<extent).map { index in
        let start = values.startIndex + index * stride
        return ExampleValue(values[start..<start + stride], shape: shape.dropFirst())
      })
  }

  /// The numbers, in order.
  var numbers: [Double] {
    switch self {
    case .number(let value): [value]
    case .list(let values): values.flatMap(\.numbers)
    }
  }

  /// Extent of each axis; lists of one depth have one length.
  var shape: [Int] {
    switch self {
    case .number: []
    case .list(let values): [values.count] + (values.first?.shape ?? [])
    }
  }

  /// The list as a tensor.
  func tensor() throws -> Tensor<Double> {
    guard shape.reduce(1, *) == numbers.count else {
      throw BadInput(problem: "the lists are not of one length")
    }
    return Tensor(numbers, shape: shape)
  }

  /// The numbers as whole ones.
  func integers() throws -> [Int] {
    try numbers.map {
      guard let integer = Int(exactly: $0) else { throw BadInput(problem: "\($0) is no whole number") }
      return integer
    }
  }
}

/// A line such as `softmax([0, 0], temperature: 2) == [0.5, 0.5]`.
struct ExampleExpression {
  /// The function of the reference.
  let function: String
  /// Arguments without a label, in order.
  private(set) var positional: [ExampleValue] = []
  /// Arguments by label.
  private(set) var labelled: [String: ExampleValue] = [:]
  /// Whether the value is given bit for bit.
  let isExact: Bool
  /// The value.
  let expected: ExampleValue

  /// Parses a line.
  ///
  /// - Throws: `BadInput` saying what was expected where.
  init(_ text: String) throws {
    var scanner = Scanner(text: text)
    function = try scanner.word()
    try scanner.expect("(")
    while !scanner.take(")") {
      if let label = scanner.label() {
        labelled[label] = try scanner.value()
      } else {
        positional.append(try scanner.value())
      }
      if !scanner.take(",") {
        try scanner.expect(")")
        break
      }
    }
    isExact = scanner.take("==")
    if !isExact { try scanner.expect("≈") }
    expected = try scanner.value()
    guard scanner.isAtEnd else { throw BadInput(problem: "there is more after the value in \(text)") }
  }

  /// Reads characters from the front.
  private struct Scanner {
    private let text: String
    private var rest: Substring

    init(text: String) {
      self.text = text
      rest = text[...]
    }

    var isAtEnd: Bool { rest.allSatisfy { $0 == " " } }

    mutating func take(_ token: String) -> Bool {
      rest = rest.drop { $0 == " " }
      guard rest.hasPrefix(token) else { return false }
      rest = rest.dropFirst(token.count)
      return true
    }

    mutating func expect(_ token: String) throws {
      guard take(token) else { throw BadInput(problem: "\(token) is expected before \(rest) in \(text)") }
    }

    mutating func word() throws -> String {
      let word = rest.prefix { $0.isLetter }
      guard !word.isEmpty else { throw BadInput(problem: "a name is expected in \(text)") }
      rest = rest.dropFirst(word.count)
      return String(word)
    }

    mutating func label() -> String? {
      rest = rest.drop { $0 == " " }
      guard let match = rest.prefixMatch(of: /([A-Za-z]+):/) else { return nil }
      rest = rest[match.range.upperBound...]
      return String(match.1)
    }

    mutating func value() throws -> ExampleValue {
      if take("[") {
        var values: [ExampleValue] = []
        while !take("]") {
          values.append(try value())
          if !take(",") {
            try expect("]")
            break
          }
        }
        return .list(values)
      }
      rest = rest.drop { $0 == " " }
      let number = rest.prefix { $0.isLetter || $0.isNumber || "+-.".contains($0) }
      guard let value = Double(number) else { throw BadInput(problem: "a number is expected before \(rest)") }
      rest = rest.dropFirst(number.count)
      return .number(value)
    }
  }
}
