import TouchstoneGraph
import TouchstoneModel

extension Reading {
  /// A product whose factors, bias or output are kept in fewer bits.
  static let storage: [Reading] = [
    Reading("linear.stored-in-fewer-bits", .precision, of: Linear.self) { own, site, got in
      guard let product = ReadProduct(own, site, got) else { return [] }
      return ProductSample(product).found.map { stored in
        Guess(stored.inWords(of: product), storedAs: stored.output) { _ in stored.value(of: product) }
      }
    },
    Reading("embedding.stored-in-fewer-bits", .weights, at: .of(Embedding.self).union(.of(Sum.self))) {
      site, got in
      StoredTables(site)?.guesses(got, due: site.evaluated()) ?? []
    },
    Reading("values.in-fewer-bits", .precision, at: .computed) { _, got in
      NumberFormat.narrow(holding: got.values).map { format in
        Guess("what is stored is rounded to \(format.name)", storedAs: format) { $0.evaluated() }
      }
    },
  ]
}

extension NumberFormat {
  /// The formats narrower than float32 of which all these values are numbers: the known ones, or one of as many bits as they
  /// have.
  fileprivate static func narrow(holding values: [Double]) -> [NumberFormat] {
    let told = values.filter { $0.isFinite && $0 != 0 }
    let count = told.reduce(1) { max($0, $1.significandWidth + 1) }
    guard !told.isEmpty, count <= greatestWidth else { return [] }
    let known = [NumberFormat.float8, .bfloat16, .float16, .tensorFloat32].filter { format in
      told.allSatisfy { format.round($0) == $0 }
    }
    if !known.isEmpty { return known }
    return [
      NumberFormat(
        name: "\(count) significant bits", significandBits: count, leastExponent: float32.leastExponent,
        greatestFinite: float32.greatestFinite)
    ]
  }

  /// float32 has 24 bits, of which some numbers leave the last few unused.
  private static let greatestWidth = 18
}

/// A product with some of its parts in fewer bits.
struct StoredProduct: Sendable {
  /// What is done to numbers before they are multiplied.
  enum Change: Sendable {
    case none
    case rounded(NumberFormat)
    case cut(NumberFormat)
    case quantised(Quantisation, QuantisationGroup)

    var inWords: String? {
      switch self {
      case .none: nil
      case .rounded(let format): "rounded to \(format.name)"
      case .cut(let format): "cut to \(format.name)"
      case .quantised: nil
      }
    }

    func changed(_ x: [Double]) -> [Double] {
      switch self {
      case .none: x
      case .rounded(let format): x.map { format.round($0) }
      case .cut(let format): x.map { format.round($0, .towardZero) }
      case .quantised(let scheme, .inputs(let size)):
        stride(from: 0, to: x.count, by: size).flatMap {
          scheme.stored(Array(x[$0..<min($0 + size, x.count)]))
        }
      case .quantised(let scheme, _): scheme.stored(x)
      }
    }
  }

  let input: Change
  let matrix: Change
  let bias: Change
  let output: NumberFormat?

  /// Factors, bias and output rounded or cut, those with the fewest parts first.
  static let plain: [StoredProduct] = {
    var all: [StoredProduct] = []
    for output in [false, true] {
      for format in [NumberFormat.float16, .bfloat16, .tensorFloat32, .float8] {
        for change in [Change.rounded(format), .cut(format)] {
          for parts in [1, 2, 4, 3, 5, 6, 7] {
            func part(_ bit: Int) -> Change { parts & bit == 0 ? .none : change }
            all.append(
              StoredProduct(input: part(2), matrix: part(1), bias: part(4), output: output ? format : nil))
          }
        }
      }
    }
    return all
  }()

  /// 8 bits in blocks of 32 with a step in half precision, in blocks of 256, by token, or all tokens together.
  static func inputChanges(_ product: ReadProduct) -> [Change] {
    let symmetric = Quantisation(bits: 8, step: .symmetric, isStepInHalf: false, shift: 0)
    let inHalf = Quantisation(bits: 8, step: .symmetric, isStepInHalf: true, shift: 0)
    let affine = [8, 7].map { Quantisation(bits: $0, step: .affine, isStepInHalf: false, shift: 0) }
    return [
      .quantised(inHalf, .inputs(32)), .quantised(symmetric, .inputs(32)),
      .quantised(symmetric, .inputs(256)),
      .quantised(symmetric, .inputs(product.inputs)),
      .quantised(symmetric, .whole),
    ] + affine.flatMap { [.quantised($0, .whole), .quantised($0, .inputs(product.inputs))] }
  }

  /// Rows of x as they are multiplied.
  func inputs(_ tokens: [Int], of product: ReadProduct) -> [[Double]] {
    if case .quantised(_, .whole) = input {
      let all = input.changed(product.x.values)
      return tokens.map { Array(all[$0 * product.inputs..<($0 + 1) * product.inputs]) }
    }
    return tokens.map { input.changed(Array(product.x.row($0))) }
  }

  /// W(output, ·) as it is multiplied.
  func row(_ output: Int, of product: ReadProduct) -> [Double] {
    let weight = product.weight
    if case .quantised(let scheme, let group) = matrix {
      return QuantisedMatrix(weight: weight, extents: product.extents, scheme: scheme, group: group)
        .row(output)
    }
    return matrix.changed((0..<product.inputs).map { weight[output, $0] })
  }

