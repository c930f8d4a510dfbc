import ArgumentParser
import TouchstoneModel
import TouchstoneReference
import TouchstoneTokenizer

/// Predicts, samples, appends, repeats; streams the text.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continues a text: predicts, samples, appends, repeats.",
    discussion: """
      Streams the text to standard output. The same seed gives the same text. When the context window is full the \
      oldest tokens fall out, and standard error says so once.

      Example:
        touchstone generate --model golden/models/shakespeare-gpt2 --prompt "ROMEO:" --temperature 0.8 --seed 7
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder of the GPT-2 family.", valueName: "dir"))
  var model: String

  @Option(help: ArgumentHelp("The text to continue.", valueName: "text"))
  var prompt: String

  @Option(help: "The greatest number of tokens to make.")
  var maxTokens: Int = 100

  @Option(help: "Divides the logits, in 0…2; 0 always takes the most probable token.")
  var temperature: Double = 1

  @Option(help: "Chooses among the k most probable tokens.")
  var topK: Int?

  @Option(help: "Chooses among the most probable tokens whose probabilities reach p.")
  var topP: Double?

  @Option(help: "Determines every choice; a new one each time unless given.")
  var seed: UInt64?

  @Option(help: "Which implementation predicts: \(Implementation.names).")
  var implementation: Implementation = .simd

  @Flag(help: "Ends when the context window is full, instead of forgetting the oldest tokens.")
  var stopAtContext = false

  @Flag(help: "Accepts a temperature above 2.")
  var allowAnyTemperature = false

  func validate() throws {
    guard maxTokens >= 0 else { throw ValidationError("--max-tokens must not be negative.") }
  }

  func run() throws {
    let options = try SamplingOptions(
      temperature: temperature, topK: topK, topP: topP, allowAnyTemperature: allowAnyTemperature)
    let loaded = try LoadedModel(model)
    let tokenizer = try loaded.tokenizer()
    let promptIDs = try tokenizer.encode(prompt)
    var sampler = Sampler(options: options, seed: seed ?? .random(in: 0...UInt64.max))
    var predictor = try implementation.predictor(loaded.weights)
    let generation = Generation(
      maximumTokens: maxTokens, endOfText: tokenizer.endOfText, stopsAtContext: stopAtContext)
    try stream(generation, promptIDs, tokenizer, &predictor, &sampler)
  }

  private func stream(
    _ generation: Generation, _ promptIDs: [Int], _ tokenizer: Tokenizer,
    _ predictor: inout some NextTokenPredictor, _ sampler: inout Sampler
  ) throws {
    var decoder = StreamingDecoder(tokenizer)
    var isStarted = false
    let ending = try generation.run(prompt: promptIDs, predictor: &predictor, sampler: &sampler) { event in
      if !isStarted {
        isStarted = true
        Console.write(prompt)
      }
      switch event {
      case .token(let id):
        Console.write(try decoder.append(id))
      case .windowSlides(let length):
        Console.error(
          "touchstone: the context of \(length) tokens is full; from here on the oldest tokens are forgotten")
      }
    }
    if !isStarted { Console.write(prompt) }
    Console.line(decoder.finish())
    if ending == .contextFull {
      Console.error("touchstone: ended because the context is full")
    }
  }
}
