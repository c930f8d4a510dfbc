import Foundation
import TouchstoneVerdict

/// A value with a fixed number of digits after the point.
package func fixed(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite else { return significant(value, digits) }
  return String(format: "%.\(digits)f", value)
}

/// A probability as a person reads it, such as `41.5%`.
package func percent(_ probability: Double, digits: Int = 1) -> String {
  fixed(100 * probability, digits) + "%"
}

/// An error relative to the largest value: two digits are enough.
func relativeText(_ value: Double?) -> String {
  guard let value else { return "–" }
  return value == 0 ? "0" : String(format: "%.1e", value)
}
