/// What divides logits before probabilities are taken of them.
public enum Temperature {
  /// The temperatures at which recorded probabilities say something of the logits.
  ///
  /// Above it logits that differ by 1 give probabilities that are equal to the last place of float16; below it logits of
  /// 100 become 10⁵, whose last place in float32 is a hundredth of each probability.
  public static let range = 1e-3...1e3
}
