import TouchstoneGraph
import TouchstoneModel

/// A packed matrix as it is read from a checkpoint: the outputs of some views side by side.
struct MatrixSource: Hashable, Sendable {
  struct Part: Hashable, Sendable {
    let weight: ParameterView
    let bias: ParameterView?

    init(_ parameters: [ParameterView]) {
      weight = parameters[0]
      bias = parameters.dropFirst().first
    }
  }

  let parts: [Part]
  /// Whether panels of two parts alternate, so that output c of both stands in one pair of panels.
  let alternates: Bool

  /// The outputs of linear operations, one after another.
  init(_ parts: Part..., alternates: Bool = false) {
    self.init(parts, alternates: alternates)
  }

  init(_ parts: [Part], alternates: Bool = false) {
    self.parts = parts
    self.alternates = alternates
  }

  var depth: Int { parts[0].weight.inputCount ?? 0 }

  var columns: Int {
    alternates
      ? parts.count * roundedUp(parts[0].weight.outputCount, to: Kernels.panelWidth)
      : parts.reduce(0) { $0 + $1.weight.outputCount }
  }

  /// The column of an output; those up to the end of its panel follow.
  func column(of output: Int, part: Int) -> Int {
    if alternates {
      let (panel, column) = output.quotientAndRemainder(dividingBy: Kernels.panelWidth)
      return (panel * parts.count + part) * Kernels.panelWidth + column
    }
    return parts[..<part].reduce(output) { $0 + $1.weight.outputCount }
  }
}

/// A packed vector as it is read from a checkpoint: a view and a number that is added, or one number for all.
struct VectorSource: Hashable, Sendable {
  let view: ParameterView?
  let count: Int
  let addend: Float
}

/// Where every packed weight stands in one block of memory.
struct WeightLayout: Sendable {
  /// Floats from the beginning of the block.
  typealias Offset = Int

  /// What is packed by itself.
  enum Item: Hashable, Sendable {
    case matrix(MatrixSource)
    case vector(VectorSource)
    case table(Parameter)
  }

  /// Floats in all.
  private(set) var count = 0
  private(set) var matrices: [MatrixSource: PackedMatrix] = [:]
  private(set) var vectors: [VectorSource: Offset] = [:]
  private(set) var tables: [Parameter: Offset] = [:]
  /// What was asked for since ``takeAsked()``, whether or not it stood there before.
  private var asked: Set<Item> = []

  /// What has been asked for since the last call: what one region reads.
  mutating func takeAsked() -> Set<Item> {
    defer { asked = [] }
    return asked
  }

  /// Everything.
  var items: Set<Item> {
    Set(matrices.keys.map(Item.matrix) + vectors.keys.map(Item.vector) + tables.keys.map(Item.table))
  }

  /// Where an item stands.
  func place(of item: Item) -> Range<Offset> {
    switch item {
    case .matrix(let source):
      let matrix = matrices[source]
      let filled = roundedUp(source.columns, to: Kernels.pairWidth)
      return (matrix?.panels ?? 0)..<(matrix.map { $0.bias + filled } ?? 0)
    case .vector(let source):
      let offset = vectors[source] ?? 0
      return offset..<offset + source.count
    case .table(let parameter):
      let offset = tables[parameter] ?? 0
      return offset..<offset + parameter.shape.reduce(1, *)
    }
  }

  mutating func matrix(_ source: MatrixSource) -> PackedMatrix {
    asked.insert(.matrix(source))
    if let matrix = matrices[source] { return matrix }
    let filled = roundedUp(source.columns, to: Kernels.pairWidth)
    let matrix = PackedMatrix(
      panels: take(filled * source.depth), bias: take(filled), depth: source.depth, columns: source.columns)
    matrices[source] = matrix
    return matrix
  }

  mutating func vector(_ source: VectorSource) -> Offset {
    asked.insert(.vector(source))
    if let offset = vectors[source] { return offset }
    let offset = take(source.count)
    vectors[source] = offset
    return offset
  }

  /// A table, row by row.
  mutating func table(_ parameter: Parameter) -> Offset {
    asked.insert(.table(parameter))
    if let offset = tables[parameter] { return offset }
    let offset = take(parameter.shape.reduce(1, *))
    tables[parameter] = offset
    return offset
  }

  /// Every tensor begins on a cache line.
  private mutating func take(_ count: Int) -> Offset {
    defer { self.count += roundedUp(count, to: 16) }
    return self.count
  }
}
