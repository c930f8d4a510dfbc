import TouchstoneFamilies
import TouchstoneModel

/// How much a result costs at least, by the definition of the model.
enum Work {
  /// Floating-point operations of matrix products (a multiply-add is two) for the logits that follow `tokens`.
  ///
  /// What the causal mask hides is not counted, nor, in the last block, what only earlier rows need: there every
  /// row has a key and a value, and the last one alone the rest.
  static func prefillOperations(_ configuration: Configuration, tokens: Int) -> Double {
    let (width, inner) = (Double(configuration.width), Double(configuration.feedForwardWidth))
    let (layers, rows) = (Double(configuration.layerCount), Double(tokens))
    let keysAndValues = 2 * width * 2 * width
    let rest = 2 * width * (width + width + 2 * inner)
    let pairs = rows * (rows + 1) / 2
    let whole = rows * (keysAndValues + rest) + pairs * 4 * width
    let last = rows * keysAndValues + rest + rows * 4 * width
    return (layers - 1) * whole + last + 2 * width * Double(configuration.vocabularySize)
  }

  /// Bytes that one more token reads: every weight once but the tables of embeddings, and the keys and values.
  static func decodeBytes(_ configuration: Configuration, context: Int) -> Double {
    let (width, inner) = (Double(configuration.width), Double(configuration.feedForwardWidth))
    let block = width * (4 * width + 2 * inner) + 9 * width + inner
    let cache = 2 * width * Double(context)
    return 4
      * (Double(configuration.layerCount) * (block + cache) + width * Double(configuration.vocabularySize))
  }
}
