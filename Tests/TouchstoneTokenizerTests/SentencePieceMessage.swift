import Foundation

@testable import TouchstoneTokenizer

/// Messages of protocol buffers, written for one test.
struct WireMessage {
  private(set) var bytes: [UInt8] = []

  static func varint(_ value: UInt64) -> [UInt8] {
    value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F) | 0x80] + varint(value >> 7)
  }

  func number(_ field: UInt64, _ value: Int) -> WireMessage {
    adding(Self.varint(field << 3) + Self.varint(UInt64(bitPattern: Int64(value))))
  }

  func float(_ field: UInt64, _ value: Float) -> WireMessage {
    adding(Self.varint(field << 3 | 5) + withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init))
  }

  func bytes(_ field: UInt64, _ value: some Sequence<UInt8>) -> WireMessage {
    let value = Array(value)
    return adding(Self.varint(field << 3 | 2) + Self.varint(UInt64(value.count)) + value)
  }

  func message(_ field: UInt64, _ message: WireMessage) -> WireMessage { bytes(field, message.bytes) }

  func adding(_ more: [UInt8]) -> WireMessage {
    var result = self
    result.bytes += more
    return result
  }
}

/// A SentencePiece model of a few pieces.
struct SmallSentencePiece {
  var pieces: [(String, Float, SentencePieceFile.Kind)] = [
    ("<unk>", 0, .unknown), ("<s>", 0, .control), ("</s>", 0, .control), ("▁", -3, .normal),
    ("a", -1, .normal),
    ("b", -1, .normal), ("ab", -1.5, .normal), ("▁a", -2, .normal),
  ]
  var trainer = WireMessage()
  var normalizer = WireMessage()
  var more = WireMessage()

  var bytes: [UInt8] {
    pieces.reduce(WireMessage()) { message, piece in
      message.message(
        1,
        WireMessage().bytes(1, piece.0.utf8).float(2, piece.1).number(3, piece.2.rawValue))
    }.message(2, trainer).message(3, normalizer).adding(more.bytes).bytes
  }

  /// The vocabulary of these pieces for Marian, in the opposite order.
  static let vocabulary =
    #"{"▁a": 0, "ab": 1, "b": 2, "a": 3, "▁": 4, "</s>": 5, "<unk>": 6, ">>x<<": 7, "cd": 8, "<pad>": 9}"#

  /// Gives a folder with files to `body`.
  static func withFolder<T>(
    _ models: [String: [UInt8]], _ texts: [String: String] = [:], _ body: (String) throws -> T
  ) throws -> T {
    try TokenizerFolders.withFolder(texts, copying: []) { folder in
      for (name, bytes) in models { try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + name)) }
      return try body(folder)
    }
  }
}
