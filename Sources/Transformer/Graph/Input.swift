/// What a forward pass is given besides the parameters, by the name in a golden file's `inputs`.
public enum Input: String, Hashable, Sendable, CaseIterable {
  /// Token ids: [T].
  case tokenIDs = "token_ids"
  /// Where each token stands: [T].
  case positionIDs = "position_ids"
  /// Which keys may be attended to: [T].
  case attentionMask = "attention_mask"
  /// Which part of a pair of texts each token belongs to: [T].
  case tokenTypeIDs = "token_type_ids"
  /// The token that should come after each, or −100 where none is asked for: [T].
  case targets
  /// Token ids of the source, the sequence that an encoder reads: [S].
  case encoderTokenIDs = "encoder_token_ids"
  /// Where each token of the source stands: [S].
  case encoderPositionIDs = "encoder_position_ids"
  /// Which tokens of the source may be attended to: [S].
  case encoderAttentionMask = "encoder_attention_mask"
  /// What a front end made of a sound that the encoder hears: [mels, frames].
  case inputFeatures = "input_features"
  /// Samples of the sound that the encoder hears: [n].
  case audio
  /// Pixels of a picture: [channels, height, width].
  case pixelValues = "pixel_values"
  /// Vectors that a block is given by itself: [T, D].
  case hidden
  /// A vector that all tokens are modulated by: [1, D].
  case condition

  /// Whether it is an array that the graph names, and operations read as they read what is made: ``Given``.
  public var isArray: Bool { [.pixelValues, .hidden, .condition].contains(self) }

  /// Whether it is a whole number for each token.
  package var isOfTokens: Bool { self != .inputFeatures && self != .audio && !isArray }

  /// Whether it is of the source.
  public var isOfSource: Bool { own != self }

  /// What it is of its own sequence: of the source's tokens, token ids.
  package var own: Input {
    switch self {
    case .encoderTokenIDs: .tokenIDs
    case .encoderPositionIDs: .positionIDs
    case .encoderAttentionMask: .attentionMask
    default: self
    }
  }

  /// The same of the source; itself where the source has none.
  package var ofSource: Input {
    switch self {
    case .tokenIDs: .encoderTokenIDs
    case .positionIDs: .encoderPositionIDs
    case .attentionMask: .encoderAttentionMask
    default: self
    }
  }
}
