import TouchstoneGraph
import TouchstoneModel

/// Biases on scores: nothing is computed for them until a score takes its own.
///
/// Clauses: KER-18, ALI-1.
struct MakeBias: Region {
  private let output: Activation
  private let bias: KeyBias

  init?(_ reader: inout GraphReader) {
    guard let alibi = reader.take(Alibi.self) else { return nil }
    output = alibi.output
    bias = KeyBias(alibi.kind)
    reader.put(bias, as: output)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    guard let observe else { return }
    let (count, places) = (rows.first + rows.tokenIDs.count, machine.keyPlaces[bias.form])
    let values = bias.slopes.flatMap { slope in
      (0..<rows.count).flatMap { _ in places[..<count].map { slope * $0 } }
    }
    try observe(output, Tensor(values, shape: [bias.slopes.count, rows.count, count]))
  }
}

/// What is added to the scaled score of a key: a slope for each head of queries, times where the key stands.
struct KeyBias: Sendable {
  let form: Alibi.Form
  let slopes: [Float]

  init(_ kind: Alibi) {
    form = kind.form
    slopes = (0..<kind.heads).map { Float(kind.value(of: $0)) }
  }

  /// Scales scores and adds their biases.
  func add(
    _ scores: UnsafeMutablePointer<Float>, keys: Range<Int>, head: Int, scale: Float, _ places: [Float]
  ) {
    let slope = slopes[head]
    places.withUnsafeBufferPointer { places in
      for (index, key) in keys.enumerated() { scores[index] = scores[index] * scale + slope * places[key] }
    }
  }
}

/// Where the keys of a sequence stand, as biases count them.
///
/// Clauses: ALI-2, ALI-3.
struct KeyPlaces: Sendable {
  private let visible: [Float]
  private let fromEnd: [Float]

  /// Of a model without biases.
  static let none = KeyPlaces(count: 0, masked: [])

  /// - Parameters:
  ///   - count: T, whatever part of the sequence is computed.
  ///   - masked: the keys that nobody sees; empty where there are none.
  init(count: Int, masked: [Bool]) {
    fromEnd = (0..<count).map { Float($0 - count + 1) }
    var seen = -1
    visible = (0..<count).map { key in
      if !masked.isEmpty && masked[key] { return 0 }
      seen += 1
      return Float(seen)
    }
  }

  subscript(form: Alibi.Form) -> [Float] {
    switch form {
    case .bloom: visible
    case .mpt: fromEnd
    }
  }
}
