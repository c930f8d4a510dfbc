import Foundation
import TouchstoneGraph

/// A rotation of a graph, with its frequencies where they are the same for every sequence.
struct Rotation: Sendable {
  let kind: Rotate
  private let fixed: [Double]?

  init(_ kind: Rotate) {
    self.kind = kind
    switch kind.frequencies.scaling {
    case .dynamic, .longrope: fixed = nil
    case .none, .linear, .llama3, .yarn, .proportional:
      fixed = kind.frequencies.radians(pairs: kind.width / 2, sequenceLength: 1)
    }
  }

  /// Radians for each position, by pair, in a sequence whose greatest position is one less than its length.
  func frequencies(sequenceLength: Int) -> [Double] {
    fixed ?? kind.frequencies.radians(pairs: kind.width / 2, sequenceLength: sequenceLength)
  }
}

/// Cosines and sines of the angles of some rows.
struct RotaryTable: Sendable {
  /// Of each row the cosines of all pairs.
  private let cosines: RowBuffer
  private let sines: RowBuffer
  let pairs: Int

  /// The angle is computed in float64, cosine and sine are rounded once.
  init(_ frequencies: [Double], magnitude: Double, positions: [Int]) {
    pairs = frequencies.count
    cosines = RowBuffer(rows: positions.count, width: frequencies.count)
    sines = RowBuffer(rows: positions.count, width: frequencies.count)
    for (row, position) in positions.enumerated() {
      for (pair, frequency) in frequencies.enumerated() {
        let angle = Double(position) * frequency
        cosines.row(row)[pair] = Float(magnitude * cos(angle))
        sines.row(row)[pair] = Float(magnitude * sin(angle))
      }
    }
  }

  func row(_ index: Int) -> (cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>) {
    (UnsafePointer(cosines.row(index)), UnsafePointer(sines.row(index)))
  }
}

/// How the heads of queries or keys are turned.
///
/// Clauses: KER-14.
struct Turn: Sendable {
  private let first: Int
  private let pairs: Int
  private let style: Rotate.Style
  /// The number of the rotation.
  private let number: Int

  init(_ kind: Rotate, number: Int) {
    first = kind.first
    pairs = kind.width / 2
    style = kind.style
    self.number = number
  }

  /// Turns one head of some rows in place.
  ///
  /// - Parameters:
  ///   - head: where its first number stands in the first of the rows.
  ///   - stride: from a row to the next.
  ///   - rows: which rows of the pass they are.
  ///   - machine: has the angles.
  func turn(_ head: UnsafeMutablePointer<Float>, stride: Int, rows: Range<Int>, with machine: Machine) {
    let table = machine.turns[number]
    for (index, row) in rows.enumerated() {
      let values = head + index * stride + first
      let (cosines, sines) = table.row(row)
      switch style {
      case .half: machine.kernels.rotate(values, values + pairs, pairs, cosines, sines)
      case .interleaved, .interleavedToHalf:
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * pairs) { halves in
          guard let halves = halves.baseAddress else { return }
          for pair in 0..<pairs {
            halves[pair] = values[2 * pair]
            halves[pairs + pair] = values[2 * pair + 1]
          }
          machine.kernels.rotate(halves, halves + pairs, pairs, cosines, sines)
          if style == .interleavedToHalf {
            values.update(from: halves, count: 2 * pairs)
          } else {
            for pair in 0..<pairs {
              values[2 * pair] = halves[pair]
              values[2 * pair + 1] = halves[pairs + pair]
            }
          }
        }
      }
    }
  }
}
