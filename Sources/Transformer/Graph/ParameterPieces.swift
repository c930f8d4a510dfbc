import TouchstoneModel

/// A parameter as an operation reads it, widened some outputs at a time: a large matrix needs no widened copy.
package struct ParameterPieces: Sendable {
  private let stored: StoredTensor
  private let view: ParameterView
  private let places: ViewPlaces

  /// Looks at a parameter's float32 values, as ``Weights/storedFloat32(_:)`` gives them, as `view` says.
  package init(_ stored: StoredTensor, _ view: ParameterView) {
    precondition(stored.type == .float32, "a parameter is looked at in float32")
    self.stored = stored
    self.view = view
    places = ViewPlaces(view)
  }

  /// Some outputs in float64: output o of the piece is output `outputs.lowerBound + o` of the view.
  package subscript(outputs: Range<Int>) -> ParameterValues<Double> {
    let inputs = view.inputCount ?? 1
    // Neighbours in the file stay neighbours.
    let isOutputsFirst = places.inputStride == 1
    var values = [Double](repeating: 0, count: outputs.count * inputs)
    stored.bytes.withUnsafeBytes { bytes in
      func value(at place: Int) -> Double {
        let pattern = bytes.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self)
        return Double(Float(bitPattern: UInt32(littleEndian: pattern)))
      }
      let starts = Array(places.starts[outputs])
      if isOutputsFirst {
        for (output, start) in starts.enumerated() {
          for input in 0..<inputs { values[output * inputs + input] = value(at: start + input) }
        }
      } else {
        for input in 0..<inputs {
          let row = input * places.inputStride
          for (output, start) in starts.enumerated() {
            values[input * outputs.count + output] = value(at: start + row)
          }
        }
      }
    }
    let shape =
      view.inputCount == nil
      ? [outputs.count] : isOutputsFirst ? [outputs.count, inputs] : [inputs, outputs.count]
    let piece = ParameterView(
      Parameter(view.parameter.name, shape), isOutputsFirst ? .outputsFirst : .inputsFirst)
    return ParameterValues(Tensor(values, shape: shape), piece)
  }
}
