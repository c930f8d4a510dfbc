import TouchstoneModel

/// Filters that slide along frames: y[o, p] = b[o] + Σᵢ Σₖ W[o, i, k]·x[i, p·stride − padding + k], x being 0 where there is no frame.
///
/// One activation [in, frames], or the input features; filters [out, in, width], and a bias. Makes [out, positions]. Radford et al.
/// 2022, §2.2; PyTorch's `Conv1d`.
public struct Convolution: OperationKind {
  /// How many frames a filter moves from one position to the next.
  public let stride: Int
  /// How many frames before the first it begins.
  public let padding: Int
  /// How many frames the input features have that it reads; nil where it reads an activation.
  public let frames: Int?

  /// A convolution of an activation, or of input features of so many frames.
  public init(stride: Int, padding: Int, frames: Int? = nil) {
    self.stride = stride
    self.padding = padding
    self.frames = frames
  }

  package static let name = Operation.Kind.Name.convolution
  package var kind: Operation.Kind { .convolution(self) }
  package var parameterPurposes: [Parameter.Purpose] { [.matrix, .bias] }
  package var sequenceInputs: [Input] { frames == nil ? [] : [.inputFeatures] }
  package var isOfSource: Bool? { frames == nil ? nil : true }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let count = frames == nil ? 1 : 0
    try operands.expect(activations: count...count, parameters: 2...2)
    let made = try made(of: operands.activations.first, by: operands.parameters[0])
    try operands.expect(parameter: 1, shape: [made[0].extent(tokenCount: 1)])
    return made
  }

  /// The axes of what filters make of frames, or of the input features.
  ///
  /// - Throws: ``BadInput`` for what are no filters, or no frames of theirs.
  func made(of read: [Axis]?, by view: ParameterView) throws(BadInput) -> [Axis] {
    let shape = view.parameter.shape
    guard shape.count == 3, view == ParameterView(view.parameter) else {
      throw .graph("reads \(view.parameter) where filters [out, in, width] are wanted")
    }
    let axes = frames.map { [.unit(shape[1]), .frame($0)] } ?? read ?? []
    guard axes.count == 2, axes[0] == .unit(shape[1]), case .frame(let frames) = axes[1] else {
      throw .graph("reads \(axes.inWords) where [unit \(shape[1]), frame] is wanted")
    }
    guard (1...Parameter.greatestExtent).contains(frames), (1...64).contains(stride),
      (0..<shape[2]).contains(padding), frames + 2 * padding >= shape[2]
    else {
      throw .graph(
        "moves filters of \(shape[2]) by \(stride), \(padding) before the first of \(frames) frames")
    }
    return [.unit(shape[0]), .frame(positions(in: frames, width: shape[2]))]
  }

  /// What it read, the filters and the bias have gradients of their own; nothing is learned of features that are given.
  package func pullBack(
    _ gradient: Activation, through operation: Operation, to pullbacks: inout Pullbacks
  ) throws(BadInput) {
    pullbacks.give(operation.parameters[0], .filters(self), from: operation.inputs + [gradient])
    pullbacks.give(operation.parameters[1], .channels, from: [gradient])
    guard let read = operation.inputs.first else { return }
    pullbacks.give(
      input: 0, of: operation,
      ConvolutionGradient(stride: stride, padding: padding, frames: pullbacks.width(of: read)),
      from: [gradient], with: [operation.parameters[0]])
  }

  package var fields: [(name: String, value: JSONText)] {
    [("stride", .integer(stride)), ("padding", .integer(padding)), ("frames", .optional(frames))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      stride: try fields.required("stride", try fields.integer("stride")),
      padding: try fields.required("padding", try fields.integer("padding")),
      frames: try fields.integer("frames"))
  }

  /// How many positions a filter of this width has.
  package func positions(in frames: Int, width: Int) -> Int { (frames + 2 * padding - width) / stride + 1 }

  /// The frame that a number of a filter meets; nil where there is none.
  package func frame(at position: Int, _ tap: Int, of frames: Int) -> Int? {
    let frame = position * stride - padding + tap
    return frame >= 0 && frame < frames ? frame : nil
  }

  /// What a filter meets at each position, side by side as its numbers stand: [positions, in·width], from x [in, frames].
  package func met<Number>(_ x: [Number], channels: Int, width: Int, zero: Number) -> [Number] {
    let frames = x.count / channels
    var met: [Number] = []
    met.reserveCapacity(positions(in: frames, width: width) * channels * width)
    for position in 0..<positions(in: frames, width: width) {
      for channel in 0..<channels {
        for tap in 0..<width {
          met.append(frame(at: position, tap, of: frames).map { x[channel * frames + $0] } ?? zero)
        }
      }
    }
    return met
  }
}

extension Array {
  /// Columns for rows, of a matrix that stands row by row.
  package func transposed(columns: Int) -> [Element] {
    guard columns > 0 else { return self }
    let rows = count / columns
    return indices.map { self[$0 % rows * columns + $0 / rows] }
  }
}
