import ArgumentParser

/// Whole numbers with commas between them, such as `1,2,3`.
struct IntegerList: ExpressibleByArgument {
  let values: [Int]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let values = parts.map { Int($0.trimmingPrefix(while: \.isWhitespace)) }
    guard !values.contains(nil) else { return nil }
    self.values = values.compactMap { $0 }
  }
}
