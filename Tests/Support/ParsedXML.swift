import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// The elements and the text of a well-formed document.
package struct ParsedXML {
  package private(set) var attributes: [(element: String, attributes: [String: String])] = []
  package private(set) var text = ""

  /// Fails the test where `document` is not well-formed.
  package init(_ document: String) throws {
    let collector = Collector()
    let parser = XMLParser(data: Data(document.utf8))
    parser.delegate = collector
    let isWellFormed = parser.parse()
    try #require(isWellFormed, "\(String(describing: parser.parserError)), line \(parser.lineNumber)")
    attributes = collector.attributes
    text = collector.text
  }

  /// How many elements have a name.
  package func count(_ element: String) -> Int { attributes.count { $0.element == element } }

  /// The attributes of each element of a name.
  package func attributes(_ element: String) -> [[String: String]] {
    attributes.filter { $0.element == element }.map(\.attributes)
  }

  /// The text and the values of all attributes.
  package var everything: String {
    attributes.flatMap { $0.attributes.values }.joined(separator: "\n") + "\n" + text
  }

  private final class Collector: NSObject, XMLParserDelegate {
    var attributes: [(element: String, attributes: [String: String])] = []
    var text = ""

    func parser(
      _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?, qualifiedName: String?,
      attributes attributeDict: [String: String]
    ) {
      attributes.append((elementName, attributeDict))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
  }
}