  func bias(_ output: Int, of product: ReadProduct) -> Double {
    product.bias.map { bias.changed([$0[output]])[0] } ?? 0
  }

  /// The whole product, as the operation has it.
  func value(of product: ReadProduct) -> Tensor<Double> {
    let x = inputs(Array(0..<product.tokens), of: product)
    var y = product.want
    for output in 0..<product.outputs {
      let (row, bias) = (row(output, of: product), bias(output, of: product))
      for token in 0..<product.tokens { y[token, output] = product.own.clipped(bias + dot(x[token], row)) }
    }
    return product.output(y)
  }

  func inWords(of product: ReadProduct) -> String {
    var texts: [String] = []
    let parts = [("input", input), ("matrix", matrix), ("bias", bias)].compactMap { name, change in
      change.inWords.map { (name, $0) }
    }
    if let (_, how) = parts.first {
      let names = parts.map(\.0)
      let list =
        names.count == 1
        ? names[0] : names.dropLast().joined(separator: ", ") + " and " + names[names.count - 1]
      texts.append("\(list) \(names.count == 1 ? "is" : "are") \(how)")
    }
    if case .quantised(let scheme, let group) = matrix {
      texts.append(
        "the matrix is quantised to \(scheme.inWords) "
          + group.inWords(inputs: product.inputs, outputs: product.outputs) + scheme.shiftInWords)
    }
    if case .quantised(let scheme, let group) = input {
      let how =
        switch group {
        case .whole: "all tokens together"
        case .inputs(product.inputs): "token by token"
        case .inputs(let size), .outputs(let size): "in blocks of \(size)"
        }
      texts.append("the input is quantised to \(scheme.inWords) \(how)")
    }
    if let output { texts.append("the output is rounded to \(output.name)") }
    let text = texts.joined(separator: ", and ")
    return parts.isEmpty ? text : "the " + text
  }
}

/// A few elements of a product, by which most ways of storing its parts are refuted.
struct ProductSample {
  private let product: ReadProduct
  private let tokens: [Int]
  private let outputs: [Int]
  /// What is off by the definition, squared and summed.
  private let whole: Double

  /// So little of the error that nothing else is looked for.
  private static let settledRest = 1e-6

  init(_ product: ReadProduct) {
    self.product = product
    let (tokens, outputs) = (Self.spread(product.tokens, 4), Self.spread(product.outputs, 12))
    self.tokens = tokens
    self.outputs = outputs
    whole = outputs.reduce(0) { sum, output in
      tokens.reduce(sum) { $0 + product.error($1, output) * product.error($1, output) }
    }
  }

  /// The ways of storing that leave next to nothing of the error, those first that leave the least; those in other
  /// formats before those in few bits.
  var found: [StoredProduct] {
    guard whole > 0 else { return [] }
    let rounded = nearest(
      StoredProduct.plain.map { ($0, rest($0, $0.inputs(tokens, of: product))) }, of: whole)
    if !rounded.isEmpty { return rounded }
    // Few bits leave next to no element as it was.
    guard 2 * product.wrongOutputs.count >= product.outputs else { return [] }
    let schemes = QuantisationGroup.all(inputs: product.inputs, outputs: product.outputs).flatMap { group in
      (Quantisation.all + Quantisation.ofPairs).map { StoredProduct.Change.quantised($0, group) }
    }
    func stored(_ input: StoredProduct.Change, _ matrix: StoredProduct.Change) -> StoredProduct {
      StoredProduct(input: input, matrix: matrix, bias: .none, output: nil)
    }
    var tried: [(way: StoredProduct, rest: Double)] = []
    // Inputs alone come first: every scheme for the matrix costs as much as they.
    for matrices in [[.none], schemes] {
      for input in [.none] + StoredProduct.inputChanges(product) {
        let x = stored(input, .none).inputs(tokens, of: product)
        tried += matrices.map { (stored(input, $0), rest(stored(input, $0), x)) }
        if tried.contains(where: { $0.rest <= Self.settledRest * whole }) {
          return nearest(tried, of: whole)
        }
      }
    }
    return nearest(tried, of: whole)
  }

  /// What is left of the error, squared and summed; infinite where it is too much.
  private func rest(_ stored: StoredProduct, _ x: [[Double]]) -> Double {
    var rest = 0.0
    for output in outputs {
      let (row, bias) = (stored.row(output, of: product), stored.bias(output, of: product))
      for (x, token) in zip(x, tokens) {
        let (sum, got) = (product.own.clipped(bias + dot(x, row)), product.got[token, output])
        let difference = stored.output?.leastError(from: sum, to: got) ?? (got - sum)
        rest += difference * difference
      }
      if rest > greatestRest * whole { return .infinity }
    }
    return rest
  }

  private static func spread(_ count: Int, _ wanted: Int) -> [Int] {
    count <= wanted ? Array(0..<count) : (0..<wanted).map { $0 * (count - 1) / (wanted - 1) }
  }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double {
  var sum = 0.0
  for index in a.indices { sum += a[index] * b[index] }
  return sum
}
