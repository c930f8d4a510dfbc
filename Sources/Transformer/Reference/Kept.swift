/// Values that are dropped with their last reader.
package struct Kept<Key: Hashable, Value> {
  private var values: [Key: Value] = [:]
  private var readers: [Key: Int]

  /// Expects readers.
  ///
  /// - Parameter readers: each key as often as it will be read.
  package init(readers: [Key]) {
    self.readers = Dictionary(readers.map { ($0, 1) }, uniquingKeysWith: +)
  }

  /// Keeps a value, unless nobody will read it.
  package mutating func keep(_ key: Key, _ value: Value) {
    if readers[key, default: 0] > 0 { values[key] = value }
  }

  /// A value, dropped if this reader is its last; nil for one that was not kept.
  package mutating func read(_ key: Key) -> Value? {
    readers[key, default: 0] -= 1
    return readers[key] == 0 ? values.removeValue(forKey: key) : values[key]
  }

  /// A value, made for its first reader.
  package mutating func read(_ key: Key, else make: (Key) -> Value) -> Value {
    if values[key] == nil { values[key] = make(key) }
    guard let value = read(key) else { preconditionFailure("a value that was just kept is gone") }
    return value
  }
}
