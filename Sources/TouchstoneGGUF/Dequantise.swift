import Foundation
import TouchstoneModel

extension BlockType {
  /// The float32 values of whole blocks, each by the operations of ggml's definition in their order.
  ///
  /// - Parameters:
  ///   - blocks: whole blocks of a type that is not ``scalarType``'s.
  ///   - values: room for them all.
  func dequantise(_ blocks: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Float>) {
    guard let start = blocks.baseAddress, let first = values.baseAddress else { return }
    for index in 0..<blocks.count / blockSize {
      let block = Block(start: start + index * blockSize, values: first + index * blockLength)
      switch self {
      case .q40: block.q40()
      case .q41: block.q41()
      case .q50: block.q50()
      case .q51: block.q51()
      case .q80: block.q80()
      case .q2k: block.q2k()
      case .q3k: block.q3k()
      case .q4k: block.q4k()
      case .q5k: block.q5k()
      case .q6k: block.q6k()
      case .q8k: block.q8k()
      case .f32, .f16, .bf16, .f64: preconditionFailure("\(name) has no blocks")
      }
    }
  }
}

/// A block of ggml (`ggml-common.h`), and room for its values.
struct Block {
  let start: UnsafeRawPointer
  let values: UnsafeMutablePointer<Float>

  @inline(__always)
  func byte(_ offset: Int) -> Int { Int(start.load(fromByteOffset: offset, as: UInt8.self)) }

  @inline(__always)
  func signedByte(_ offset: Int) -> Int { Int(start.load(fromByteOffset: offset, as: Int8.self)) }

  /// A number in half precision.
  @inline(__always)
  func half(_ offset: Int) -> Float {
    widenFloat16(UInt16(littleEndian: start.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
  }

  /// d·(q − 8): 16 bytes of two numbers, the lower halves first.
  func q40() {
    let scale = half(0)
    for i in 0..<16 {
      values[i] = Float(byte(2 + i) & 15 - 8) * scale
      values[i + 16] = Float(byte(2 + i) >> 4 - 8) * scale
    }
  }

  /// d·q + m.
  func q41() {
    let (scale, minimum) = (half(0), half(2))
    for i in 0..<16 {
      values[i] = Float(byte(4 + i) & 15) * scale + minimum
      values[i + 16] = Float(byte(4 + i) >> 4) * scale + minimum
    }
  }

  /// d·(q − 16), the fifth bits together in front.
  func q50() {
    let scale = half(0)
    for i in 0..<16 {
      values[i] = Float((byte(6 + i) & 15 | fifthBit(i, at: 2)) - 16) * scale
      values[i + 16] = Float((byte(6 + i) >> 4 | fifthBit(i + 16, at: 2)) - 16) * scale
    }
  }

  /// d·q + m, the fifth bits together in front.
  func q51() {
    let (scale, minimum) = (half(0), half(2))
    for i in 0..<16 {
      values[i] = Float(byte(8 + i) & 15 | fifthBit(i, at: 4)) * scale + minimum
      values[i + 16] = Float(byte(8 + i) >> 4 | fifthBit(i + 16, at: 4)) * scale + minimum
    }
  }

  @inline(__always)
  private func fifthBit(_ index: Int, at offset: Int) -> Int {
    (byte(offset + index / 8) >> (index % 8) & 1) << 4
  }

  /// d·q.
  func q80() {
    let scale = half(0)
    for i in 0..<32 { values[i] = Float(signedByte(2 + i)) * scale }
  }

  /// d·q with d in float32, and sums of 16 behind that no value needs.
  func q8k() {
    let pattern = UInt32(littleEndian: start.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
    let scale = Float(bitPattern: pattern)
    for i in 0..<256 { values[i] = scale * Float(signedByte(4 + i)) }
  }
}
