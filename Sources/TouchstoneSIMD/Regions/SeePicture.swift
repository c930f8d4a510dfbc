import TouchstoneGraph
import TouchstoneModel

/// A picture, from pixels to a row for each token: patches as a product of their pixels, a learned row in front, positions added.
///
/// Clauses: KER-1, KER-26, PIC-2, PIC-3, POS-1, POS-3.
struct SeePicture: Region {
  private let pixels: Activation
  private let patches: (kind: Patches, output: Activation, filters: [Int], matrix: PackedMatrix)
  private let token: (output: Activation, first: WeightLayout.Offset)
  private let position: (output: Activation, offset: Int, table: WeightLayout.Offset)
  private let sum: Activation
  private let place: Place

  init?(_ reader: inout GraphReader) {
    guard let given = reader.take(Given.self, where: { $0.kind.input == .pixelValues }),
      let patches = reader.take(Patches.self, where: { $0.inputs == [given.output] }),
      let token = reader.take(ClassRow.self, where: { $0.inputs == [patches.output] }),
      let position = reader.take(Embedding.self, where: { $0.kind.ids == .positionIDs }),
      let sum = reader.take(Sum.self, where: { $0.inputs == [token.output, position.output] })
    else { return nil }
    pixels = given.output
    self.patches = (
      patches.kind, patches.output, patches.parameters[0].parameter.shape,
      reader.matrix(MatrixSource(MatrixSource.Part(patches.parameters)))
    )
    self.token = (token.output, reader.table(token.parameters[0].parameter))
    self.position = (position.output, position.kind.offset, reader.table(position.parameters[0].parameter))
    self.sum = sum.output
    place = reader.put(sum.output, in: .stream)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    guard let picture = rows.arrays[.pixelValues] else { return }
    try observe?(pixels, picture)
    let (weights, kernels, width, place) = (machine.weights, machine.kernels, place.width, place)
    let places = patches.kind.places(in: picture.shape, filters: patches.filters)
    let (read, made) = (
      RowBuffer(rows: places.count, width: patches.matrix.depth), RowBuffer(rows: places.count, width: width)
    )
    for (patch, pixels) in places.enumerated() {
      for (index, pixel) in pixels.enumerated() { read.row(patch)[index] = picture.values[pixel] }
    }
    machine.multiply(read, patches.matrix, to: made, rows: places.count)
    try observe?(patches.output, made.tensor(places.count, width))
    let target = machine.workspace.rows(of: place)
    func tokenRow(_ row: Int) -> UnsafePointer<Float> {
      row == 0 ? weights + token.first : UnsafePointer(made.row(row - 1))
    }
    func positionRow(_ row: Int) -> UnsafePointer<Float> {
      weights + position.table + (rows.positionIDs[row] + position.offset) * width
    }
    if let observe {
      for (output, source) in [(token.output, tokenRow), (position.output, positionRow)] {
        for row in 0..<rows.count { target.row(row).update(from: source(row), count: width) }
        try observe(output, machine.tensor(place, rows.count))
      }
    }
    for row in 0..<rows.count { kernels.add(tokenRow(row), positionRow(row), width, target.row(row)) }
    try observe?(sum, machine.tensor(place, rows.count))
  }
}
