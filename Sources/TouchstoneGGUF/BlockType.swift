import Foundation
import TouchstoneModel

/// A type of ggml's tensors: numbers by themselves, or blocks of them that share scales.
public enum BlockType: UInt32, Sendable, CaseIterable {
  case f32 = 0
  case f16 = 1
  case q40 = 2
  case q41 = 3
  case q50 = 6
  case q51 = 7
  case q80 = 8
  case q2k = 10
  case q3k = 11
  case q4k = 12
  case q5k = 13
  case q6k = 14
  case q8k = 15
  case f64 = 28
  case bf16 = 30

  /// Its name, as ggml spells it.
  public var name: String {
    let name = "\(self)".uppercased()
    return name.hasPrefix("Q") ? "\(name.dropLast())_\(name.suffix(1))" : name
  }

  /// Values in a block.
  public var blockLength: Int {
    switch self {
    case .f32, .f16, .bf16, .f64: 1
    case .q40, .q41, .q50, .q51, .q80: 32
    case .q2k, .q3k, .q4k, .q5k, .q6k, .q8k: 256
    }
  }

  /// Bytes of a block.
  public var blockSize: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .f64: 8
    case .q40: 18
    case .q41: 20
    case .q50: 22
    case .q51: 24
    case .q80: 34
    case .q2k: 84
    case .q3k: 110
    case .q4k: 144
    case .q5k: 176
    case .q6k: 210
    case .q8k: 292
    }
  }

  /// The type of numbers that stand by themselves; nil for blocks.
  public var scalarType: ScalarType? {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    case .f64: .float64
    default: nil
    }
  }

  /// Types that are known by name alone.
  private static let others: [UInt32: String] = [
    4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL",
    21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 29: "IQ1_M",
    34: "TQ1_0",
    35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
  ]

  /// The type of a number in the file.
  ///
  /// - Throws: ``BadInput`` naming one that is not read; only its problem and remedy are set.
  init(number: UInt32) throws(BadInput) {
    guard let type = Self(rawValue: number) else {
      let readable = Self.allCases.map(\.name).joined(separator: ", ")
      throw BadInput(
        problem: Self.others[number].map { "has the type \($0), which is not read" }
          ?? "has the unknown type \(number)",
        remedy: "quantise the model to one of \(readable)")
    }
    self = type
  }
}
