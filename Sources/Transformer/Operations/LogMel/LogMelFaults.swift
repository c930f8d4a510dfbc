import Foundation
import TouchstoneGraph
import TouchstoneModel

extension LogMel: Faulty {
  static let traits: FaultTraits = []
  static let faults: [Fault] = windowFaults + scaleFaults

  private static let windowFaults: [Fault] = [
    windowed("no-window", "windows are cut without Hann's window", "the default of a transform") { _, _ in 1
    },
    windowed("symmetric-window", "Hann's window is that of N − 1", "the window for filters, not for spectra")
    {
      place, length in 0.5 - 0.5 * cos(2 * .pi * Double(place) / Double(length - 1))
    },
    windowed("hamming", "Hamming's window stands for Hann's", "another window of the same library") {
      place, length in 0.54 - 0.46 * cos(2 * .pi * Double(place) / Double(length))
    },
    sampled("no-reflection", "before the sound there is silence", "another mode of padding") {
      own, samples, frame, place in
      let index = frame * own.frontEnd.hop + place - own.frontEnd.windowLength / 2
      return samples.indices.contains(index) ? samples[index] : 0
    },
    sampled("not-centred", "windows begin where their frames do", "centring is not asked for") {
      own, samples, frame, place in
      let index = frame * own.frontEnd.hop + place
      return samples.indices.contains(index) ? samples[index] : 0
    },
    sampled("one-later", "each frame is the one after", "the first frame is dropped for the last") {
      own, samples, frame, place in own.sample(samples, frame + 1, place)
    },
    sampled("sixteen-bits", "samples are not divided by 32768", "integers are taken as they stand") {
      own, samples, frame, place in 32_768 * own.sample(samples, frame, place)
    },
    sampled("sample-later", "each sample is the one after", "an offset of one sample") {
      own, samples, frame, place in
      let index = abs(frame * own.frontEnd.hop + place - own.frontEnd.windowLength / 2) + 1
      return samples.indices.contains(index) ? samples[index] : 0
    },
  ]

  private static let scaleFaults: [Fault] = [
    scaled("natural-logarithm", "the logarithm is the natural one", "log for log10") { own, bands in
      own.scaled(bands.map { log(max($0, leastPower)) })
    },
    scaled("decibels", "ten times the logarithm is taken", "decibels for bels") { own, bands in
      own.scaled(bands.map { 10 * log10(max($0, leastPower)) })
    },
    scaled("magnitude", "magnitudes are taken for powers", "the exponent 1 of another front end") {
      own, bands in
      own.scaled(bands.map { log10(max($0.squareRoot(), leastPower)) })
    },
    scaled("logarithm-of-2", "the logarithm is that of base 2", "log2 for log10") { own, bands in
      own.scaled(bands.map { log2(max($0, leastPower)) })
    },
    fault("amplitudes", "bands add amplitudes instead of powers", "a spectrum that is not squared") {
      own, sound in
      let samples = sound.values.map(Double.init)
      let powers = own.powers(window: window(own.frontEnd.windowLength)) { own.sample(samples, $0, $1) }
      return own.value(of: powers.map { $0.squareRoot() }, sound)
    },
    scaled("no-clamp", "what is far below the greatest is kept", "the clamp is forgotten") { _, bands in
      bands.map { (log10(max($0, leastPower)) + 4) / 4 }
    },
    scaled("clamp-by-frame", "each frame is held against its own greatest", "a maximum along one axis") {
      own, bands in
      let logarithms = bands.map { log10(max($0, leastPower)) }
      let greatest = (0..<own.frames).map { frame in
        (0..<own.mels).map { logarithms[$0 * own.frames + frame] }.max() ?? 0
      }
      return logarithms.enumerated().map { (max($1, greatest[$0 % own.frames] - range) + 4) / 4 }
    },
    scaled("not-scaled", "the logarithm is not moved and scaled", "the last step is forgotten") {
      own, bands in
      own.scaled(bands.map { log10(max($0, leastPower)) }).map { 4 * $0 - 4 }
    },
    scaled("greater-floor", "no power is below 10⁻⁵", "the floor of another front end") { own, bands in
      own.scaled(bands.map { log10(max($0, 1e-5)) })
    },
    scaled("bands-reversed", "bands are in reverse order", "a flipped table") { own, bands in
      own.scaled(
        bands.indices.map {
          let (mel, frame) = $0.quotientAndRemainder(dividingBy: own.frames)
          return log10(max(bands[(own.mels - 1 - mel) * own.frames + frame], leastPower))
        })
    },
  ]

  private static func windowed(
    _ id: String, _ name: String, _ practice: String, _ window: @escaping @Sendable (Int, Int) -> Double
  ) -> Fault {
    fault(id, name, practice) { own, sound in
      let (samples, length) = (sound.values.map(Double.init), own.frontEnd.windowLength)
      return own.value(
        of: own.powers(window: (0..<length).map { window($0, length) }) { own.sample(samples, $0, $1) }, sound
      )
    }
  }

  private static func sampled(
    _ id: String, _ name: String, _ practice: String,
    _ sample: @escaping @Sendable (LogMel, [Double], Int, Int) -> Double
  ) -> Fault {
    fault(id, name, practice) { own, sound in
      let samples = sound.values.map(Double.init)
      return own.value(
        of: own.powers(window: window(own.frontEnd.windowLength)) { sample(own, samples, $0, $1) }, sound)
    }
  }

  private static func scaled(
    _ id: String, _ name: String, _ practice: String,
    _ scaled: @escaping @Sendable (LogMel, [Double]) -> [Double]
  ) -> Fault {
    fault(id, name, practice) { own, sound in
      let samples = sound.values.map(Double.init)
      let powers = own.powers(window: window(own.frontEnd.windowLength)) { own.sample(samples, $0, $1) }
      return scaled(own, own.bands(of: powers, filters: sound.filters))
    }
  }

  private static func fault(
    _ id: String, _ name: String, _ practice: String,
    _ values: @escaping @Sendable (LogMel, Sound) -> [Double]
  ) -> Fault {
    Fault("log-mel.\(id)", name, .embedding, of: LogMel.self, practice: practice) { own, site in
      site.inputs.sound.map { Tensor(values(own, $0), shape: [own.mels, own.frames]) }
    }
  }

  private func value(of powers: [Double], _ sound: Sound) -> [Double] {
    scaled(bands(of: powers, filters: sound.filters).map { log10(max($0, Self.leastPower)) })
  }

  private func scaled(_ logarithms: [Double]) -> [Double] {
    let tensor: Tensor<Double> = scaled(logarithms)
    return tensor.values
  }
}
