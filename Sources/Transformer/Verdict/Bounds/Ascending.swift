extension [Double] {
  /// The values by rising size, none of them NaN.
  ///
  /// Recurrence is looked for in every column of a matrix, which comparing would make a large part of judging. Bit
  /// patterns order like the values once those of negative ones are inverted, and are sorted digit by digit from the
  /// lowest (Knuth 1998, §5.2.5); values that were float32 have the same lowest digits, which are passed over.
  func ascending() -> [Double] {
    guard count >= Self.manyToSort else { return sorted() }
    let signBit: UInt64 = 1 << 63
    var keys = map { value in
      let bits = value.bitPattern
      return bits & signBit == 0 ? bits | signBit : ~bits
    }
    var sorted = [UInt64](repeating: 0, count: count)
    for shift in stride(from: 0, to: 64, by: Self.digitWidth) {
      var places = [Int](repeating: 0, count: 1 << Self.digitWidth)
      let mask = UInt64(places.count - 1)
      for key in keys { places[Int(key >> shift & mask)] += 1 }
      if places[Int(keys[0] >> shift & mask)] == count { continue }
      var next = 0
      for digit in places.indices { (places[digit], next) = (next, next + places[digit]) }
      for key in keys {
        let digit = Int(key >> shift & mask)
        sorted[places[digit]] = key
        places[digit] += 1
      }
      swap(&keys, &sorted)
    }
    return keys.map { Double(bitPattern: $0 & signBit == 0 ? ~$0 : $0 & ~signBit) }
  }

  private static var manyToSort: Int { 256 }
  private static var digitWidth: Int { 11 }
}
