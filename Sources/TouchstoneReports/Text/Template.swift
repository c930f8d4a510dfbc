import Mustache

/// A Mustache template that escapes what is put into it.
struct Template: Sendable {
  /// How values are escaped.
  enum Escape: String {
    case markup = "TOUCHSTONE-MARKUP"
    case markdown = "TOUCHSTONE-MARKDOWN"
  }

  private struct Content: MustacheContentType {
    let escape: @Sendable (String) -> String
    func escapeText(_ text: String) -> String { escape(text) }
  }

  /// Mustache's own HTML type escapes by character, and so not a sign that a combining mark follows.
  private static let registerContentTypes: Void = {
    MustacheContentTypes.register(Content(escape: Escaping.markup), named: Escape.markup.rawValue)
    MustacheContentTypes.register(Content(escape: Escaping.markdown), named: Escape.markdown.rawValue)
  }()

  private let template: MustacheTemplate

  /// Parses a template that is part of this program.
  init(_ text: String, escape: Escape) {
    Self.registerContentTypes
    do {
      template = try MustacheTemplate(string: "{{% CONTENT_TYPE:\(escape.rawValue)}}" + text)
    } catch {
      preconditionFailure("a template of this program is malformed: \(error)")
    }
  }

  func render(_ values: [String: Any]) -> String {
    template.render(values)
  }
}
