/// In what products with a matrix read their inputs, where an engine rounds or quantises those besides.
///
/// llama.cpp does: with weights in half precision inputs are rounded to it, with quantised ones they are quantised by row.
public struct ProductInputs: Hashable, Sendable {
  /// A type of inputs.
  public enum Format: String, Hashable, Sendable, CaseIterable {
    case float16
    case bfloat16
    /// Blocks of 32, each a multiple of amax/127 in half precision (ggml's Q8_0).
    case q80 = "q8_0"
    /// The same beside the sum of each block times its step, in half precision too (ggml's Q8_1).
    case q81 = "q8_1"
    /// Blocks of 256, each a multiple of 1/(−127/max) in float32, max that of the greatest magnitude (ggml's Q8_K).
    case q8k = "q8_K"
  }

  /// Inputs are read as they are recorded.
  public static let recorded = ProductInputs()

  /// What holds of products that are not named; nil for inputs as they are recorded.
  private var others: Format?
  /// What holds of products by their names, or by the last part of those.
  private var named: [String: Format?] = [:]

  private init() {}

  /// Reads what a file says: `q8_0`, or with exceptions `q8_K, mlp_out = q8_0, layers/003/q = recorded`.
  public init?(text: String) {
    for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
      let words = part.split(separator: "=", omittingEmptySubsequences: false).map { $0.trimmingSpaces }
      guard let name = words.last, words.count <= 2 else { return nil }
      let format = Format(rawValue: name)
      guard format != nil || name == "recorded" else { return nil }
      if words.count == 2 {
        guard !words[0].isEmpty, named.updateValue(format, forKey: words[0]) == nil else { return nil }
      } else {
        guard index == 0 else { return nil }
        others = format
      }
    }
  }

  /// In what the product that makes the activation at `path` reads its inputs; nil for as they are recorded.
  public func format(at path: String) -> Format? {
    if let found = named[path] { return found }
    let last = path.split(separator: "/").last.map(String.init) ?? path
    return named[last] ?? others
  }

  /// What a file says of it, in one way.
  public var text: String {
    let exceptions = named.sorted { $0.key < $1.key }.map { name, format in
      "\(name) = \(format?.rawValue ?? "recorded")"
    }
    return ([others?.rawValue ?? "recorded"] + exceptions).joined(separator: ", ")
  }
}

extension Substring {
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
