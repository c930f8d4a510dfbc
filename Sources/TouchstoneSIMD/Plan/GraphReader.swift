import TouchstoneGraph
import TouchstoneModel

/// Reads a graph from front to back, and keeps book of where what was made stands.
///
/// A region that does not find what it computes leaves the reader as it was: it works on a copy.
struct GraphReader {
  /// An operation of a kind that was asked for.
  struct Taken<Kind> {
    let kind: Kind
    let operation: Operation

    var output: Activation { operation.output }
    var inputs: [Activation] { operation.inputs }
    var parameters: [ParameterView] { operation.parameters }
  }

  let graph: Graph
  /// Its operations, those on the source's tokens first: an encoder, and the keys and values that are made of what it makes.
  let operations: [Operation]
  /// How many of them are on the source's tokens.
  let sourceCount: Int
  /// What the regions so far need.
  private(set) var needs = Needs()
  private(set) var index = 0
  private(set) var places: [Activation: Place] = [:]
  /// Biases on scores, which stand nowhere.
  private(set) var biases: [Activation: KeyBias] = [:]
  /// Keys of the source by the cache in which they stand, with the values made with them.
  private(set) var sourceKeys: [Activation: SourceKeys] = [:]
  /// The last operation that reads an activation, by its index.
  private let lastReader: [Activation: Int]

  init(_ graph: Graph) {
    self.graph = graph
    let ofSource = graph.operations.filter { graph.isOfSource($0.output) }
    operations = ofSource + graph.operations.filter { !graph.isOfSource($0.output) }
    sourceCount = ofSource.count
    lastReader = Dictionary(
      operations.enumerated().flatMap { index, operation in operation.inputs.map { ($0, index) } },
      uniquingKeysWith: max)
  }

  /// The operation that comes next; nil behind the last.
  var next: Operation? { index < operations.count ? operations[index] : nil }

  /// Takes the next operation if it is of that kind and as it is wanted.
  mutating func take<Kind: OperationKind>(
    _: Kind.Type, where isWanted: (Taken<Kind>) -> Bool = { _ in true }
  ) -> Taken<Kind>? {
    guard let next, let kind = next.kind.payload as? Kind else { return nil }
    let taken = Taken(kind: kind, operation: next)
    guard isWanted(taken) else { return nil }
    index += 1
    return taken
  }

  /// Where an activation stands; nil for one that was never stored, or is overwritten.
  func place(of activation: Activation) -> Place? { places[activation] }

  /// Where the activations stand that operations still to come read, each place once.
  var placesStillRead: Set<Place> { Set(places.filter { lastReader[$0.key] ?? -1 >= index }.values) }

  /// The first of some buffers in which nothing stands that is still read; nil where there is none.
  func free(_ buffers: Buffer...) -> Buffer? {
    let taken = Set(placesStillRead.map(\.buffer))
    return buffers.first { !taken.contains($0) }
  }

  /// How many numbers of an activation belong to a token, and into how many heads they are split.
  func columns(of activation: Activation) -> (width: Int, heads: Int?) {
    let axes = graph.axes(of: activation) ?? []
    let extents = axes.shape(tokenCount: 1)
    let heads: Int? = if case .head(let count) = axes.first { count } else { nil }
    return (extents.reduce(1, *), heads)
  }

  /// Notes that an activation is stored in a buffer, over what stood in those columns.
  @discardableResult
  mutating func put(_ activation: Activation, in buffer: Buffer, column: Int = 0) -> Place {
    let (width, heads) = columns(of: activation)
    let place = Place(buffer: buffer, column: column, width: width, heads: heads)
    places = places.filter { !$0.value.overlaps(place) }
    places[activation] = place
    needs.reserve(buffer, width: column + width)
    return place
  }

  /// Notes that an activation stands nowhere any more: what was made of it is all that is needed.
  mutating func forget(_ activation: Activation) { places[activation] = nil }

