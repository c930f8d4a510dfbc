import TouchstoneModel

/// The gradient by what a convolution reads: dx[i, f] = Σₒ Σₖ W[o, i, k]·dy[o, p] where p·stride − padding + k = f, one sum over
/// all outputs and all taps that meet the frame.
///
/// The gradient of its output, [out, positions], and the filters [out, in, width]. Makes [in, frames].
public struct ConvolutionGradient: OperationKind {
  /// How many frames a filter moves from one position to the next.
  public let stride: Int
  /// How many frames before the first it begins.
  public let padding: Int
  /// How many frames were read.
  public let frames: Int

  /// The gradient by so many frames.
  public init(stride: Int, padding: Int, frames: Int) {
    self.stride = stride
    self.padding = padding
    self.frames = frames
  }

  package static let name = Operation.Kind.Name.convolutionGradient
  package var kind: Operation.Kind { .convolutionGradient(self) }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    let gradient = try operands.single(parameters: 1...1)
    let filters = operands.parameters[0]
    // Refused here is what has no inputs.
    let read =
      filters.parameter.shape.count == 3 ? [.unit(filters.parameter.shape[1]), .frame(frames)] : gradient
    let made = try Convolution(stride: stride, padding: padding).made(of: read, by: filters)
    guard made == gradient else { throw .graph("reads \(gradient.inWords) where \(made.inWords) is wanted") }
    return read
  }

  package var fields: [(name: String, value: JSONText)] {
    [("stride", .integer(stride)), ("padding", .integer(padding)), ("frames", .integer(frames))]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      stride: try fields.required("stride", try fields.integer("stride")),
      padding: try fields.required("padding", try fields.integer("padding")),
      frames: try fields.required("frames", try fields.integer("frames")))
  }

  /// The position at which a number of a filter meets a frame; nil where there is none.
  package func position(of frame: Int, _ tap: Int, of positions: Int) -> Int? {
    let (position, rest) = (frame + padding - tap).quotientAndRemainder(dividingBy: stride)
    return rest == 0 && (0..<positions).contains(position) ? position : nil
  }

  /// The gradients that each frame has a part in, output by output and tap by tap, 0 where none is: [frames, out·width], from dy
  /// [out, positions].
  package func met<Number>(_ dy: [Number], outputs: Int, width: Int, zero: Number) -> [Number] {
    let positions = dy.count / outputs
    var met: [Number] = []
    met.reserveCapacity(frames * outputs * width)
    for frame in 0..<frames {
      let places = (0..<width).map { position(of: frame, $0, of: positions) }
      for output in 0..<outputs {
        for place in places { met.append(place.map { dy[output * positions + $0] } ?? zero) }
      }
    }
    return met
  }
}
