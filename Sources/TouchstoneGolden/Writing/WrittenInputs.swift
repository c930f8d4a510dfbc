import Foundation
import TouchstoneGraph
import TouchstoneHDF5
import TouchstoneModel

/// What the model was given, and what it is trained for.
extension ActivationFileWriter {
  /// Writes the sequence, or several, and what the loss is.
  func writeInputs() throws(BadInput) {
    if graph.readsArrays {
      for input in inputs.givenArrays {
        try write(StoredTensor(inputs.array(input)), at: GoldenFormat.path(of: input))
      }
      return
    }
    try write(.tokenIDs, of: inputs)
    try write(.positionIDs, of: inputs)
    if graph.inputs.contains(.tokenTypeIDs) { try write(.tokenTypeIDs, of: inputs) }
    if model.loss != nil, inputs.targets != nil { try write(.targets, of: inputs) }
    try writeMask(.attentionMask, of: inputs)
    if let sound = inputs.source?.sound {
      try write(sound)
    } else if let source = inputs.source {
      try write(.encoderTokenIDs, of: source)
      try write(.encoderPositionIDs, of: source)
      try writeMask(.encoderAttentionMask, of: source)
    }
    if let loss = model.loss { try write(loss) }
  }

  private func write(_ input: Input, of inputs: Inputs) throws(BadInput) {
    // Ids are below `Inputs.greatestCount` or rows of a table, which int32 holds.
    let values = inputs.ids(input).map { Int32($0).littleEndian }
    try datasets.write(
      GoldenFormat.path(of: input), .integer(byteCount: 4, isSigned: true), shape: shape(of: inputs),
      bytes: values.withUnsafeBytes { Data($0) })
  }

  private func write(_ sound: Sound) throws(BadInput) {
    guard let frontEnd = sound.frontEnd else {
      try write(StoredTensor(sound.features), at: GoldenFormat.path(of: .inputFeatures))
      return
    }
    let samples = Tensor(sound.values, shape: [sound.values.count])
    try write(StoredTensor(samples), at: GoldenFormat.path(of: .audio))
    let count = frontEnd.windowLength / 2 + 1
    let filters = Tensor(sound.filters, shape: [count, sound.filters.count / count])
    try write(StoredTensor(filters), at: GoldenFormat.inputs + "/" + GoldenFormat.filters)
    for (name, value) in [
      (GoldenFormat.windowLength, frontEnd.windowLength), (GoldenFormat.hopLength, frontEnd.hop),
    ] {
      let bytes = withUnsafeBytes(of: Int32(value).littleEndian) { Data($0) }
      try datasets.write(
        GoldenFormat.inputs + "/" + name, .integer(byteCount: 4, isSigned: true), shape: [], bytes: bytes)
    }
  }

  private func write(_ tensor: StoredTensor, at path: String) throws(BadInput) {
    try datasets.write(path, .float(tensor.type), shape: tensor.shape, bytes: tensor.bytes)
  }

  private func writeMask(_ input: Input, of inputs: Inputs) throws(BadInput) {
    guard let mask = inputs.attentionMask else { return }
    try datasets.write(
      GoldenFormat.path(of: input), .integer(byteCount: 1, isSigned: false), shape: shape(of: inputs),
      bytes: Data(mask.map { $0 ? 1 : 0 }))
  }

  /// One sequence has no axis for sequences.
  private func shape(of inputs: Inputs) -> [Int] {
    (inputs.sequenceCount > 1 ? [inputs.sequenceCount] : []) + [inputs.sequenceLength]
  }

  private func write(_ loss: Loss) throws(BadInput) {
    try file.setAttribute("reduction", of: GoldenFormat.inputs, to: loss.divisor == 1 ? "sum" : "mean")
    for (name, value) in [
      ("divisor", loss.divisor ?? Double.nan), ("loss_scale", loss.scale),
      ("label_smoothing", loss.labelSmoothing),
    ] where !value.isNaN {
      try file.setAttribute(name, of: GoldenFormat.inputs, to: value)
    }
    if let index = loss.paddingIndex {
      try file.setAttribute("padding_index", of: GoldenFormat.inputs, to: Double(index))
    }
  }
}
