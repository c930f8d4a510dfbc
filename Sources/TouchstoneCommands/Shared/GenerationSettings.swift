import Foundation
import TouchstoneFiles
import TouchstoneGraph
import TouchstoneModel

/// How a model that answers a source begins and ends its answer: `generation_config.json`, or `config.json` where there is
/// none.
struct GenerationSettings: Sendable {
  /// The ids that an answer begins with: `decoder_start_token_id`, then `forced_bos_token_id` where there is one, then those of
  /// `forced_decoder_ids`, nil for one that is left open.
  private let beginning: [Int?]
  /// The languages that it may be written down in, where it is not said which: the likeliest stands second.
  private let languages: [Int]
  /// What ends the beginning of a text that is written down: `no_timestamps_token_id`.
  private let closing: [Int]
  /// The ids that end an answer; empty where none is named.
  let endsOfText: Set<Int>
  /// Ids that are never chosen: `suppress_tokens`, and those of `bad_words_ids` that stand alone.
  let suppressed: Set<Int>
  /// Ids that are not chosen first: `begin_suppress_tokens`.
  let suppressedFirst: Set<Int>
  /// What the settings ask for besides and is not done here: the answer may be another than Hugging Face's.
  let ignored: [String]

  private static let greatestSize = 1 << 22

  /// Reads the settings in a model's folder.
  ///
  /// - Throws: ``BadInput`` naming the file and a field that is no id, or that is missing.
  init(at folder: URL) throws(BadInput) {
    let names = ["generation_config.json", "config.json"]
    let paths = names.map { folder.appendingPathComponent($0).path }
    guard let path = paths.first(where: FileManager.default.fileExists(atPath:)) else {
      throw BadInput(
        file: folder.path, problem: "holds no config.json, which says how an answer begins",
        remedy: "give the model's folder")
    }
    do throws(BadInput) {
      let value = try JSONValue.parse(SmallFile.read(path, greatest: Self.greatestSize), file: path)
      guard let members = value.object else {
        throw BadInput(problem: "is no JSON object", remedy: "give the model's own settings")
      }
      try self.init(Fields(members: members))
    } catch {
      throw error.inFile(path)
    }
  }

  private init(_ fields: Fields) throws(BadInput) {
    let starts = try fields.ids("decoder_start_token_id") + fields.ids("bos_token_id")
    guard let start = starts.first else {
      throw BadInput(
        place: "decoder_start_token_id", problem: "the field is missing",
        remedy: "give the id with which an answer begins")
    }
    let (language, task) = (fields.members["language"]?.string, fields.members["task"]?.string)
    // A language or a task that is named stands for what is forced.
    let forced = language == nil && task == nil ? try fields.forced() : []
    var ids = try [start] + fields.ids("forced_bos_token_id").prefix(1).map(Optional.some) + forced
    let isOpen = ids.count < 2 || ids[1] == nil
    if let language {
      ids = [start, try fields.id(ofLanguage: language)] + ids.dropFirst(2)
      languages = []
    } else {
      languages = try isOpen ? fields.ids(in: "lang_to_id") : []
    }
    let tasks = try fields.ids(in: "task_to_id")
    if task != nil || language != nil && !tasks.contains(where: ids.contains) {
      let own = try fields.ids(task ?? "transcribe", in: "task_to_id")
      guard task == nil || !own.isEmpty else {
        throw BadInput(
          place: "task", problem: "is \(JSONValue.quoted(task ?? "")), which task_to_id has not",
          remedy: "name one of task_to_id, or none")
      }
      ids += languages.isEmpty ? own : [nil] + own
    }
    beginning = ids
    closing = try fields.ids("no_timestamps_token_id").filter { $0 != ids.last }
    endsOfText = Set(try fields.ids("eos_token_id"))
    let alone = (fields.members["bad_words_ids"]?.array ?? []).compactMap { word in
      word.array.flatMap { $0.count == 1 ? $0[0].integer : nil }
    }
    ignored = fields.ignored
    suppressed = Set(try fields.ids("suppress_tokens") + alone)
    suppressedFirst = Set(try fields.ids("begin_suppress_tokens"))
  }

