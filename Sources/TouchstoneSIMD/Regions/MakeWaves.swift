import Foundation
import TouchstoneGraph
import TouchstoneModel

/// Positions as sines and cosines, found in float64 and rounded once.
///
/// Clauses: KER-22.
struct MakeWaves: Region {
  private let waves: Sinusoid
  private let output: Activation
  private let place: Place

  init?(_ reader: inout GraphReader) {
    guard let waves = reader.take(Sinusoid.self), let buffer = reader.free(.stream, .normed, .normedToo)
    else { return nil }
    self.waves = waves.kind
    output = waves.output
    place = reader.put(output, in: buffer)
  }

  func run(_ rows: Rows, on machine: Machine, observe: Observer?) throws {
    let positions = Array(rows.positionIDs.suffix(rows.count))
    let target = machine.workspace.rows(of: place)
    machine.forEachRow(rows.count, width: place.width) { row in
      for column in 0..<place.width {
        let (pair, isCosine) = waves.term(of: column)
        let angle = Double(positions[row]) * waves.frequency(of: pair)
        target.row(row)[column] = Float(isCosine ? cos(angle) : sin(angle))
      }
    }
    try observe?(output, machine.tensor(place, rows.count))
  }
}
