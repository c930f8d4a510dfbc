/// Blocks of 256 numbers whose parts have scales of few bits themselves (ggml's K-quants).
extension Block {
  /// 16 parts: d·s·q − dₘ·m, numbers of two bits, s and m of four.
  func q2k() {
    let (scale, minimum) = (half(80), half(82))
    for part in 0..<16 {
      // Two halves of 128, in each four shifts over the same 32 bytes.
      let (half, shift, bytes) = (part / 8, part % 8 / 2 * 2, part % 2 * 16)
      let ownScale = scale * Float(byte(part) & 15)
      let ownMinimum = minimum * Float(byte(part) >> 4)
      for i in 0..<16 {
        let number = byte(16 + half * 32 + bytes + i) >> shift & 3
        values[part * 16 + i] = ownScale * Float(number) - ownMinimum
      }
    }
  }

  /// 16 parts: d·(s − 32)·(q − 4 or 0), numbers of two bits and one that says what is taken off.
  func q3k() {
    let scale = half(108)
    for part in 0..<16 {
      let (half, shift, bytes) = (part / 8, part % 8 / 2 * 2, part % 2 * 16)
      let low = part < 8 ? byte(96 + part) & 15 : byte(96 + part - 8) >> 4
      let high = byte(104 + part % 4) >> (part / 4 * 2) & 3
      let ownScale = scale * Float((low | high << 4) - 32)
      for i in 0..<16 {
        let number = byte(32 + half * 32 + bytes + i) >> shift & 3
        let isHigh = byte(bytes + i) >> (half * 4 + shift / 2) & 1 == 1
        values[part * 16 + i] = ownScale * Float(isHigh ? number : number - 4)
      }
    }
  }

  /// 8 parts: d·s·q − dₘ·m, s and m of six bits.
  func q4k() {
    let (scale, minimum) = (half(0), half(2))
    for part in 0..<8 {
      let own = sixBits(part, at: 4)
      let (ownScale, ownMinimum) = (scale * Float(own.scale), minimum * Float(own.minimum))
      for i in 0..<32 {
        let number = byte(16 + part / 2 * 32 + i) >> (part % 2 * 4) & 15
        values[part * 32 + i] = ownScale * Float(number) - ownMinimum
      }
    }
  }

  /// The same with a fifth bit, those of all parts over the same 32 bytes.
  func q5k() {
    let (scale, minimum) = (half(0), half(2))
    for part in 0..<8 {
      let own = sixBits(part, at: 4)
      let (ownScale, ownMinimum) = (scale * Float(own.scale), minimum * Float(own.minimum))
      for i in 0..<32 {
        let low = byte(48 + part / 2 * 32 + i) >> (part % 2 * 4) & 15
        let high = byte(16 + i) >> part & 1
        values[part * 32 + i] = ownScale * Float(low | high << 4) - ownMinimum
      }
    }
  }

  /// 16 parts: d·s·(q − 32), s of eight bits; four bits of a number in one place and two in another.
  func q6k() {
    let scale = half(208)
    for group in 0..<8 {
      // Two halves of 128, in each four groups of 32: the lower and upper four bits of 64 bytes.
      let (half, inner) = (group / 4, group % 4)
      for i in 0..<32 {
        let low = byte(half * 64 + inner % 2 * 32 + i) >> (inner / 2 * 4) & 15
        let high = byte(128 + half * 32 + i) >> (inner * 2) & 3
        let ownScale = scale * Float(signedByte(192 + group * 2 + i / 16))
        values[group * 32 + i] = ownScale * Float((low | high << 4) - 32)
      }
    }
  }

  /// Scale and minimum of a part: those of the first four are bytes' lower six bits, the others' bits stand in three places.
  @inline(__always)
  private func sixBits(_ part: Int, at offset: Int) -> (scale: Int, minimum: Int) {
    if part < 4 { return (byte(offset + part) & 63, byte(offset + part + 4) & 63) }
    let both = byte(offset + part + 4)
    return (
      both & 15 | (byte(offset + part - 4) >> 6) << 4, both >> 4 | (byte(offset + part) >> 6) << 4
    )
  }
}
