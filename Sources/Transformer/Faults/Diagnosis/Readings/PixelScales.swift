import TouchstoneGraph
import TouchstoneModel

/// Pixels that are multiplied, moved or mixed otherwise than is due, each channel by numbers of its own or all alike.
struct PixelScales: Sendable {
  /// What is taken for a pixel of one channel: a sum of those of all channels, each times a number, and a number.
  struct Line: Sendable, Equatable {
    var factors: [Double]
    var shift: Double

    /// Of the channel itself alone.
    init(_ factor: Double, of channel: Int, in count: Int, shift: Double) {
      factors = (0..<count).map { $0 == channel ? factor : 0 }
      self.shift = shift
    }

    init(_ factors: [Double], shift: Double) { (self.factors, self.shift) = (factors, shift) }

    /// The same with 0 for what rounding leaves of it.
    var withoutNoise: Line {
      let told = { (value: Double) in abs(value) < 1e-5 ? 0 : value }
      return Line(factors.map(told), shift: told(shift))
    }

    /// Of pixels x, or x₀, x₁, … where other channels are in it.
    func inWords(of channel: Int) -> String {
      let isOwn = factors.indices.allSatisfy { $0 == channel || factors[$0] == 0 }
      var text = ""
      let terms =
        factors.indices.filter { factors[$0] != 0 }.map { (factors[$0], isOwn ? "x" : "x\($0)") } + [
          (shift, "")
        ]
      for (number, name) in terms where number != 0 {
        text += text.isEmpty ? (number < 0 ? "−" : "") : number < 0 ? " − " : " + "
        let size = name.isEmpty || abs(number) != 1 ? words(abs(number)) : ""
        text += size.isEmpty || name.isEmpty ? size + name : size + "·" + name
      }
      return text.isEmpty ? "0" : text
    }
  }

  /// By channel.
  let channels: [Line]
  /// How many numbers were read.
  let numberCount: Int
  /// What else can be said of the numbers.
  private let note: String

  private init(_ channels: [Line], numbers: Int, note: String = "") {
    (self.channels, numberCount, self.note) = (channels, numbers, note)
  }

  /// What is taken for a pixel of a channel, of those of all channels.
  func changed(_ pixel: (_ channel: Int) -> Double, _ channel: Int) -> Double {
    let line = channels[channel]
    return line.factors.indices.reduce(line.shift) { $0 + line.factors[$1] * pixel($1) }
  }

  /// How many times as large as pixels of −1 … 1 they become.
  var growth: Double { channels.reduce(1) { max($0, $1.factors.reduce(abs($1.shift)) { $0 + abs($1) }) } }

  var inWords: String {
    let texts = channels.indices.map { channels[$0].inWords(of: $0) }
    let isOne = Set(texts).count == 1
    let said =
      isOne ? texts[0] : texts.enumerated().map { "\($1) in channel \($0)" }.joined(separator: ", ")
    return "a pixel x is taken for \(said)\(note)"
  }

  /// What mean and deviation people take pixels of 0 … 1 to.
  private struct Normalisation {
    let name: String
    let mean: [Double]
    let deviation: [Double]