  /// The ids that an answer begins with; of a model of many languages with the likeliest, in the second place.
  func beginning(answeredBy predictor: inout any NextTokenPredictor) throws -> [Int] {
    var ids = beginning
    if !languages.isEmpty {
      let logits = try predictor.nextTokenLogits(after: [ids[0]].compactMap(\.self))
      let likeliest = languages.filter(logits.indices.contains).max { logits[$0] < logits[$1] }
      ids = [ids[0], likeliest] + ids.dropFirst(2)
    }
    return ids.compactMap(\.self) + closing
  }

  /// The members of the file.
  private struct Fields {
    let members: [String: JSONValue]

    /// `forced_decoder_ids`, pairs of a place from 1 on and an id, nil where it is left open.
    func forced() throws(BadInput) -> [Int?] {
      guard let pairs = members["forced_decoder_ids"], pairs != .null else { return [] }
      var ids: [Int?] = []
      for pair in pairs.array ?? [.null] {
        guard let both = pair.array, both.count == 2, both[0].integer == ids.count + 1,
          both[1] == .null || both[1].integer != nil
        else {
          throw BadInput(
            place: "forced_decoder_ids", problem: "is no list of places and ids", remedy: "correct the field")
        }
        ids.append(both[1].integer)
      }
      return ids
    }

    /// The ids of a table, or one of them.
    func ids(_ key: String? = nil, in name: String) throws(BadInput) -> [Int] {
      guard let value = members[name], value != .null else { return [] }
      let all = value.object ?? [:]
      let ids = all.filter { key == nil || $0.key == key }.map(\.value)
      guard value.object != nil, ids.allSatisfy({ $0.integer != nil }) else {
        throw BadInput(place: name, problem: "is no table of ids", remedy: "correct the field")
      }
      return ids.compactMap(\.integer).sorted()
    }

    /// The id of a language, named by its code.
    func id(ofLanguage name: String) throws(BadInput) -> Int {
      let codes = [name, "<|\(name.lowercased())|>"]
      for code in codes {
        if let id = try ids(code, in: "lang_to_id").first { return id }
      }
      throw BadInput(
        place: "language", problem: "is \(JSONValue.quoted(name)), which lang_to_id has not",
        remedy: "give the code of a language, such as en")
    }

    /// What else the settings ask for, by name: searches and rules that change a greedy answer.
    var ignored: [String] {
      let neutral: [String: [JSONValue]] = [
        "num_beams": [.integer(1)], "no_repeat_ngram_size": [.integer(0)], "min_length": [.integer(0)],
        "min_new_tokens": [.integer(0)], "repetition_penalty": [.integer(1), .number(1)],
        "encoder_no_repeat_ngram_size": [.integer(0)], "forced_eos_token_id": [], "sequence_bias": [],
      ]
      let words = (members["bad_words_ids"]?.array ?? []).contains { $0.array?.count ?? 0 > 1 }
      return neutral.keys.sorted().filter { name in
        members[name].map { $0 != .null && !(neutral[name] ?? []).contains($0) } ?? false
      } + (words ? ["bad_words_ids of several tokens"] : [])
    }

    /// An id or a list of them; none where the field is absent or null.
    func ids(_ name: String) throws(BadInput) -> [Int] {
      guard let value = members[name], value != .null else { return [] }
      let ids = (value.array ?? [value]).compactMap(\.integer)
      guard ids.count == value.array?.count ?? 1 else {
        throw BadInput(place: name, problem: "is no id and no list of ids", remedy: "correct the field")
      }
      return ids
    }
  }
}

/// A predictor some of whose tokens are never chosen.
struct SteeredPredictor: NextTokenPredictor {
  private var predictor: any NextTokenPredictor
  private let settings: GenerationSettings
  private let beginning: Int

  /// - Parameter beginning: how many tokens an answer begins with that nobody chooses.
  init(_ predictor: any NextTokenPredictor, _ settings: GenerationSettings, beginning: Int) {
    self.predictor = predictor
    self.settings = settings
    self.beginning = beginning
  }

  var graph: Graph { predictor.graph }

  var source: Inputs? {
    get { predictor.source }
    set { predictor.source = newValue }
  }

  mutating func nextTokenLogits(after tokens: [Int]) throws -> [Double] {
    var logits = try predictor.nextTokenLogits(after: tokens)
    let others = tokens.count == beginning ? settings.suppressedFirst : []
    for id in settings.suppressed.union(others) where logits.indices.contains(id) { logits[id] = -.infinity }
    return logits
  }
}
