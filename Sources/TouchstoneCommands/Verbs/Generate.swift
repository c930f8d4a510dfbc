import ArgumentParser
import TouchstoneAnalysis
import TouchstoneGraph
import TouchstoneModel
import TouchstoneReference
import TouchstoneReports
import TouchstoneTokenizer

/// Predicts, samples, appends, repeats; streams the text.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continues a text: predicts, samples, appends, repeats.",
    discussion: """
      Streams the text to standard output. The same seed gives the same text. When the context window is full the \
      oldest tokens fall out, and standard error says so once.

      --system makes the prompt a conversation, in plain text: the system text, an empty line, "User: PROMPT", an empty \
      line, "AI Assistant:". The answer ends before the next "User:". That is only a text to continue: a model that \
      was not trained on conversations will not answer well.

      --show-distribution generates nothing; it prints the probabilities of the next token at several temperatures, \
      without --top-k and --top-p, and last, where one of them is given, what is left with them.

      Examples:
        touchstone generate --model golden/models/shakespeare-gpt2 \\
          --prompt "ROMEO:" --temperature 0.8 --seed 7
        touchstone generate --model golden/models/shakespeare-gpt2 \\
          --prompt "My lord, I" --show-distribution --top-k 5
      """)

  @Option(help: ArgumentHelp("A Hugging Face folder of a model, or a GGUF file.", valueName: "dir"))
  var model: String

  @Option(help: ArgumentHelp("The text to continue.", valueName: "text"))
  var prompt: String?

  @Option(
    help: ArgumentHelp(
      "What the encoder reads, in models that have one: a text to translate, say; --prompt then begins the answer.",
      valueName: "text"))
  var source: String?

  @Option(
    help: ArgumentHelp("The sound that is written down, by models that hear: PCM.", valueName: "file.wav"))
  var audio: String?

  @Option(help: "The greatest number of tokens to make.")
  var maxTokens: Int = 100

  @Option(
    help:
      "Divides the logits, in 0…2; 0 always takes the most probable token; 1 unless given, 0 with --source and --audio."
  )
  var temperature: Double?

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

  @Option(help: ArgumentHelp("Sets the scene and makes the prompt a conversation.", valueName: "text"))
  var system: String?

  @Flag(help: "Prints the probabilities of the next token at several temperatures instead of a text.")
  var showDistribution = false

  @Option(help: "How many of the most probable tokens --show-distribution shows.")
  var count: Int = 10

  @Option(help: ArgumentHelp("Draws the distribution of --show-distribution.", valueName: "file.svg"))
  var picture: String?

  @OptionGroup var output: OverwriteOption

  @Flag(help: "Prints the distribution of --show-distribution as one JSON object.")
  var json = false

  func validate() throws {
    guard showDistribution || (picture == nil && !json) else {
      throw ValidationError("--picture and --json belong to --show-distribution.")
    }
    guard count >= 1 else { throw ValidationError("--count must be at least 1.") }
    guard prompt != nil || source != nil || audio != nil else {
      throw ValidationError("Give --prompt, --source, or --audio.")
    }
    guard source == nil || audio == nil else {
      throw ValidationError("Give either --audio or --source, not both.")
    }
    guard source == nil && audio == nil || system == nil else {
      throw ValidationError(
        "--system makes a prompt a conversation; it does not go with --source and --audio.")
    }
    guard maxTokens >= 0 else { throw ValidationError("--max-tokens must not be negative.") }
  }

  func run() throws {
    let files = try OutputFiles(["--picture": picture], inputs: [model], overwrite: output.overwrite)
    let options = try SamplingOptions(
      temperature: temperature ?? (source == nil && audio == nil ? 1 : 0), topK: topK, topP: topP,
      allowAnyTemperature: allowAnyTemperature)
    var loaded = try LoadedModel(model)
    let tokenizer = try loaded.tokenizer()
    let prompt = prompt ?? ""
    let text = system.map { Dialogue(system: $0, prompt: prompt).text } ?? prompt
    var read = try source.map {
      try Inputs.source(tokenIDs: tokenizer.encode($0), graph: loaded.weights.graph)
    }
    if let audio {
      let (hearing, heard) = try loaded.hearing(audio)
      (loaded, read) = (hearing, heard)
    }
    var predictor = try implementation.predictor(loaded.weights)
    var promptIDs: [Int] = []
    var endsOfText = Set([tokenizer.endOfText].compactMap(\.self))
    if let read {
      let settings = try GenerationSettings(at: loaded.directory)
      predictor.source = read
      promptIDs =
        try settings.beginning(answeredBy: &predictor)
        + tokenizer.ofAnswers.encode(text, addsSpecialTokens: false)
      predictor = SteeredPredictor(predictor, settings, beginning: promptIDs.count)
      if !settings.endsOfText.isEmpty { endsOfText = settings.endsOfText }
      if !settings.ignored.isEmpty {
        Console.error(
          "touchstone: the model's settings ask for \(settings.ignored.joined(separator: ", ")), which is not done "
            + "here: another answer may follow")
      }
    } else {
      promptIDs = try tokenizer.encode(text)
    }
    if showDistribution {
      try printDistribution(after: promptIDs, options, tokenizer, &predictor, files)
    } else {
      var sampler = Sampler(options: options, seed: seed ?? .random(in: 0...UInt64.max))
      let generation = Generation(
        maximumTokens: maxTokens, endsOfText: endsOfText, stopsAtContext: stopAtContext)
      try stream(generation, text, promptIDs, tokenizer, &predictor, &sampler)
    }
  }

  private func printDistribution(
    after promptIDs: [Int], _ options: SamplingOptions, _ tokenizer: Tokenizer,
    _ predictor: inout some NextTokenPredictor, _ files: OutputFiles
  ) throws {
    let logits = try predictor.nextTokenLogits(after: promptIDs)
    let report = NextTokenReport(
      try NextTokenTable(logits: logits, options: options, count: count), text: TokenText(tokenizer))
    try files.write(report.svg(), to: picture)
    Console.write(json ? report.json() : report.terminal())
  }

  private func stream(
    _ generation: Generation, _ text: String, _ promptIDs: [Int], _ tokenizer: Tokenizer,
    _ predictor: inout some NextTokenPredictor, _ sampler: inout Sampler
  ) throws {
    var decoder = StreamingDecoder(tokenizer)
    var answer = system.map { _ in TextUntil(Dialogue.end) }
    func write(_ piece: String) { Console.write(answer?.append(piece) ?? piece) }
    var isStarted = false
    var ending = Generation.Ending.maximumReached
    do {
      ending = try generation.run(prompt: promptIDs, predictor: &predictor, sampler: &sampler) { event in
        if !isStarted {
          isStarted = true
          Console.write(text)
        }
        switch event {
        case .token(let id):
          write(try decoder.append(id))
          if answer?.isEnded == true { throw AnswerEnded() }
        case .windowSlides(let length):
          Console.error(
            "touchstone: the context of \(length) tokens is full; from here on the oldest tokens are forgotten"
          )
        }
      }
    } catch is AnswerEnded {}
    if !isStarted { Console.write(text) }
    write(decoder.finish())
    Console.line(answer?.finish() ?? "")
    if ending == .contextFull {
      Console.error("touchstone: ended because the context is full")
    }
  }
}

/// Ends a generation where the user would speak next.
private struct AnswerEnded: Error {}
