import TouchstoneModel

/// How a sound is cut and measured before a model hears it.
public struct FrontEnd: Hashable, Sendable {
  /// N: how many samples are looked at together.
  public let windowLength: Int
  /// How many samples one frame begins after the one before.
  public let hop: Int

  /// Windows of N samples, one each `hop` samples.
  public init(windowLength: Int, hop: Int) {
    self.windowLength = windowLength
    self.hop = hop
  }

  /// The greatest N.
  package static let greatestLength = 1 << 14

  /// How many frequencies there are.
  package var frequencyCount: Int { windowLength / 2 + 1 }
}

/// How loud a sound is in each band of frequencies at each moment, as the logarithm of its power: [mels, frames].
///
/// No input but the sound: samples, and what each band takes of each frequency. Radford et al. 2022, §2.2; Hugging Face's
/// `WhisperFeatureExtractor`.
public struct LogMel: OperationKind {
  /// N and hop.
  public let frontEnd: FrontEnd
  /// How many bands.
  public let mels: Int
  /// How many frames: of the sound, and behind it of silence.
  public let frames: Int

  /// Bands of a sound.
  public init(_ frontEnd: FrontEnd, mels: Int, frames: Int) {
    self.frontEnd = frontEnd
    self.mels = mels
    self.frames = frames
  }

  /// Below which no power is.
  package static let leastPower = 1e-10
  /// How far below the greatest logarithm no other is.
  package static let range = 8.0

  package static let name = Operation.Kind.Name.logMel
  package var kind: Operation.Kind { .logMel(self) }
  package var sequenceInputs: [Input] { [.audio] }
  package var isOfSource: Bool? { true }

  package func axes(of operands: OperandAxes) throws(BadInput) -> [Axis] {
    try operands.expect(activations: 0...0)
    let (length, hop) = (frontEnd.windowLength, frontEnd.hop)
    guard (2...FrontEnd.greatestLength).contains(length), length % 2 == 0, (1...length).contains(hop),
      (1...1024).contains(mels), (1...1 << 16).contains(frames), frames * hop > length / 2
    else { throw .graph("makes \(mels) bands of \(frames) frames by windows of \(length), \(hop) apart") }
    return [.unit(mels), .frame(frames)]
  }

  package var fields: [(name: String, value: JSONText)] {
    [
      ("nFFT", .integer(frontEnd.windowLength)), ("hop", .integer(frontEnd.hop)), ("mels", .integer(mels)),
      ("frames", .integer(frames)),
    ]
  }

  package init(fields: inout JSONFields) throws(BadInput) {
    self.init(
      FrontEnd(
        windowLength: try fields.required("nFFT", try fields.integer("nFFT")),
        hop: try fields.required("hop", try fields.integer("hop"))),
      mels: try fields.required("mels", try fields.integer("mels")),
      frames: try fields.required("frames", try fields.integer("frames")))
  }

  /// The sample that stands at a place of a window: behind the sound silence, outside of both what is inside, reflected.
  package func sample<Number: BinaryFloatingPoint>(_ samples: [Number], _ frame: Int, _ place: Int) -> Number
  {
    let last = frames * frontEnd.hop - 1
    let index = abs(frame * frontEnd.hop + place - frontEnd.windowLength / 2)
    let inside = index > last ? 2 * last - index : index
    return samples.indices.contains(inside) ? samples[inside] : 0
  }
}
