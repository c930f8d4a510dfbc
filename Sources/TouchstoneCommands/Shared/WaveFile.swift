import Foundation
import TouchstoneFiles
import TouchstoneModel

/// A sound in a WAV file: PCM of 8, 16, 24 or 32 bits, or float32 or float64.
///
/// Microsoft's Multimedia Programming Interface and Data Specifications 1.0 (1991), and its WAVE_FORMAT_EXTENSIBLE.
struct WaveFile {
  /// Samples in a second.
  let rate: Int
  /// Samples from −1 to 1, the mean of all channels.
  let samples: [Float]

  /// An hour of the widest samples, of few channels.
  private static let greatestSize = 1 << 30

  /// Reads a file.
  ///
  /// - Throws: ``BadInput`` naming it where it is no WAV file of these forms, or cut off.
  init(path: String) throws(BadInput) {
    let bytes = try SmallFile.read(path, greatest: Self.greatestSize)
    do throws(BadInput) {
      try self.init([UInt8](bytes))
    } catch {
      throw error.inFile(path)
    }
  }

  private init(_ bytes: [UInt8]) throws(BadInput) {
    func text(_ place: Int) -> String { String(decoding: bytes[place..<place + 4], as: UTF8.self) }
    func number(_ place: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }
    guard bytes.count >= 12, text(0) == "RIFF", text(8) == "WAVE" else {
      throw BadInput(problem: "is no WAV file", remedy: "convert the sound to WAV, 16 kHz, mono")
    }
    var (format, data): (Range<Int>?, Range<Int>?)
    var place = 12
    while place + 8 <= bytes.count, data == nil {
      let (start, count) = (place + 8, number(place + 4, 4))
      // A program that writes to a pipe does not know how much it will have written, and says more than any file has.
      guard start + count <= bytes.count || count > Self.greatestSize else {
        throw BadInput(
          problem: "is cut short: \(bytes.count) of \(start + count) bytes are there",
          remedy: "copy the file again")
      }
      let end = min(start + count, bytes.count)
      if text(place) == "fmt " { format = start..<end }
      if text(place) == "data" { data = start..<end }
      place = start + count + count % 2
    }
    guard let format, format.count >= 16, let data else {
      throw BadInput(
        problem: "is a WAV file without its format or its samples", remedy: "write the file again")
    }
    var code = number(format.lowerBound, 2)
    if code == 0xFFFE, format.count >= 26 { code = number(format.lowerBound + 24, 2) }
    let channels = number(format.lowerBound + 2, 2)
    let bits = number(format.lowerBound + 14, 2)
    rate = number(format.lowerBound + 4, 4)
    let value: (Int) -> Double
    switch (code, bits) {
    case (1, 8): value = { (Double(bytes[$0]) - 128) / 128 }
    case (1, 16), (1, 24), (1, 32):
      let (size, half) = (bits / 8, 1 << (bits - 1))
      value = {
        let whole = number($0, size)
        return Double(whole >= half ? whole - 2 * half : whole) / Double(half)
      }
    case (3, 32): value = { Double(Float(bitPattern: UInt32(number($0, 4)))) }
    case (3, 64):
      value = { Double(bitPattern: UInt64(number($0, 4)) | UInt64(number($0 + 4, 4)) << 32) }
    default:
      throw BadInput(
        problem: "holds samples of the form \(code) in \(bits) bits",
        remedy: "write PCM of 8, 16, 24 or 32 bits, or float32")
    }
    let size = bits / 8 * channels
    guard channels > 0, data.count >= size else {
      throw BadInput(problem: "holds no samples", remedy: "give a sound")
    }
    samples = (0..<data.count / size).map { index in
      let first = data.lowerBound + index * size
      return Float((0..<channels).reduce(0.0) { $0 + value(first + $1 * bits / 8) } / Double(channels))
    }
  }
}
