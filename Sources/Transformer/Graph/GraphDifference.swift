import TouchstoneModel

extension Graph {
  /// Where `other` says something else, for a sentence; nil where the two are equal.
  public func difference(from other: Graph) -> String? {
    if self == other { return nil }
    for (own, theirs) in zip(operations, other.operations) where own != theirs {
      return own.output == theirs.output
        ? "\(own.output) is made in another way" : "\(theirs.output) stands where \(own.output) belongs"
    }
    guard operations.count == other.operations.count else {
      return "it has \(other.operations.count) operations instead of \(operations.count)"
    }
    return "the results are others"
  }
}
