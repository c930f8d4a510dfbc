import Foundation
import TouchstoneFiles
import TouchstoneGraph
import TouchstoneModel

/// How a model's front end cuts sound and divides frequencies into bands: `preprocessor_config.json`, or Whisper's own numbers
/// where there is none.
struct FrontEndSettings {
  /// How samples are cut.
  let frontEnd: FrontEnd
  /// Samples in a second.
  let rate: Int

  private static let greatestSize = 1 << 24

  /// Reads the settings in a model's folder.
  ///
  /// - Throws: ``BadInput`` naming the file and a field that cannot be, or asks for what is not done here.
  init(at folder: URL) throws(BadInput) {
    let path = folder.appendingPathComponent("preprocessor_config.json").path
    guard FileManager.default.fileExists(atPath: path) else {
      frontEnd = FrontEnd(windowLength: 400, hop: 160)
      rate = 16_000
      return
    }
    do throws(BadInput) {
      let value = try JSONValue.parse(SmallFile.read(path, greatest: Self.greatestSize), file: path)
      let fields = value.object ?? [:]
      func size(_ name: String, else fallback: Int) throws(BadInput) -> Int {
        guard let value = fields[name], value != .null else { return fallback }
        guard let number = value.integer, (1...1 << 20).contains(number) else {
          throw BadInput(place: name, problem: "is no size", remedy: "correct the field")
        }
        return number
      }
      frontEnd = FrontEnd(
        windowLength: try size("n_fft", else: 400), hop: try size("hop_length", else: 160))
      rate = try size("sampling_rate", else: 16_000)
      let dither: Double? = fields["dither"]?.double
      guard dither ?? 0 == 0, fields["do_normalize"] != .bool(true) else {
        throw BadInput(
          place: dither ?? 0 == 0 ? "do_normalize" : "dither", problem: "is not done here",
          remedy: "leave it out, or give features in a file by --inputs")
      }
    } catch {
      throw error.inFile(path)
    }
  }

  /// The samples of a file with what each band takes of each frequency.
  ///
  /// - Throws: ``BadInput`` naming the file where it holds no sound of this rate.
  func sound(at path: String, mels: Int) throws(BadInput) -> Sound {
    let wave = try WaveFile(path: path)
    guard wave.rate == rate else {
      throw BadInput(
        file: path, problem: "holds \(wave.rate) samples a second, and the model hears \(rate)",
        remedy: "resample it, by `ffmpeg -i FILE -ar \(rate) -ac 1 OUT.wav` say")
    }
    return Sound(samples: wave.samples, filters: filters(mels: mels), frontEnd: frontEnd)
  }

  /// Triangles of equal area, evenly apart on Slaney's mel scale, from 0 to half the rate: [N/2 + 1, mels].
  ///
  /// Slaney 1998, Auditory Toolbox, `mfcc`; Hugging Face's `mel_filter_bank` with `norm` and `mel_scale` slaney.
  private func filters(mels: Int) -> Tensor<Double> {
    let count = frontEnd.windowLength / 2 + 1
    func line(to end: Double, _ places: Int, _ place: Int) -> Double {
      place == places - 1 ? end : Double(place) * (end / Double(places - 1))
    }
    // Linear up to 1000 Hz, logarithmic above.
    let growth = log(6.4) / 27
    func mel(_ hertz: Double) -> Double { hertz < 1000 ? 3 * hertz / 200 : 15 + log(hertz / 1000) / growth }
    func hertz(_ mel: Double) -> Double { mel < 15 ? 200 * mel / 3 : 1000 * exp(growth * (mel - 15)) }
    let top = Double(rate / 2)
    let edges = (0..<mels + 2).map { hertz(line(to: mel(top), mels + 2, $0)) }
    var filters = Tensor<Double>(repeating: 0, shape: [count, mels])
    for frequency in 0..<count {
      let own = line(to: top, count, frequency)
      for band in 0..<mels {
        let rising = (own - edges[band]) / (edges[band + 1] - edges[band])
        let falling = (edges[band + 2] - own) / (edges[band + 2] - edges[band + 1])
        filters[frequency, band] = max(0, min(rising, falling)) * 2 / (edges[band + 2] - edges[band])
      }
    }
    return filters
  }
}