    static let all = [
      Normalisation(name: "−1 … 1", mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5]),
      Normalisation(name: "0 … 1", mean: [0, 0, 0], deviation: [1, 1, 1]),
      Normalisation(name: "0 … 255", mean: [0, 0, 0], deviation: [1 / 255.0, 1 / 255.0, 1 / 255.0]),
      Normalisation(
        name: "ImageNet's mean and deviation", mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225]),
      Normalisation(
        name: "CLIP's mean and deviation", mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
        deviation: [0.268_629_54, 0.261_302_58, 0.275_777_11]),
    ]

    /// What makes pixels that were normalised otherwise to what this makes of the same picture.
    func line(for own: Normalisation, _ channel: Int) -> Line {
      Line(
        own.deviation[channel] / deviation[channel], of: channel, in: mean.count,
        shift: (own.mean[channel] - mean[channel]) / deviation[channel])
    }
  }

  /// What least squares over some elements say, the simplest numbers first.
  static func found(_ site: FaultSite, _ got: Tensor<Double>) -> [PixelScales] {
    guard let product = PatchProduct(site, got), product.extents[0] <= greatestChannelCount else { return [] }
    let count = product.extents[0]
    // All channels alike; each by itself; each mixed of all.
    var (alike, alone, mixed) = (
      LeastSquares(2), LeastSquares(2 * count), LeastSquares(count * count + count)
    )
    // Some thousand elements tell some numbers as well as all do.
    let step = max(1, got.count / sampleCount)
    for offset in stride(from: 0, to: got.count, by: step) {
      let (patch, output) = (offset / got.rowWidth, offset % got.rowWidth)
      let (terms, ofOne) = product.terms(patch, output)
      let value = product.product(patch, output)
      let own = (0..<count).map { terms[$0 * count + $0] }
      alike.add([own.reduce(0, +), ofOne.reduce(0, +)], value)
      alone.add(own + ofOne, value)
      mixed.add(terms + ofOne, value)
    }
    var found: [[Line]] = []
    if let x = alike.solution {
      found.append((0..<count).map { Line(x[0], of: $0, in: count, shift: x[1]) })
    }
    if let x = alone.solution, count > 1 {
      found.append((0..<count).map { Line(x[$0], of: $0, in: count, shift: x[count + $0]) })
    }
    if let x = mixed.solution, count > 1 {
      found.append(
        (0..<count).map { Line(Array(x[$0 * count..<($0 + 1) * count]), shift: x[count * count + $0]) })
    }
    return found.enumerated().flatMap { way, lines -> [PixelScales] in
      let numbers = way == 0 ? 2 : way == 1 ? 2 * count : count * count + count
      let read = PixelScales(lines, numbers: numbers)
      let simple = PixelScales(lines.map(plain), numbers: numbers)
      let told = PixelScales(lines.map(\.withoutNoise), numbers: numbers)
      return simple.isOrder ? [] : [read.asNormalised, simple, told, read].compactMap(\.self)
    }
  }

  /// More channels than this are no colours.
  private static let greatestChannelCount = 4
  private static let sampleCount = 2_048

  /// Whether channels stand for each other as they are, which is said otherwise.
  private var isOrder: Bool {
    channels.allSatisfy { line in
      line.shift == 0 && line.factors.count { $0 == 1 } == 1
        && line.factors.count { $0 == 0 } == channels.count - 1
    }
  }

  /// The same where it is another known normalisation in the place of one.
  private var asNormalised: PixelScales? {
    guard channels.count == 3 else { return nil }
    for own in Normalisation.all {
      for other in Normalisation.all where other.name != own.name {
        let due = (0..<3).map { other.line(for: own, $0) }
        let isIt = zip(due, channels).allSatisfy { due, read in
          zip(due.factors + [due.shift], read.factors + [read.shift]).allSatisfy {
            abs($0 - $1) <= 1e-3 * max(abs($0), 1)
          }
        }
        if isIt {
          return PixelScales(due, numbers: 0, note: ", as if taken to \(other.name) instead of \(own.name)")
        }
      }
    }
    return nil
  }

  /// The numbers as people write them, where that is near.
  private static func plain(_ read: Line) -> Line {
    let nearest = { (value: Double) -> Double in
      if abs(value) < 1e-5 { return 0 }
      return plainNumbers(near: value).first { abs($0 - value) <= 1e-5 * abs(value) } ?? value
    }
    return Line(read.factors.map(nearest), shift: nearest(read.shift))
  }
}

extension PatchProduct {
  /// What an element adds up: each channel's filter with the pixels of each channel, [C·C], and with pixels of 1, [C].
  fileprivate func terms(_ patch: Int, _ output: Int) -> (ofPixels: [Double], ofOne: [Double]) {
    let (count, (top, left)) = (extents[0], corner(of: patch))
    var (ofPixels, ofOne) = (
      [Double](repeating: 0, count: count * count), [Double](repeating: 0, count: count)
    )
    for channel in 0..<count {
      for row in 0..<extents[1] {
        for column in 0..<extents[2] {
          let weight = weight(output, channel, row, column)
          ofOne[channel] += weight
          for other in 0..<count {
            ofPixels[channel * count + other] += weight * pixel(other, top + row, left + column)
          }
        }
      }
    }
    return (ofPixels, ofOne)
  }
}
