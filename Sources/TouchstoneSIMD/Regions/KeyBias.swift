import TouchstoneGraph
import TouchstoneModel

/// Biases on scores: nothing is computed for them until a score takes its own.
///
/// Clauses: KER-18, KER-23, ALI-1, TWO-3.
struct MakeBias: Region {
  private let output: Activation
  private let bias: KeyBias

  init?(_ reader: inout GraphReader) {
    if let alibi = reader.take(Alibi.self) {
      output = alibi.output
      bias = .slopes(alibi.kind.form, (0..<alibi.kind.heads).map { Float(alibi.kind.value(of: $0)) })
    } else if let relative = reader.take(RelativeBias.self) {
      output = relative.output
      bias = .distances(reader.relativeBias(relative.kind), relative.parameters[0].parameter)
      _ = bias.table(&reader)
    } else {
      return nil
    }
    reader.put(bias, as: output)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    guard let observe else { return }
    let count = rows.first + rows.positionIDs.count
    let own = OwnBias(bias, machine)
    var values = [Float](repeating: 0, count: own.heads * rows.count * count)
    values.withUnsafeMutableBufferPointer { values in
      for row in 0..<own.heads * rows.count {
        let (head, query) = (row / rows.count, rows.firstComputed + row % rows.count)
        own.add(
          values.baseAddress! + row * count, keys: 0..<count, query: query, head: head, scale: 0)
      }
    }
    try observe(output, Tensor(values, shape: [own.heads, rows.count, count]))
  }
}

/// What is added to the scaled score of a key.
enum KeyBias: Sendable {
  /// A slope for each head of queries, times where the key stands.
  case slopes(Alibi.Form, [Float])
  /// A row of a table for each distance: the number of the bias, and the table [buckets, heads].
  case distances(Int, Parameter)

  /// Whether the bias of a key changes with the length of the sequence.
  var countsFromEnd: Bool { if case .slopes(.mpt, _) = self { true } else { false } }

  /// Asks for the weights that are read with it: where they stand.
  @discardableResult
  func table(_ reader: inout GraphReader) -> WeightLayout.Offset? {
    if case .distances(_, let table) = self { reader.table(table) } else { nil }
  }
}

/// A bias of one pass, with where its numbers stand.
struct OwnBias {
  /// H.
  let heads: Int
  private let terms: Terms

  private enum Terms {
    case slopes([Float], places: [Float])
    case table(UnsafePointer<Float>, buckets: DistanceBuckets)
  }

  init(_ bias: KeyBias, _ machine: Machine) {
    switch bias {
    case .slopes(let form, let slopes):
      heads = slopes.count
      terms = .slopes(slopes, places: machine.keyPlaces[form])
    case .distances(let number, let table):
      heads = table.shape[1]
      terms = .table(machine.weights + (machine.tables[table] ?? 0), buckets: machine.distances[number])
    }
  }

  /// Scales scores and adds their biases.
  func add(_ scores: UnsafeMutablePointer<Float>, keys: Range<Int>, query: Int, head: Int, scale: Float) {
    switch terms {
    case .slopes(let slopes, let places):
      let slope = slopes[head]
      places.withUnsafeBufferPointer { places in
        for (index, key) in keys.enumerated() { scores[index] = scores[index] * scale + slope * places[key] }
      }
    case .table(let table, let buckets):
      for (index, key) in keys.enumerated() {
        scores[index] = scores[index] * scale + table[buckets[key - query] * heads + head]
      }
    }
  }
}

/// The bucket of every distance between two tokens of a sequence.
struct DistanceBuckets: Sendable {
  private let buckets: [Int]
  /// T − 1.
  private let greatest: Int

  init(_ kind: RelativeBias, count: Int) {
    greatest = max(count, 1) - 1
    buckets = (-greatest...greatest).map(kind.bucket(of:))
  }

  /// The bucket of a key that stands `offset` behind the query.
  subscript(offset: Int) -> Int { buckets[offset + greatest] }
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
