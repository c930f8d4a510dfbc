extension [Double] {
  /// The values by rising size, none of them NaN.
  ///
  /// Recurrence is looked for in every column of a matrix, which comparing would make a large part of judging. Bit
  /// patterns order like the values once those of negative ones are inverted, and are sorted digit by digit from the
  /// lowest (Knuth 1998, §5.2.5): those of float32 where the values are such, as weights and what is captured are.
  func ascending() -> [Double] {
    guard count >= Self.manyToSort else { return sorted() }
    if allSatisfy({ Double(Float($0)) == $0 }) {
      let signBit: UInt32 = 1 << 31
      let keys = map { value in
        let bits = Float(value).bitPattern
        return bits & signBit == 0 ? bits | signBit : ~bits
      }
      return keys.sortedByDigits().map {
        Double(Float(bitPattern: $0 & signBit == 0 ? ~$0 : $0 & ~signBit))
      }
    }
    let signBit: UInt64 = 1 << 63
    let keys = map { value in
      let bits = value.bitPattern
      return bits & signBit == 0 ? bits | signBit : ~bits
    }
    return keys.sortedByDigits().map { Double(bitPattern: $0 & signBit == 0 ? ~$0 : $0 & ~signBit) }
  }

  private static var manyToSort: Int { 256 }
}

extension Array where Element: FixedWidthInteger & UnsignedInteger {
  /// The numbers by rising size; digits that all have alike are passed over.
  fileprivate func sortedByDigits() -> [Element] {
    let mask = Element(Self.digitCount - 1)
    let shifts = stride(from: 0, to: Element.bitWidth, by: Self.digitWidth).map { Element($0) }
    // Where the numbers with each digit go, place by place: how many there are, counted in one pass over all places.
    var starts = [Int](repeating: 0, count: shifts.count * Self.digitCount)
    var (keys, sorted) = (self, self)
    starts.withUnsafeMutableBufferPointer { starts in
      for key in self {
        for (place, shift) in shifts.enumerated() {
          starts[place * Self.digitCount + Int(truncatingIfNeeded: key &>> shift & mask)] += 1
        }
      }
      for (place, shift) in shifts.enumerated() {
        let starts = UnsafeMutableBufferPointer(
          rebasing: starts[place * Self.digitCount..<(place + 1) * Self.digitCount])
        if starts[Int(truncatingIfNeeded: self[0] &>> shift & mask)] == count { continue }
        var next = 0
        for digit in starts.indices { (starts[digit], next) = (next, next + starts[digit]) }
        sorted.withUnsafeMutableBufferPointer { sorted in
          for key in keys {
            let digit = Int(truncatingIfNeeded: key &>> shift & mask)
            sorted[starts[digit]] = key
            starts[digit] += 1
          }
        }
        swap(&keys, &sorted)
      }
    }
    return keys
  }

  private static var digitWidth: Int { 8 }
  private static var digitCount: Int { 1 << digitWidth }
}
