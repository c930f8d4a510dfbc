import Foundation
import TouchstoneGraph
import TouchstoneModel

/// What a `config.json` says: the family, and the graph of the model.
public struct Architecture: Sendable {
  /// Whose rules the file follows.
  public let family: Family
  /// The model.
  public let graph: Graph
  /// The configuration as golden files hold it: `config.json` text, ASCII, keys sorted, only what was read.
  public let configJSON: String
  /// The id of padding (`pad_token_id`) where Hugging Face's code for the family does not learn its row; nil where it learns all.
  public private(set) var unlearnedID: Int?

  /// Reads Hugging Face's `config.json`.
  ///
  /// Sizes must be given; the arithmetic's fields have the defaults of the family's configuration class where they are
  /// absent or null. A field that changes the arithmetic is honoured or refused by name; fields that do not (dropout,
  /// initialisation, generation) are ignored. A file without `model_type` is read as GPT-2's.
  ///
  /// - Throws: ``BadInput`` naming `file` and the field.
  public init(huggingFaceJSON text: Data, file: String) throws(BadInput) {
    guard let members = try JSONValue.parse(text, file: file).object else {
      throw BadInput(file: file, problem: "holds no JSON object", remedy: "give a Hugging Face config.json")
    }
    do {
      try self.init(ConfigFields(members))
    } catch {
      throw error.inFile(file)
    }
    unlearnedID = unlearnedID(members["pad_token_id"])
  }

  /// The field that says of a T5 that its readout is the table of the tokens, not scaled: no `config.json` has it, a checkpoint
  /// without a readout does.
  static let sharesReadout = "shares_readout"

  /// Reads Hugging Face's `config.json` beside the tensors of its checkpoint, which say what it leaves open.
  ///
  /// - Parameter stores: whether a tensor of that name is stored.
  /// - Throws: ``BadInput`` naming `file` and the field.
  package init(huggingFaceJSON text: Data, file: String, stores: (String) -> Bool) throws(BadInput) {
    let stated = try Architecture(huggingFaceJSON: text, file: file)
    let (head, table) = ("lm_head.weight", "shared.weight")
    guard stated.family.name == Family.t5.name, stated.graph.parameters.contains(where: { $0.name == head }),
      stores(table), !stores(head), let last = text.lastIndex(of: UInt8(ascii: "}"))
    else {
      self = stated
      return
    }
    let field = Data(", \"\(Self.sharesReadout)\": true}".utf8)
    try self.init(huggingFaceJSON: text[..<last] + field, file: file)
  }

  /// The id whose row is not learned; PyTorch counts one below 0 from the end of the table.
  private func unlearnedID(_ stated: JSONValue?) -> Int? {
    guard case .unlearned(let absent) = family.padding, let count = graph.idCount(of: .tokenIDs),
      let id = stated == nil ? absent : stated?.integer
    else { return nil }
    return (0..<count).contains(id) ? id : (-count..<0).contains(id) ? id + count : nil
  }

  /// The architecture of a model of the GPT-2 form.
  public init(_ configuration: Configuration) {
    family = .gpt2
    graph = configuration.graph
    configJSON = configuration.huggingFaceJSON
  }

  /// What a family makes of an object whose members it need not all know: what a file would be refused for is passed over.
  ///
  /// - Throws: ``BadInput`` naming a field that is missing or cannot be.
  package init(drawn value: JSONValue, of family: Family) throws(BadInput) {
    var config = ConfigFields(value.object ?? [:])
    self.family = family
    graph = try family.graph(&config)
    configJSON = try family.storedConfig?(graph) ?? config.readJSON
  }

  private init(_ config: ConfigFields) throws(BadInput) {
    var config = config
    let type = try config.string("model_type") ?? "gpt2"
    guard let family = Family.all.first(where: { $0.modelTypes.contains(type) }) else {
      throw BadInput(
        place: "model_type", problem: "\(type) is not supported",
        remedy: "supported are " + Family.all.flatMap(\.modelTypes).joined(separator: ", "))
    }
    let graph = try family.graph(&config)
    try config.refuseUnread()
    self.family = family
    self.graph = graph
    configJSON = try family.storedConfig?(graph) ?? config.readJSON
  }
}
