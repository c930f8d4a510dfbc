import Foundation
import TouchstoneModel

/// What to compute with: instructions that the machine has, and threads, which those who share the value share.
package struct Resources: Sendable {
  package let instructionSet: InstructionSet
  package let threadCount: Int
  let kernels: Kernels
  let pool: ThreadPool

  /// - Parameters:
  ///   - instructionSet: one of ``InstructionSet/available``; nil takes
  ///     ``InstructionSet/preferred(environment:)``.
  ///   - threadCount: nil takes one for each processor.
  /// - Throws: ``BadInput`` when the instruction set is not available or the thread count is outside 1…1024.
  package init(instructionSet: InstructionSet?, threadCount: Int?) throws(BadInput) {
    let set: InstructionSet
    if let instructionSet { set = instructionSet } else { set = try InstructionSet.preferred() }
    guard InstructionSet.available.contains(set) else {
      throw BadInput(
        place: "instruction set", problem: "\(set.rawValue) is not offered by this processor",
        remedy: "choose from " + InstructionSet.available.map(\.rawValue).joined(separator: ", "))
    }
    let threads = threadCount ?? ProcessInfo.processInfo.activeProcessorCount
    guard (1...1024).contains(threads) else {
      throw BadInput(place: "threads", problem: "\(threads) is outside 1…1024", remedy: "give a number in it")
    }
    self.instructionSet = set
    self.threadCount = threads
    kernels = Kernels(set)
    pool = ThreadPool(threadCount: threads)
  }
}
