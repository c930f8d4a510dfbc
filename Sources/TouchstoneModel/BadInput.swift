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
  public var description: String {
    let subject = [file, place].compactMap { $0 }.map { $0 + ": " }.joined()
    return subject + problem + (remedy.map { "; " + $0 } ?? "")
  }

  /// The same problem, said of `file` where no file was named yet.
  public func inFile(_ file: String) -> BadInput {
    var copy = self
    copy.file = copy.file ?? file
    return copy
  }
}
