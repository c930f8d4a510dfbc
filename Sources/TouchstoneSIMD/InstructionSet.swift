import Foundation
import TouchstoneCPU
import TouchstoneModel

/// The vector instructions that the kernels are compiled for.
public enum InstructionSet: String, Sendable, CaseIterable, Comparable {
  /// What every processor of the architecture has: SSE2, or NEON with fused multiply-add.
  case baseline
  /// 256-bit vectors and fused multiply-add.
  case avx2
  /// 512-bit vectors (F, BW, CD, DQ, VL).
  case avx512

  /// The environment variable that forces a lower instruction set than the processor has.
  public static let environmentVariable = "TOUCHSTONE_INSTRUCTION_SET"

  /// What this processor has, by its own account; the last is the best.
  public static let available: [InstructionSet] = allCases.filter { set in
    switch set {
    case .baseline: true
    case .avx2: touchstone_cpu_has_avx2_and_fma()
    case .avx512: touchstone_cpu_has_avx512()
    }
  }

  /// The best that this processor has, or the lower one that the environment asks for.
  ///
  /// - Throws: ``BadInput`` when the environment asks for one that does not exist or that the processor
  ///   lacks.
  public static func preferred(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(BadInput) -> InstructionSet {
    let names = available.map(\.rawValue)
    guard let wanted = environment[environmentVariable], !wanted.isEmpty else {
      return available.last ?? .baseline
    }
    guard let set = InstructionSet(rawValue: wanted), available.contains(set) else {
      throw BadInput(
        place: environmentVariable, problem: "asks for \(wanted), which this processor does not offer",
        remedy: "unset it or choose from " + names.joined(separator: ", "))
    }
    return set
  }

  /// Whether a·b + c is rounded once; where it is, every instruction set gives the same bits.
  public var fusesMultiplyAdd: Bool {
    #if arch(arm64)
      true
    #else
      self != .baseline
    #endif
  }

  /// From the fewest instructions to the most.
  public static func < (left: InstructionSet, right: InstructionSet) -> Bool {
    left.rank < right.rank
  }

  private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
