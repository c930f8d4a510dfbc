import TouchstoneModel

/// Patches of a picture, each times a matrix: y[i] = b + W·(the pixels of patch i), patches row by row over the picture.
///
/// One activation, pixels [channels, height, width]; a matrix stored as filters [D, channels, p, q], and a bias [D] or none. Makes [patches, D].
/// What is left over at the right and below is not looked at. Dosovitskiy et al. 2021, §3.1; PyTorch's `Conv2d` whose stride is its
/// filters' size.
public struct Patches: OperationKind {
  /// Cuts and multiplies.
  public init() {}

  package static let name = Operation.Kind.Name.patches
  package var kind: Operation.Kind { .patches(self) }
  package var parameterPurposes: [Parameter.Purpose] { [.matrix, .bias] }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let axes = try operands.single(parameters: 1...2)
    let (view, shape) = (operands.parameters[0], operands.parameters[0].parameter.shape)
    guard shape.count == 4, view == ParameterView(view.parameter) else {
      throw .graph("reads \(view.parameter) where filters [out, in, height, width] are wanted")
    }
    if operands.parameters.count == 2 { try operands.expect(parameter: 1, shape: [shape[0]]) }
    guard axes.count == 3, axes[0] == .unit(shape[1]), case .row(let height) = axes[1],
      case .unit(let width) = axes[2], height >= shape[2], width >= shape[3]
    else { throw .graph("cuts patches of \(shape[1...]) out of \(axes.inWords)") }
    return [.row((height / shape[2]) * (width / shape[3])), .unit(shape[0])]
  }

  package var fields: [(name: String, value: JSONText)] { [] }
  package init(fields: inout JSONFields) throws(BadInput) { self.init() }

  /// Where the pixels of each patch stand in a picture, in the order of a filter's numbers: channel, row, column within the patch.
  ///
  /// - Parameters:
  ///   - picture: [channels, height, width].
  ///   - filters: [out, channels, p, q].
  package func places(in picture: [Int], filters: [Int]) -> [[Int]] {
    let (height, width, rows, columns) = (picture[1], picture[2], filters[2], filters[3])
    var places: [[Int]] = []
    for top in stride(from: 0, through: height - rows, by: rows) {
      for left in stride(from: 0, through: width - columns, by: columns) {
        var patch: [Int] = []
        for channel in 0..<picture[0] {
          for row in top..<top + rows {
            let first = (channel * height + row) * width + left
            patch += first..<first + columns
          }
        }
        places.append(patch)
      }
    }
    return places
  }
}
