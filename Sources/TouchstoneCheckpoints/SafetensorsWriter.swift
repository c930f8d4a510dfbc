import Foundation
import TouchstoneFiles
import TouchstoneGraph
import TouchstoneModel

/// Writes safetensors files, whole or not at all, always the same bytes from the same tensors.
///
/// The layout is that of Hugging Face's own writer: wider types first, then by name, the header padded with
/// spaces so that every tensor is aligned.
package enum SafetensorsWriter {
  /// A tensor yet to be written.
  package struct Outline: Sendable {
    /// The type of each value.
    package let type: ScalarType
    /// Extent of each axis, outermost first.
    package let shape: [Int]

    /// Describes a tensor.
    package init(type: ScalarType, shape: [Int]) {
      self.type = type
      self.shape = shape
    }

    fileprivate var byteCount: Int { shape.reduce(type.byteCount, *) }
  }

  /// Writes `tensors` under their names, over a regular file that exists.
  ///
  /// - Parameter progress: is told which share of the bytes is written.
  /// - Throws: ``BadInput`` if the file cannot be written.
  package static func write(
    _ tensors: [String: StoredTensor], to file: URL, progress: (Double) -> Void = { _ in }
  ) throws(BadInput) {
    let outlines = tensors.mapValues { Outline(type: $0.type, shape: $0.shape) }
    try write(outlines, to: file, progress: progress) { name in tensors[name]?.bytes ?? Data() }
  }

  /// Writes tensors that are made one at a time: `bytes` is called for each in the order of the file.
  ///
  /// - Parameters:
  ///   - overwrite: whether a file that exists is replaced.
  ///   - progress: is told which share of the bytes is written.
  /// - Throws: ``BadInput`` if the file cannot be written, and what `bytes` throws.
  package static func write(
    _ outlines: [String: Outline], to file: URL, overwrite: Bool = true,
    progress: (Double) -> Void = { _ in },
    bytes: (String) throws(BadInput) -> Data
  ) throws(BadInput) {
    let ordered = outlines.sorted {
      ($1.value.type.byteCount, $0.key) < ($0.value.type.byteCount, $1.key)
    }
    try AtomicFile.write(to: file.path, overwrite: overwrite) { sink throws(BadInput) in
      try sink.write(header(ordered))
      let total = ordered.reduce(0.0) { $0 + Double($1.value.byteCount) }
      var written = 0.0
      for (name, outline) in ordered {
        let data = try bytes(name)
        precondition(data.count == outline.byteCount, "\(name): \(data.count) bytes do not fill \(outline)")
        try sink.write(data)
        written += Double(data.count)
        progress(written / total)
      }
    }
  }

  private static func header(_ ordered: [(key: String, value: Outline)]) -> Data {
    var offset = 0
    var members = [#""__metadata__":{"format":"pt"}"#]
    for (name, outline) in ordered {
      let end = offset + outline.byteCount
      let shape = outline.shape.map(String.init).joined(separator: ",")
      members.append(
        JSONValue.quoted(name) + #":{"dtype":"\#(outline.type.safetensorsName)","#
          + #""shape":[\#(shape)],"data_offsets":[\#(offset),\#(end)]}"#)
      offset = end
    }
    var text = Data("{\(members.joined(separator: ","))}".utf8)
    text.append(Data(repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) } + text
  }
}

extension ScalarType {
  /// The type's name in a safetensors header.
  var safetensorsName: String {
    switch self {
    case .float64: "F64"
    case .float32: "F32"
    case .float16: "F16"
    case .bfloat16: "BF16"
    }
  }
}
