import Foundation

/// Assembles a safetensors file byte by byte, malformed ones too.
struct RawSafetensors {
  var members = [String]()
  var payload = Data()

  /// Appends a tensor and its bytes.
  mutating func add(_ name: String, _ type: String, _ shape: [Int], _ bytes: Data) {
    let end = payload.count + bytes.count
    members.append(
      #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[\#(payload.count),\#(end)]}"#)
    payload.append(bytes)
  }

  /// The file, its header as short as it can be.
  var data: Data { Self.file(header: "{\(members.joined(separator: ","))}", payload: payload) }

  /// A file of any header and any length declared for it.
  static func file(header: String, payload: Data = Data(), declaring length: UInt64? = nil) -> Data {
    let count = length ?? UInt64(header.utf8.count)
    return withUnsafeBytes(of: count.littleEndian) { Data($0) } + Data(header.utf8) + payload
  }
}
