import Testing
import TouchstoneModel
import TouchstoneProperties
import TouchstoneReference
import TouchstoneTestSupport

/// Chapter 11 on generated models.
@Suite struct GenerationPropertyTests {
  private func text(
    _ generated: ModelCase, prompt: [Int], count: Int, temperature: Double, seed: UInt64 = 5
  ) throws -> [Int] {
    var predictor = ReferenceTransformer(try generated.model().weights())
    var sampler = Sampler(options: try SamplingOptions(temperature: temperature), seed: seed)
    var tokens: [Int] = []
    _ = try Generation(maximumTokens: count).run(prompt: prompt, predictor: &predictor, sampler: &sampler) {
      if case .token(let token) = $0 { tokens.append(token) }
    }
    return tokens
  }

  @Test(.clause("GEN-1", "GEN-3", "GEN-9"), arguments: [0, 1.2])
  func aLongerTextBeginsWithTheShorterOne(temperature: Double) {
    expectHolds("greedy prefix", of: ModelCase.self, cases: 10) { generated in
      let prompt = try generated.inputs().tokenIDs
      let long = try text(generated, prompt: prompt, count: 6, temperature: temperature)
      let short = try text(generated, prompt: prompt, count: 3, temperature: temperature)
      let none = try text(generated, prompt: prompt, count: 0, temperature: temperature)
      guard long.count == 6, none.isEmpty else { return "6 and 0 tokens are \(long) and \(none)" }
      return Array(long.prefix(3)) == short ? nil : "\(short) does not begin \(long)"
    }
  }

  @Test(.clause("GEN-4", "GEN-11"))
  func whatFellOutOfTheWindowIsForgotten() {
    expectHolds("window", of: ModelCase.self, cases: 10) { generated in
      var full = generated
      full.spareContext = 0
      let prompt = try full.inputs().tokenIDs
      let length = prompt.count
      let made = try text(full, prompt: prompt, count: length + 2, temperature: 0)
      // Each token is the greedy continuation of the last `length` tokens before it, standing alone.
      let whole = prompt + made
      for index in made.indices {
        let window = Array(whole[..<(length + index)].suffix(length))
        let alone = try text(full, prompt: window, count: 1, temperature: 0)
        if alone != [made[index]] {
          return "token \(index) is \(made[index]), and \(alone) after \(window) alone"
        }
      }
      return nil
    }
  }
}
