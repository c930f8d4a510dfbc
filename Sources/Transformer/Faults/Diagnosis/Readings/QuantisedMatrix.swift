import Foundation
import TouchstoneGraph
import TouchstoneModel

/// The least and the greatest of some numbers.
struct Extent: Sendable {
  var least = Double.infinity
  var greatest = -Double.infinity

  init(_ values: some Sequence<Double>) {
    for value in values { add(value) }
  }

  mutating func add(_ value: Double) {
    least = min(least, value)
    greatest = max(greatest, value)
  }
}

/// What the groups of a matrix range over, found once however many ways of quantising it are tried.
final class MatrixExtents: @unchecked Sendable {
  private let weight: ParameterValues<Double>
  private let lock = NSLock()
  // Guarded by the lock.
  private var known: [QuantisationGroup: [Int: [Extent]]] = [:]

  init(_ weight: ParameterValues<Double>) { self.weight = weight }

  /// Of all numbers that stand in the file beside it: queries, keys and values may be parts of one matrix.
  var whole: Extent {
    extents(.whole, 0) { [Extent(weight.tensor.values)] }[0]
  }

  /// Of `size` outputs from `first` on, input by input.
  func ofOutputs(_ size: Int, from first: Int) -> [Extent] {
    extents(.outputs(size), first) {
      let outputs = first..<min(first + size, weight.outputCount)
      return (0..<weight.inputCount).map { input in Extent(outputs.lazy.map { self.weight[$0, input] }) }
    }
  }

  private func extents(_ group: QuantisationGroup, _ first: Int, _ make: () -> [Extent]) -> [Extent] {
    lock.withLock {
      if let found = known[group]?[first] { return found }
      let made = make()
      known[group, default: [:]][first] = made
      return made
    }
  }
}

/// A matrix as it is once it is quantised, output by output.
struct QuantisedMatrix {
  let weight: ParameterValues<Double>
  let extents: MatrixExtents
  let scheme: Quantisation
  let group: QuantisationGroup

  /// W(output, ·) of one output.
  func row(_ output: Int) -> [Double] {
    let inputs = weight.inputCount
    switch group {
    case .inputs(let size):
      let own = (0..<inputs).map { weight[output, $0] }
      return stride(from: 0, to: inputs, by: size).flatMap {
        scheme.stored(Array(own[$0..<min($0 + size, inputs)]))
      }
    case .outputs(let size):
      let first = output / size * size
      let source = first + scheme.place(output - first, of: min(size, weight.outputCount - first))
      return zip(extents.ofOutputs(size, from: first), 0..<inputs).map { extent, input in
        scheme.grid(extent).stored(weight[source, input])
      }
    case .whole:
      let grid = scheme.grid(extents.whole)
      let (all, count) = (weight.tensor.values, weight.tensor.values.count)
      return (0..<inputs).map {
        grid.stored(all[scheme.place(weight.offset(output: output, input: $0), of: count)])
      }
    }
  }
}
