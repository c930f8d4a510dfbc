import Foundation
import TouchstoneFamilies
import TouchstoneModel
import TouchstoneReports
import TouchstoneVerdict

/// A model's parameter census, rendered.
public struct CensusReport: Sendable {
  private let name: String
  private let architecture: Architecture
  private let census: ParameterCensus

  /// Counts the parameters of a model.
  ///
  /// - Parameter name: what the user called it.
  public init(name: String, architecture: Architecture) {
    self.name = name
    self.architecture = architecture
    census = ParameterCensus(architecture.graph)
  }

  /// Counts the parameters of a model of the GPT-2 form.
  ///
  /// - Parameter name: what the user called it.
  public init(name: String, configuration: Configuration) {
    self.init(name: name, architecture: Architecture(configuration))
  }

  /// Sizes and choices of a model of the GPT-2 form; nil for another.
  private var configuration: Configuration? { try? Configuration(architecture.graph) }

  /// A table for a person.
  public func terminal() -> String {
    var table = AlignedColumns([false, true, true, true, true].map { AlignedColumns.Column(isRight: $0) })
    table.add(["family", "matrices", "shape", "weights", "share"])
    for family in census.matrices {
      table.add(cells(family) + [percent(Double(family.weights) / Double(census.matrixWeights), digits: 2)])
    }
    table.add([
      "the \(Self.words[census.matrices.count] ?? String(census.matrices.count)) families",
      grouped(census.matrixCount), "", grouped(census.matrixWeights), "100.00%",
    ])
    table.add(["", "", "", "", ""])
    for family in census.others { table.add(cells(family) + [""]) }
    table.add([
      "all, unembedding of its own", "", "", grouped(census.weights), mark(!census.tiesEmbeddings),
    ])
    table.add([
      "all, unembedding tied", "", "", grouped(census.tiedWeights), mark(census.tiesEmbeddings),
    ])
    return ([Escaping.line(name), shape, ""] + table.lines()).joined(separator: "\n") + "\n"
  }

  /// One JSON object.
  public func json() -> String {
    OrderedJSON.object([
      ("model", .string(name)),
      ("configuration", configurationObject),
      ("families", .array(census.matrices.map(object))),
      ("others", .array(census.others.map(object))),
      ("matrices", .integer(census.matrixCount)),
      ("matrix_weights", .integer(census.matrixWeights)),
      ("weights", .integer(census.weights)),
      ("tied_weights", .integer(census.tiedWeights)),
      ("stored_weights", .integer(census.storedWeights)),
    ]).text() + "\n"
  }

  private static let words = [7: "seven", 8: "eight", 9: "nine"]

  private var shape: String {
    let graph = architecture.graph
    guard let configuration else {
      return [
        architecture.family.name, graph.vocabularySize.map { "vocabulary \(grouped($0))" },
        graph.contextLength.map { "context \(grouped($0))" }, counted(graph.layerCount, "layer"),
        counted(graph.operations.count, "operation"),
      ].compactMap { $0 }.joined(separator: ", ")
    }
    let layers = counted(configuration.layerCount, "layer")
    let heads = counted(configuration.headCount, "head")
    return
      "vocabulary \(grouped(configuration.vocabularySize)), context \(grouped(configuration.contextLength)), "
      + "width \(grouped(configuration.width)), \(layers) of \(heads) of \(grouped(configuration.headWidth)), "
      + "feed-forward \(grouped(configuration.feedForwardWidth))"
  }

  private func cells(_ family: ParameterCensus.Family) -> [String] {
    let shape = family.shape.map { $0.map(grouped).joined(separator: " x ") } ?? ""
    return [family.name, grouped(family.tensors), shape, grouped(family.weights)]
  }

  private func mark(_ isThisModel: Bool) -> String { isThisModel ? "this model" : "" }

  private var configurationObject: OrderedJSON {
    guard let configuration else {
      return .object([
        ("family", .string(architecture.family.name)),
        ("vocab_size", architecture.graph.vocabularySize.map { .integer($0) } ?? .null),
        ("n_layer", .integer(architecture.graph.layerCount)),
        ("tie_word_embeddings", .bool(census.tiesEmbeddings)),
      ])
    }
    return .object([
      ("vocab_size", .integer(configuration.vocabularySize)),
      ("n_positions", .integer(configuration.contextLength)),
      ("n_embd", .integer(configuration.width)),
      ("n_layer", .integer(configuration.layerCount)),
      ("n_head", .integer(configuration.headCount)),
      ("n_inner", .integer(configuration.feedForwardWidth)),
      ("tie_word_embeddings", .bool(configuration.tiesEmbeddings)),
    ])
  }

  private func object(_ family: ParameterCensus.Family) -> OrderedJSON {
    .object([
      ("name", .string(family.name)), ("tensors", .integer(family.tensors)),
      ("shape", family.shape.map { .array($0.map { .integer($0) }) } ?? .null),
      ("weights", .integer(family.weights)),
    ])
  }
}
