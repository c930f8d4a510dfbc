import Foundation
import TouchstoneModel

/// The stored form of a graph: JSON, keys in a fixed order, one operation a line.
///
///     {"format": "touchstone-graph-1",
///      "parameters": [
///       {"name": "model.norm.weight", "shape": [30]}],
///      "operations": [
///       {"output": "final/ln_f", "kind": "rmsNorm", "epsilon": 1e-05, "offset": 0.0, "joined": false,
///        "inputs": ["layers/002/resid_out"],
///        "parameters": [{"name": "model.norm.weight", "layout": "oi", "groups": 1, "parts": 1, "take": [0, 1],
///                        "expert": null}]}],
///      "results": {"logits": "final/logits"}}
extension Graph {
  private static let format = "touchstone-graph-1"

  /// The greatest length of the stored form, in bytes.
  public static let greatestTextLength = 1 << 27

  /// The graph as ASCII text; equal graphs have equal texts.
  public var json: String {
    let parameters = parameters.map { parameter in
      JSONText.object([
        ("name", .string(parameter.name)), ("shape", .array(parameter.shape.map { .integer($0) })),
      ])
    }
    func lines(_ values: [JSONText]) -> String { values.map { "\n  " + $0.compact }.joined(separator: ",") }
    let results = JSONText.object([("logits", self.results.logits.map { .string($0.path) } ?? .null)])
    return """
      {"format": "\(Self.format)",
       "parameters": [\(lines(parameters))],
       "operations": [\(lines(operations.map(\.stored)))],
       "results": \(results.compact)}

      """
  }

  /// Reads and validates a stored graph, of whoever wrote it.
  ///
  /// - Throws: ``BadInput`` for text that is no JSON or too long, a member that is missing, unknown or of the wrong
  ///   type, and everything that ``init(validating:results:)`` refuses.
  public init(json: Data) throws(BadInput) {
    do {
      try self.init(stored: json)
    } catch {
      throw error.at("graph")
    }
  }

  private init(stored text: Data) throws(BadInput) {
    guard text.count <= Self.greatestTextLength else {
      throw .graph("is \(text.count) bytes long, more than \(Self.greatestTextLength)")
    }
    var fields = try JSONFields(try JSONValue.parse(text))
    let format = try fields.required("format", try fields.string("format"))
    guard format == Self.format else {
      throw BadInput(
        place: "format", problem: "\(JSONValue.quoted(format)) is not known", remedy: "give \(Self.format)")
    }
    let parameters = try Self.parameters(try fields.required("parameters", try fields.array("parameters")))
    let stored = try fields.required("operations", try fields.array("operations"))
    guard stored.count <= Self.greatestCount else {
      throw .graph("has \(stored.count) operations, more than \(Self.greatestCount)")
    }
    var operations: [Operation] = []
    for (index, value) in stored.enumerated() {
      do {
        operations.append(try Operation(stored: value, parameters: parameters))
      } catch {
        throw error.at("operations[\(index)]")
      }
    }
    var results = try fields.required("results", try fields.object("results"))
    let logits = try results.string("logits").activation("logits")
    try results.finish()
    try fields.finish()
    try self.init(validating: operations, results: Results(logits: logits))
    guard self.parameters.map(\.name) == parameters.order else {
      throw BadInput.graph("are not those that operations read, in the order in which they do").at(
        "parameters")
    }
  }

  /// The declared parameters, by name and in order.
  fileprivate struct Declared {
    var order: [String] = []
    var byName: [String: Parameter] = [:]
  }

  private static func parameters(_ values: [JSONValue]) throws(BadInput) -> Declared {
    var declared = Declared()
    for (index, value) in values.enumerated() {
      do throws(BadInput) {
        var fields = try JSONFields(value)
        let name = try fields.required("name", try fields.string("name"))
        let parameter = Parameter(name, try fields.required("shape", try fields.integers("shape")))
        try fields.finish()
        try parameter.check()
        guard declared.byName.updateValue(parameter, forKey: name) == nil else {
          throw BadInput.graph("is declared twice").at(name)
        }
        declared.order.append(name)
      } catch {
        throw error.at("parameters[\(index)]")
      }
    }
    return declared
  }
}

extension Operation {
  /// The operation as a stored graph has it: output, kind, the kind's numbers, inputs, parameters.
  fileprivate var stored: JSONText {
    let payload = kind.payload
    return .object(
      [("output", .string(output.path)), ("kind", .string(type(of: payload).name.rawValue))]
        + payload.fields
        + [
          ("inputs", .array(inputs.map { .string($0.path) })),
          ("parameters", .array(parameters.map(\.stored))),
        ])
  }

  fileprivate init(stored value: JSONValue, parameters declared: Graph.Declared) throws(BadInput) {
    var fields = try JSONFields(value)
    guard let output = try fields.string("output").activation("output") else {
      throw BadInput(place: "output", problem: "is missing", remedy: "add it")
    }
    let kind = try Kind(try fields.choice("kind"), fields: &fields)
    var inputs: [Activation] = []
    for value in try fields.required("inputs", try fields.array("inputs")) {
      guard let input = try value.string.activation("inputs") else {
        throw BadInput(
          place: "inputs", problem: "holds something that is no string", remedy: "correct the graph")
      }
      inputs.append(input)
    }
    var views: [ParameterView] = []
    for value in try fields.required("parameters", try fields.array("parameters")) {
      views.append(try ParameterView(stored: value, parameters: declared))
    }
    try fields.finish()
    self.init(kind, output, from: inputs, with: views)
  }
}

extension ParameterView {
  fileprivate var stored: JSONText {
    .object([
      ("name", .string(parameter.name)), ("layout", .string(layout.rawValue)),
      ("groups", .integer(selection.groups)), ("parts", .integer(selection.parts)),
      ("take", .array([.integer(selection.take.lowerBound), .integer(selection.take.upperBound)])),
      ("expert", .optional(selection.expert)),
    ])
  }

  fileprivate init(stored value: JSONValue, parameters declared: Graph.Declared) throws(BadInput) {
    var fields = try JSONFields(value)
    let name = try fields.required("name", try fields.string("name"))
    guard let parameter = declared.byName[name] else {
      throw BadInput.graph("is not among the declared parameters").at(JSONValue.quoted(name))
    }
    let layout: Layout = try fields.choice("layout")
    let take = try fields.required("take", try fields.integers("take"))
    guard take.count == 2, take[0] < take[1] else {
      throw BadInput(place: "take", problem: "is \(take)", remedy: "give [first, end]")
    }
    let selection = Selection(
      groups: try fields.required("groups", try fields.integer("groups")),
      parts: try fields.required("parts", try fields.integer("parts")),
      take: take[0]..<take[1], expert: try fields.integer("expert"))
    try fields.finish()
    self.init(parameter, layout, selection)
  }
}

extension String? {
  /// The activation whose path this is; nil for no string.
  ///
  /// - Throws: ``BadInput`` naming `member` for a string that is no path.
  fileprivate func activation(_ member: String) throws(BadInput) -> Activation? {
    guard let path = self else { return nil }
    guard let activation = Activation(path: path) else {
      throw BadInput(
        place: member, problem: "\(JSONValue.quoted(path)) is no name of an activation",
        remedy: "use lower-case letters, digits and underscores between slashes")
    }
    return activation
  }
}