  /// Notes that an activation is stored over another one of its size.
  @discardableResult
  mutating func put(_ activation: Activation, over place: Place) -> Place {
    put(activation, in: place.buffer, column: place.column)
  }

  /// Notes that an activation is the same numbers as another.
  mutating func put(_ activation: Activation, beside other: Activation) {
    places[activation] = places[other]
  }

  /// Notes what an activation adds to scores.
  mutating func put(_ bias: KeyBias, as activation: Activation) {
    biases[activation] = bias
    needs.hasBiases = true
  }

  // MARK: What the regions need

  /// Takes a buffer for what no other region reads.
  mutating func scratch(_ buffer: Buffer, width: Int) {
    places = places.filter { $0.value.buffer != buffer }
    needs.reserve(buffer, width: width)
  }

  mutating func matrix(_ source: MatrixSource) -> PackedMatrix { needs.weights.matrix(source) }

  mutating func vector(_ source: VectorSource) -> WeightLayout.Offset { needs.weights.vector(source) }

  mutating func table(_ parameter: Parameter) -> WeightLayout.Offset { needs.weights.table(parameter) }

  /// The weights that were asked for since the last call.
  mutating func takeAskedWeights() -> Set<WeightLayout.Item> { needs.weights.takeAsked() }

  /// Whether what comes next is on the source's tokens.
  var isOfSource: Bool { index < sourceCount }

  /// The number of a new cache of keys and values, of the source's tokens where what was taken last is on these.
  mutating func cache(_ shape: HeadShape) -> Int {
    needs.caches.append(Needs.Cache(shape: shape, isOfSource: index <= sourceCount))
    return needs.caches.count - 1
  }

  /// Notes that keys and values of the source stand in a cache.
  mutating func put(_ keys: SourceKeys, of activation: Activation) { sourceKeys[activation] = keys }

  /// The number of a relative bias, the same for the same one.
  mutating func relativeBias(_ kind: RelativeBias) -> Int {
    if let index = needs.relativeBiases.firstIndex(of: kind) { return index }
    needs.relativeBiases.append(kind)
    return needs.relativeBiases.count - 1
  }

  /// The number of a rotation, the same for the same one.
  mutating func rotation(_ kind: Rotate) -> Int {
    if let index = needs.rotations.firstIndex(where: { $0.kind == kind }) { return index }
    needs.rotations.append(Rotation(kind))
    return needs.rotations.count - 1
  }
}

/// What the regions of a plan need of a machine.
struct Needs: Sendable {
  /// The weights, and where they stand.
  var weights = WeightLayout()
  /// The columns of each buffer.
  private(set) var widths = [Int](repeating: 0, count: Buffer.allCases.count)
  /// What an attention keeps for every token.
  struct Cache: Sendable {
    let shape: HeadShape
    /// Whether these tokens are the source's.
    let isOfSource: Bool
  }

  /// What each attention keeps for every token.
  var caches: [Cache] = []
  /// The biases on scores by distance.
  var relativeBiases: [RelativeBias] = []
  /// The rotations of queries and keys.
  var rotations: [Rotation] = []
  /// Whether scores are biased by the places of keys.
  var hasBiases = false

  /// The frequencies of each rotation in a sequence whose greatest position is one less than its length.
  func frequencies(sequenceLength: Int) -> [[Double]] {
    rotations.map { $0.frequencies(sequenceLength: sequenceLength) }
  }

  /// The heads of each cache, none of those that are of other tokens.
  func cacheShapes(ofSource: Bool) -> [HeadShape] {
    caches.map { cache in
      let shape = cache.shape
      return cache.isOfSource == ofSource
        ? shape : HeadShape(count: 0, width: shape.width, valueWidth: shape.valueWidth)
    }
  }

  mutating func reserve(_ buffer: Buffer, width: Int) {
    widths[buffer.rawValue] = max(widths[buffer.rawValue], width)
  }
}
