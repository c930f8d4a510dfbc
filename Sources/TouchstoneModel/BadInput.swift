/// What is wrong with something the user gave, in one sentence: the file, the place, the problem, the remedy.
///
/// Every module throws this one type for input it cannot accept; the command prints ``description`` and
/// exits with code 2.
public struct BadInput: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file, or nil when the input did not come from one.
  public var file: String?
  /// Where in the file or in the arguments: a tensor, a field, an offset.
  public var place: String?
  /// What is wrong there.
  public var problem: String
  /// What to do about it.
  public var remedy: String?

  /// Creates the description of one unacceptable input.
  public init(file: String? = nil, place: String? = nil, problem: String, remedy: String? = nil) {
    self.file = file
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  /// One sentence, for example `model.safetensors: wte.weight: ends past the end of the file; download it again`.
  ///
  /// Whatever the parts hold, it is one line that a terminal only shows, of at most ``greatestLength`` characters: the
  /// longest parts are shortened in the middle.
  public var description: String {
    var limit = Self.greatestLength
    var sentence = sentence(partsOf: limit)
    while sentence.count > Self.greatestLength, limit > 40 {
      limit -= 20
      sentence = self.sentence(partsOf: limit)
    }
    return sentence
  }

  /// The greatest number of characters in a sentence; with the program's name before it, it stays below 400.
  public static let greatestLength = 380

  private func sentence(partsOf limit: Int) -> String {
    func part(_ text: String) -> String { DisplayText.shortened(DisplayText.line(text), to: limit) }
    let subject = [file, place].compactMap { $0 }.map { part($0) + ": " }.joined()
    return subject + part(problem) + (remedy.map { "; " + part($0) } ?? "")
  }

  /// The same problem, said of `file` where no file was named yet.
  public func inFile(_ file: String) -> BadInput {
    var copy = self
    copy.file = copy.file ?? file
    return copy
  }

  /// Names in a sentence: the first four, and how many follow.
  public static func list(_ names: some Collection<String>) -> String {
    let rest = names.count - 4
    return names.prefix(4).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }

  /// What is said of `names` as well, for the end of a sentence: `, and so are 7 others: a, b, c, d and 3 more`;
  /// empty where there are none.
  public static func andOthers(_ names: some Collection<String>, _ also: String) -> String {
    guard !names.isEmpty else { return "" }
    return names.count == 1
      ? ",\(also)is another: \(list(names))" : ",\(also)are \(names.count) others: \(list(names))"
  }
}
