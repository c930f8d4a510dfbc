import Foundation
import Testing
import TouchstoneCheckpoints
import TouchstoneGraph
import TouchstoneModel

@Suite struct SynthesizerTests {
  /// Bit patterns from a separate program that follows the documented rule; seed 0 is the rule's plain form.
  private static let expectations: [(UInt64, Int, Int, Float, Float, UInt32)] = [
    (0, 0, 0, 0, 0.125, 0x3d44_4150),
    (0, 0, 38_597_375, 0, 0.125, 0x3cb2_0c24),
    (0, 1, 786_431, 0, 0.0625, 0xbb73_41e0),
    (0, 2, 5, 1, 0.25, 0x3f63_9404),
    (0, 9, 0, 1, 0.25, 0x3f88_74b3),
    (0, 146, 767, 1, 0.25, 0x3f68_3dee),
    (0, 147, 1, 0, 0.25, 0x3da6_5394),
    (1, 0, 0, 0, 0.125, 0x3cff_be00),
    (1, 0, 38_597_375, 0, 0.125, 0xbd2c_c5e0),
    (1, 2, 5, 1, 0.25, 0x3f87_add2),
    (1, 147, 1, 0, 0.25, 0xbdfd_a1aa),
    (.max, 0, 0, 0, 0.125, 0x3c95_dde0),
    (.max, 1, 786_431, 0, 0.0625, 0xbc11_b1d0),
    (.max, 147, 1, 0, 0.25, 0xbd4a_3a4c),
  ]

  @Test(arguments: expectations)
  func valuesFollowTheRule(
    seed: UInt64, tensor: Int, index: Int, base: Float, scale: Float, pattern: UInt32
  ) {
    let distribution = WeightRule.Distribution(base: base, scale: scale)
    let value = Synthesizer.value(at: index, ofTensor: tensor, seed: seed, distribution)
    #expect(value.bitPattern == pattern)
  }

  @Test func aModelInMemoryHoldsThoseValues() throws {
    let preset = try Preset.named("tiny-odd")
    let weights = try Synthesizer.weights(preset, seed: 3)
    for (number, (parameter, purpose)) in preset.architecture.graph.purposes.enumerated() {
      let tensor = weights.float32(parameter)
      let last = tensor.count - 1
      let distribution = preset.rule.distribution(purpose)
      #expect(
        tensor.values[last]
          == Synthesizer.value(at: last, ofTensor: number, seed: 3, distribution))
    }
  }

  @Test func whatIsAddedIsDrawnAroundZeroAndAGainAroundWhatChangesNothing() {
    for rule in [WeightRule.published, .probing(width: 64)] {
      #expect(rule.distribution(.shift) == rule.bias && rule.distribution(.bias) == rule.bias)
      #expect(rule.bias.base == 0)
      for neutral in [0.0, 1] {
        let gain = WeightRule.Distribution(base: Float(neutral), scale: rule.gainScale)
        #expect(rule.distribution(.gain(neutral: neutral)) == gain)
      }
      #expect(rule.distribution(.matrix) == rule.matrix)
      #expect(rule.distribution(.table(.tokenIDs)) == rule.tokenEmbedding)
      #expect(rule.distribution(.table(.positionIDs)) == rule.positionEmbedding)
    }
  }

  @Test func differentSeedsMakeDifferentModels() throws {
    let configuration = try SmallModel.configuration()
    let models = try [0, 1, 2, UInt64.max].map {
      try Synthesizer.weights(configuration: configuration, seed: $0).values
    }
    for (index, model) in models.enumerated() {
      #expect(!models[..<index].contains(model))
    }
  }

  /// The arrays behind the parameters, a number each.
  @Test func whatAModelIsGivenIsDrawnAsItsWeightsAre() throws {
    let preset = try Preset.named("tiny-dit-block")
    let graph = preset.architecture.graph
    let inputs = try #require(try Synthesizer.inputs(of: preset, seed: 3))
    for (place, input) in [Input.hidden, .condition].enumerated() {
      let array = inputs.array(input)
      for index in array.values.indices {
        let number = Synthesizer.value(
          at: index, ofTensor: graph.parameters.count + place, seed: 3, WeightRule.Distribution(scale: 4))
        #expect(array.values[index] == number)
      }
    }
    let sound = try #require(try Synthesizer.inputs(of: .named("tiny-whisper"))?.source?.sound)
    #expect(sound.frontEnd == FrontEnd(windowLength: 14, hop: 5) && sound.filters.allSatisfy { $0 >= 0 })
    #expect(try Synthesizer.inputs(of: .named("tiny-bert")) == nil)
  }

  @Test(arguments: Preset.all.filter { $0.name.hasPrefix("tiny-") })
  func aWrittenModelIsTheOneInMemory(preset: Preset) throws {
    let folder = try TemporaryFolder()
    let directory = folder.file("new/model")
    try Synthesizer.write(preset, seed: 5, to: directory)
    let checkpoint = try Checkpoint(directory: directory)
    let expected = try Synthesizer.weights(preset, seed: 5)
    #expect(checkpoint.architecture.graph == preset.architecture.graph)
    #expect(checkpoint.weights.values == expected.values)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        == ["config.json", "model.safetensors"])
    #expect(preset.architecture.graph.parameterCount * 4 < 150_000, "a golden that embeds it would be large")
  }

  @Test(arguments: ["config.json", "model.safetensors"])
  func aModelIsNeverOverwritten(name: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("mine", to: name)
    let preset = try Preset.named("tiny-vocab3")
    let error = #expect(throws: BadInput.self) { try Synthesizer.write(preset, to: folder.url) }
    #expect(error?.file == folder.file(name).path)
    #expect(try folder.names == [name])
  }

  @Test func aModelThatTheDiskCannotHoldIsRefusedBeforeItIsBegun() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: BadInput.self) {
      try Synthesizer.write(Preset.named("gpt3"), to: folder.file("new/model"))
    }
    #expect(error?.description.contains("gpt3 takes 698417 MB") == true)
    #expect(try folder.names.isEmpty)
  }

  @Test(arguments: [
    ("gpt2-124m", 124_439_808), ("gpt2-medium", 354_823_168), ("gpt2-large", 774_030_080),
    ("gpt2-xl", 1_557_611_200), ("gpt3", 174_604_259_328),
  ])
  func publishedSizesHaveTheirPublishedCounts(name: String, count: Int) throws {
    #expect(try Preset.named(name).architecture.graph.parameterCount == count)
  }

  @Test func anUnknownPresetIsRefusedWithTheNamesThereAre() {
    let error = #expect(throws: BadInput.self) { try Preset.named("gpt5") }
    #expect(error?.description.contains("gpt2-124m") == true)
    #expect(error?.description.contains("tiny-heads1") == true)
  }

  @Test func presetsHaveNamesOfTheirOwn() {
    #expect(Set(Preset.all.map(\.name)).count == Preset.all.count)
  }
}
